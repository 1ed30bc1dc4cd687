//! The posts that a stub has, what happened to them and when, and what was sent on which stream.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

/// The current time, in milliseconds since 1970.
pub fn now_ms() -> i64 {
    i64::try_from(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_millis(),
    )
    .unwrap()
}

/// A post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// The number of the post in its world.
    pub number: u64,
    /// When the author wrote it, in milliseconds since 1970.
    pub at_ms: i64,
    /// The number of the author.
    pub author: u64,
    pub lang: String,
    /// The keywords that the text holds in a form that every source finds.
    pub planted: Vec<String>,
    /// The number of the post that this one answers.
    pub reply_to: Option<u64>,
    /// The number of the post that this one repeats.
    pub repost_of: Option<u64>,
    /// The versions, oldest first.
    pub versions: Vec<Version>,
    /// When the post was deleted.
    pub deleted_ms: Option<i64>,
    pub likes: u64,
    pub reposts: u64,
}

/// A version of a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub at_ms: i64,
    pub text: String,
}

impl Post {
    /// The text of the newest version.
    pub fn text(&self) -> &str {
        &self.newest().text
    }

    /// The newest version.
    pub fn newest(&self) -> &Version {
        self.versions.last().unwrap()
    }

    /// Whether the post was deleted.
    pub fn is_deleted(&self) -> bool {
        self.deleted_ms.is_some()
    }

    /// The handle of the author.
    pub fn handle(&self) -> String {
        format!("writer{}", self.author)
    }

    /// The display name of the author.
    pub fn name(&self) -> String {
        format!("Writer {}", self.author)
    }

    /// The number of the author's followers.
    pub fn followers(&self) -> u64 {
        self.author * 10
    }
}

/// A post to be written.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    text: String,
    at_ms: Option<i64>,
    author: u64,
    lang: Option<String>,
    planted: Vec<String>,
    reply_to: Option<u64>,
    repost_of: Option<u64>,
}

impl Draft {
    pub fn of(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            author: 7,
            ..Self::default()
        }
    }

    /// The time of writing; the default is the current time.
    pub fn at_ms(mut self, at_ms: i64) -> Self {
        self.at_ms = Some(at_ms);
        self
    }

    pub fn by(mut self, author: u64) -> Self {
        self.author = author;
        self
    }

    pub fn in_lang(mut self, lang: &str) -> Self {
        self.lang = Some(lang.to_owned());
        self
    }

    /// Notes that every source finds this keyword in the text.
    pub fn planting(mut self, keyword: &str) -> Self {
        self.planted.push(keyword.to_owned());
        self
    }

    pub fn replying_to(mut self, number: u64) -> Self {
        self.reply_to = Some(number);
        self
    }

    pub fn repeating(mut self, number: u64) -> Self {
        self.repost_of = Some(number);
        self
    }
}

/// What happened to a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Posted,
    /// The post got the version with this index.
    Edited(usize),
    Deleted,
}

/// One entry of the world's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Happening {
    pub number: u64,
    pub what: What,
    /// When it happened, in microseconds since 1970; different for every entry.
    pub at_us: i64,
    /// False for the past that existed before the stub was asked; no stream sends it, but a replay
    /// does.
    pub is_live: bool,
}

/// The world of a stub; a clone is the same world.
#[derive(Debug, Clone)]
pub struct World {
    state: Arc<Mutex<State>>,
    length: Arc<watch::Sender<usize>>,
}

#[derive(Debug, Default)]
struct State {
    posts: Vec<Post>,
    /// All versions of all posts by their time.
    by_time: BTreeSet<Moment>,
    log: Vec<Happening>,
    sent: Vec<Sent>,
}

/// The place of a version of a post in the order of time: milliseconds since 1970, the number of
/// the post, and the index of the version.
pub type Moment = (i64, u64, usize);

/// A happening that was sent whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// The number of the stream.
    pub stream: u64,
    /// The position in the log.
    pub position: usize,
}

impl Default for World {
    fn default() -> Self {
        Self {
            state: Arc::default(),
            length: Arc::new(watch::Sender::new(0)),
        }
    }
}

impl World {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Writes a post; streams send it. Returns its number.
    pub fn post(&self, draft: Draft) -> u64 {
        self.write(draft, true)
    }

    /// Adds a post of the past, which only searches, timelines and replays show.
    pub fn remember(&self, draft: Draft) -> u64 {
        self.write(draft, false)
    }

