//! The posts of all lines as a plain list, changed line by line.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::rc::Rc;

use serde_json::{Value, json};
use tidings::events::Timestamp;
use tidings::text::{Analyser, TweetKeys};

use crate::common::posts;

/// Maximum length of a counted hashtag or mention, in code points.
const LONGEST_TAG: usize = 64;

/// The keys that the analyser finds in a text.
#[derive(Debug, Default)]
pub struct TextKeys {
    pub words: Vec<String>,
    pub hashtags: Vec<String>,
    pub mentions: Vec<String>,
}

/// A post with its latest metrics.
#[derive(Debug)]
pub struct Post {
    pub id: String,
    /// The time, in milliseconds since 1970.
    pub at: i64,
    pub author: String,
    pub keys: Rc<TextKeys>,
    /// The tweet as answers show it.
    pub shown: Value,
    /// The time of the latest metrics, in milliseconds since 1970.
    metrics_at: i64,
    /// Indexes of the keywords that the post matches.
    keywords: Vec<usize>,
}

impl Post {
    /// Likes + reposts + quotes + replies.
    pub fn score(&self) -> u64 {
        METRICS
            .iter()
            .map(|name| self.shown["metrics"][*name].as_u64().unwrap())
            .sum()
    }
}

const METRICS: [&str; 4] = ["likes", "reposts", "replies", "quotes"];

/// All posts that match a keyword and are not deleted.
pub struct Archive {
    keywords: [&'static str; 12],
    posts: HashMap<String, Post>,
    deleted: HashSet<String>,
    /// The keys of every text, so that a text is analysed once.
    analysed: HashMap<String, Rc<TextKeys>>,
    analyser: Analyser,
}

impl Archive {
    pub fn new(keywords: [&'static str; 12]) -> Self {
        Self {
            keywords,
            posts: HashMap::new(),
            deleted: HashSet::new(),
            analysed: HashMap::new(),
            analyser: Analyser::default(),
        }
    }

    /// Applies a line without a keyword, which belongs to all keywords that its text matches.
    pub fn apply(&mut self, line: &Value) {
        let id = line["id"].as_str().unwrap();
        let at = millis(line["at"].as_str().unwrap());
        match line["type"].as_str().unwrap() {
            "tweet.posted" => {
                if !self.posts.contains_key(id) && !self.deleted.contains(id) {
                    self.add(id, at, line);
                }
            }
            "tweet.engaged" => {
                if let Some(post) = self.posts.get_mut(id)
                    && at >= post.metrics_at
                {
                    post.metrics_at = at;
                    for name in METRICS {
                        if let Some(number) = line["metrics"].get(name) {
                            post.shown["metrics"][name] = number.clone();
                        }
                    }
                }
            }
            "tweet.deleted" => {
                if self.posts.remove(id).is_some() {
                    self.deleted.insert(id.to_owned());
                }
            }
            other => panic!("{other}"),
        }
    }

    fn add(&mut self, id: &str, at: i64, line: &Value) {
        let text = line["text"].as_str().unwrap();
        let is_matched = |index: &usize| posts::is_for(text, self.keywords[*index]);
        let keywords: Vec<usize> = (0..self.keywords.len()).filter(is_matched).collect();
        if keywords.is_empty() {
            return;
        }
        let mut shown = line.clone();
        shown["at"] = time(at);
        for name in METRICS {
            shown["metrics"][name] = match line["metrics"].get(name) {
                Some(number) => number.clone(),
                None => json!(0),
            };
        }
        let post = Post {
            id: id.to_owned(),
            at,
            author: line["author"]["handle"].as_str().unwrap().to_lowercase(),
            keys: self.keys(text),
            shown,
            metrics_at: at,
            keywords,
        };
        self.posts.insert(id.to_owned(), post);
    }

    fn keys(&mut self, text: &str) -> Rc<TextKeys> {
        let keys = self.analysed.entry(text.to_owned()).or_insert_with(|| {
            let mut found = TweetKeys::new();
            self.analyser.keys(text, &mut found);
            let short = |tag: &&str| tag.chars().count() <= LONGEST_TAG;
            Rc::new(TextKeys {
                words: found.words().map(str::to_owned).collect(),
                hashtags: found.hashtags().filter(short).map(str::to_owned).collect(),
                mentions: found.mentions().filter(short).map(str::to_owned).collect(),
            })
        });
        Rc::clone(keys)
    }

    /// The view of each keyword.
    pub fn views(&self) -> Vec<View<'_>> {
        let mut all: Vec<&Post> = self.posts.values().collect();
        all.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        let views = self.keywords.iter().enumerate().map(|(index, keyword)| {
            let mut keys = TweetKeys::new();
            self.analyser.keys(keyword, &mut keys);
            let mut own_words: Vec<String> = keys.words().map(str::to_owned).collect();
            own_words.push((*keyword).to_owned());
            let is_of_keyword = |post: &&&Post| post.keywords.contains(&index);
            View {
                keyword,
                posts: all.iter().filter(is_of_keyword).copied().collect(),
                own_words,
            }
        });
        views.collect()
    }
}

/// The recomputed view of a keyword.
pub struct View<'a> {
    pub keyword: &'static str,
    /// The posts of the keyword, in the order of their times, then of their ids.
    pub posts: Vec<&'a Post>,
    /// The keyword, and the words that the analyser finds in it.
    pub own_words: Vec<String>,
}

impl<'a> View<'a> {
    /// The posts in a span, which is in milliseconds since 1970.
    pub fn between(&self, span: &Range<i64>) -> &[&'a Post] {
        let before = |moment: i64| self.posts.partition_point(|post| post.at < moment);
        &self.posts[before(span.start)..before(span.end)]
    }

    /// The number of posts in a span, which is in milliseconds since 1970.
    pub fn count(&self, span: &Range<i64>) -> u64 {
        self.between(span).len() as u64
    }
}

/// The number of these posts that have each key.
pub fn key_counts<'a, K>(
    posts: &[&'a Post],
    keys_of: impl Fn(&'a Post) -> K,
) -> HashMap<&'a str, u64>
where
    K: IntoIterator<Item = &'a String>,
{
    let mut counts = HashMap::new();
    for key in posts.iter().flat_map(|post| keys_of(post)) {
        *counts.entry(key.as_str()).or_default() += 1;
    }
    counts
}

/// Parses a time to milliseconds since 1970.
pub fn millis(text: &str) -> i64 {
    Timestamp::parse(text).unwrap().millis()
}

/// A time, given in milliseconds since 1970, as answers show it.
pub fn time(millis: i64) -> Value {
    json!(Timestamp::from_millis(millis).to_string())
}
