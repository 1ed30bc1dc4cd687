//! Posts as X shows them: ids, fields, and what an answer includes beside them.

use serde_json::{Value, json};

use super::query::Subject;
use crate::sources::stubs::http::Request;
use crate::sources::stubs::world::{Post, World};

/// Start of X's ids, in milliseconds since 1970.
const EPOCH_MS: i64 = 1_288_834_974_657;
/// Length of a text that a retweet holds, in characters.
const RETWEET_CHARS: usize = 140;
/// Length beyond which a post is a note, in characters.
const POST_CHARS: usize = 280;

/// The id of a version of a post.
pub fn id_of(post: &Post, version: usize) -> String {
    let ms = post.versions[version].at_ms - EPOCH_MS;
    let number = i64::try_from(post.number % (1 << 18)).unwrap();
    let version = i64::try_from(version % 16).unwrap();
    ((ms << 22) | (number << 4) | version).to_string()
}

/// The ids of all versions of a post, oldest first.
pub fn ids_of(post: &Post) -> Vec<String> {
    (0..post.versions.len())
        .map(|version| id_of(post, version))
        .collect()
}

/// The post as rules and queries see it. A retweet is found by the text of its original.
pub fn subject(world: &World, post: &Post, version: usize) -> Subject {
    let original = post.repost_of.and_then(|number| world.get(number));
    let text = original
        .as_ref()
        .map_or(post.versions[version].text.as_str(), Post::text);
    Subject::new(text, &post.lang, original.is_some())
}

/// The fields that a request asks for.
#[derive(Debug, Clone)]
pub struct Fields {
    post: Vec<String>,
    user: Vec<String>,
    expansions: Vec<String>,
}

impl Fields {
    pub fn of(request: &Request) -> Self {
        let list = |name: &str| -> Vec<String> {
            let value = request.parameter(name).unwrap_or_default();
            value.split(',').map(str::to_owned).collect()
        };
        Self {
            post: list("tweet.fields"),
            user: list("user.fields"),
            expansions: list("expansions"),
        }
    }

    fn expands(&self, name: &str) -> bool {
        self.expansions.iter().any(|one| one == name)
    }

    /// A version of a post, with the fields that are asked for.
    pub fn post(&self, world: &World, post: &Post, version: usize) -> Value {
        let original = post.repost_of.and_then(|number| world.get(number));
        let own = post.versions[version].text.as_str();
        let text = match &original {
            Some(original) => {
                let cut: String = escaped(original.text())
                    .chars()
                    .take(RETWEET_CHARS)
                    .collect();
                format!("RT @{}: {cut}…", original.handle())
            }
            None => escaped(own),
        };
        let mut all = json!({
            "id": id_of(post, version), "edit_history_tweet_ids": ids_of(post)[..=version],
            "text": text.chars().take(POST_CHARS).collect::<String>(),
            "created_at": rfc3339(post.versions[version].at_ms),
            "author_id": post.author.to_string(), "lang": post.lang,
            "public_metrics": {
                "retweet_count": post.reposts, "reply_count": 0, "like_count": post.likes,
                "quote_count": 0, "bookmark_count": 0, "impression_count": 0,
            },
        });
        if original.is_none() && own.chars().count() > POST_CHARS {
            all["note_tweet"] = json!({ "text": escaped(own) });
        }
        let mut references = Vec::new();
        if let Some(original) = &original {
            references.push(json!({ "type": "retweeted", "id": newest_id(original) }));
        }
        if let Some(parent) = post.reply_to.and_then(|number| world.get(number)) {
            references.push(json!({ "type": "replied_to", "id": newest_id(&parent) }));
        }
        if !references.is_empty() {
            all["referenced_tweets"] = references.into();
        }
        kept(&all, &self.post, &["id", "text", "edit_history_tweet_ids"])
    }

    /// The users and posts that belong to these posts.
    pub fn includes(&self, world: &World, posts: &[&Post]) -> Option<Value> {
        let (mut users, mut originals) = (Vec::new(), Vec::new());
        let mut add_user = |post: &Post| {
            let user = json!({
                "id": post.author.to_string(), "username": post.handle(), "name": post.name(),
                "public_metrics": { "followers_count": post.followers() },
            });
            let user = kept(&user, &self.user, &["id", "username", "name"]);
            if !users.contains(&user) {
                users.push(user);
            }
        };
        for post in posts {
            if self.expands("author_id") {
                add_user(post);
            }
            let Some(original) = post.repost_of.and_then(|number| world.get(number)) else {
                continue;
            };
            if self.expands("referenced_tweets.id") {
                let newest = original.versions.len() - 1;
                originals.push(self.post(world, &original, newest));
            }
            if self.expands("referenced_tweets.id.author_id") {
                add_user(&original);
            }
        }
        let mut includes = serde_json::Map::new();
        if !users.is_empty() {
            includes.insert("users".to_owned(), users.into());
        }
        if !originals.is_empty() {
            includes.insert("tweets".to_owned(), originals.into());
        }
        (!includes.is_empty()).then(|| includes.into())
    }
}

fn kept(all: &Value, asked: &[String], always: &[&str]) -> Value {
    let members = all.as_object().unwrap().iter();
    let kept = members.filter(|(name, _)| always.contains(&name.as_str()) || asked.contains(name));
    kept.map(|(name, value)| (name.clone(), value.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn newest_id(post: &Post) -> String {
    id_of(post, post.versions.len() - 1)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// A time as X writes it.
pub fn rfc3339(ms: i64) -> String {
    let format = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
    );
    let nanoseconds = i128::from(ms) * 1_000_000;
    let time = time::OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap();
    time.format(&format).unwrap()
}

/// A time in milliseconds since 1970.
pub fn millis(text: &str) -> Option<i64> {
    let format = time::format_description::well_known::Rfc3339;
    let time = time::OffsetDateTime::parse(text, &format).ok()?;
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()
}