    fn write(&self, draft: Draft, is_live: bool) -> u64 {
        let mut state = self.state();
        let number = state.posts.len() as u64;
        let at_ms = draft.at_ms.unwrap_or_else(now_ms);
        let post = Post {
            number,
            at_ms,
            author: draft.author,
            lang: draft.lang.unwrap_or_else(|| "ko".to_owned()),
            planted: draft.planted,
            reply_to: draft.reply_to,
            repost_of: draft.repost_of,
            versions: vec![Version {
                at_ms,
                text: draft.text,
            }],
            deleted_ms: None,
            likes: 0,
            reposts: 0,
        };
        state.posts.push(post);
        state.by_time.insert((at_ms, number, 0));
        let at_us = if is_live { now_ms() } else { at_ms } * 1_000;
        self.note(state, number, What::Posted, at_us, is_live);
        number
    }

    /// Gives a post a new text.
    pub fn edit(&self, number: u64, text: &str) {
        let mut state = self.state();
        let at_ms = now_ms();
        let post = &mut state.posts[number as usize];
        post.versions.push(Version {
            at_ms,
            text: text.to_owned(),
        });
        let index = post.versions.len() - 1;
        state.by_time.insert((at_ms, number, index));
        self.note(state, number, What::Edited(index), at_ms * 1_000, true);
    }

    /// Deletes a post.
    pub fn delete(&self, number: u64) {
        let mut state = self.state();
        let at_ms = now_ms();
        state.posts[number as usize].deleted_ms = Some(at_ms);
        self.note(state, number, What::Deleted, at_ms * 1_000, true);
    }

    /// Sets the metrics of a post.
    pub fn engage(&self, number: u64, likes: u64, reposts: u64) {
        let post = &mut self.state().posts[number as usize];
        (post.likes, post.reposts) = (likes, reposts);
    }

    fn note(
        &self,
        mut state: MutexGuard<'_, State>,
        number: u64,
        what: What,
        at_us: i64,
        is_live: bool,
    ) {
        let newest = state.log.last().map_or(0, |last| last.at_us);
        let at_us = if is_live {
            at_us.max(newest + 1)
        } else {
            at_us
        };
        state.log.push(Happening {
            number,
            what,
            at_us,
            is_live,
        });
        let length = state.log.len();
        drop(state);
        self.length.send_replace(length);
    }

    /// All posts.
    pub fn posts(&self) -> Vec<Post> {
        self.state().posts.clone()
    }

    /// A post.
    pub fn get(&self, number: u64) -> Option<Post> {
        self.state()
            .posts
            .get(usize::try_from(number).ok()?)
            .cloned()
    }

    /// The posts that are not deleted and hold one of the keywords in a form that every source
    /// finds.
    pub fn planted(&self, keywords: &[&str]) -> Vec<Post> {
        let state = self.state();
        let posts = state.posts.iter().filter(|post| {
            !post.is_deleted()
                && post
                    .planted
                    .iter()
                    .any(|one| keywords.contains(&one.as_str()))
        });
        posts.cloned().collect()
    }

    /// Looks at versions from the newest to the oldest, from `from_ms` on and before `below`, until
    /// `look` returns false. Versions of deleted posts are left out.
    pub fn newest_first(
        &self,
        from_ms: i64,
        below: Moment,
        mut look: impl FnMut(Moment, &Post) -> bool,
    ) {
        let state = self.state();
        if (from_ms, 0, 0) >= below {
            return;
        }
        for moment in state.by_time.range((from_ms, 0, 0)..below).rev() {
            let post = &state.posts[moment.1 as usize];
            if !post.is_deleted() && !look(*moment, post) {
                return;
            }
        }
    }

    /// Looks at versions from the oldest to the newest, from `from_ms` on, until `look` returns
    /// false. Versions of deleted posts are left out.
    pub fn oldest_first(&self, from_ms: i64, mut look: impl FnMut(Moment, &Post) -> bool) {
        let state = self.state();
        for moment in state.by_time.range((from_ms, 0, 0)..) {
            let post = &state.posts[moment.1 as usize];
            if !post.is_deleted() && !look(*moment, post) {
                return;
            }
        }
    }

    /// The entries of the log from a position on.
    pub fn log_from(&self, position: usize) -> Vec<Happening> {
        self.state()
            .log
            .get(position..)
            .unwrap_or_default()
            .to_vec()
    }

    /// The number of entries of the log.
    pub fn log_length(&self) -> usize {
        self.state().log.len()
    }

    /// Tells when the log grows.
    pub fn length(&self) -> watch::Receiver<usize> {
        self.length.subscribe()
    }

    pub(super) fn note_sent(&self, stream: u64, position: usize) {
        self.state().sent.push(Sent { stream, position });
    }

    /// What was sent, in order.
    pub fn sent(&self) -> Vec<Sent> {
        self.state().sent.clone()
    }
}
