//! A post of X as a tweet.

use serde_json::Value;

use super::json::{
    HISTORY, INCLUDED, NOTE, either, id_of, list, metrics_of, referenced, reposted_id, text,
};
use super::{cut, decode_entities, language, without_repost_mark};
use crate::events::json::{MAX_HANDLE_CODE_POINTS, MAX_METRIC, MAX_TEXT_CODE_POINTS};
use crate::events::{Author, Timestamp, TweetId, TweetMetrics, TweetPosted};
use crate::sources::{Mapped, Post, Rejection};

/// The objects beside the data.
pub(super) struct Includes<'a>(pub(super) Option<&'a Value>);

impl<'a> Includes<'a> {
    fn users(&self) -> &'a [Value] {
        list(self.0.and_then(|includes| includes.get("users")))
    }

    /// The number of users.
    pub(super) fn user_count(&self) -> u64 {
        u64::try_from(self.users().len()).unwrap_or(u64::MAX)
    }

    fn user(&self, id: &str) -> Option<&'a Value> {
        self.users().iter().find(|user| id_of(user) == Some(id))
    }

    fn post(&self, id: &str) -> Option<&'a Value> {
        let posts = self.0.and_then(|includes| either(includes, INCLUDED));
        list(posts).iter().find(|post| id_of(post) == Some(id))
    }
}

/// Maps a post. Its author and the original of a repost are in `includes`.
///
/// # Errors
/// [`Rejection`] names the member without which the post is no event.
pub(super) fn map(post: &Value, includes: &Includes<'_>) -> Result<Mapped, Rejection> {
    let number = id_of(post).ok_or_else(|| missing("id", "a string of digits"))?;
    let id = tweet_id(number)?;
    let at = time_of(post)?;
    let original = reposted_id(post);
    let text = text_of(post, original.and_then(|id| includes.post(id)));
    if text.is_empty() {
        return Ok(Mapped::Unmatchable);
    }
    let (author, url) = author_of(post, number, includes)?;
    let (family, older) = versions_of(post, &id);
    let metrics = match original {
        // X states the metrics of the original.
        Some(_) => TweetMetrics::default(),
        None => metrics_of(post).applied_to(TweetMetrics::default()),
    };
    let tweet = TweetPosted {
        id,
        at,
        source: Some("x".to_owned()),
        author,
        text,
        lang: self::text(post, "lang")
            .and_then(language)
            .map(str::to_owned),
        url,
        reply_to: referenced(post, &["replied_to"]).map(name),
        repost_of: original.map(name),
        metrics,
    };
    Ok(Mapped::Post(Box::new(Post {
        tweet,
        family,
        version: u64::try_from(older.len()).unwrap_or(u64::MAX),
        older,
    })))
}

fn missing(member: &str, expected: &str) -> Rejection {
    Rejection::new(format!(
        "field \"data.{member}\" is missing; it must be {expected}"
    ))
}

/// The name of a post of X as an id of a tweet.
fn name(number: &str) -> String {
    format!("x:{number}")
}

/// The id of a tweet for the id of a post of X.
///
/// # Errors
/// [`Rejection`] when the id has characters that ids cannot have.
pub(in crate::sources::x) fn tweet_id(number: &str) -> Result<TweetId, Rejection> {
    TweetId::new(&name(number)).map_err(|error| Rejection::new(error.to_string()))
}

fn time_of(post: &Value) -> Result<Timestamp, Rejection> {
    let created_at =
        text(post, "created_at").ok_or_else(|| missing("created_at", "an RFC 3339 time"))?;
    Timestamp::parse(created_at)
        .map_err(|error| Rejection::new(format!("field \"data.created_at\": {error}")))
}

/// The whole text of a post: that of the original if it is a repost, else its own. A quoted text is
/// left out.
fn text_of(post: &Value, original: Option<&Value>) -> String {
    let is_repost = reposted_id(post).is_some();
    let of_original = original.and_then(whole_text);
    let own = whole_text(post).map(|text| match is_repost {
        true => without_repost_mark(text),
        false => text,
    });
    let text = decode_entities(of_original.or(own).unwrap_or_default());
    cut(text, MAX_TEXT_CODE_POINTS)
}

fn whole_text(post: &Value) -> Option<&str> {
    let note = either(post, NOTE).and_then(|note| text(note, "text"));
    note.or_else(|| text(post, "text"))
}

/// The author, and the URL of the post, which needs the author's handle.
fn author_of(
    post: &Value,
    number: &str,
    includes: &Includes<'_>,
) -> Result<(Author, Option<String>), Rejection> {
    let author_id =
        text(post, "author_id").ok_or_else(|| missing("author_id", "the id of the author"))?;
    let user = includes.user(author_id);
    let username = user.and_then(|user| text(user, "username"));
    let followers = user.and_then(|user| user.get("public_metrics")?.get("followers_count"));
    let author = Author {
        handle: cut(
            username.unwrap_or(author_id).to_owned(),
            MAX_HANDLE_CODE_POINTS,
        ),
        name: user.and_then(|user| text(user, "name")).map(str::to_owned),
        followers: followers
            .and_then(Value::as_u64)
            .filter(|count| *count <= MAX_METRIC),
    };
    let url = username.map(|username| format!("https://x.com/{username}/status/{number}"));
    Ok((author, url))
}

/// The id of the first version, and those of the versions before this one. The history can also
/// name later versions, when the post is fetched after they were made.
fn versions_of(post: &Value, id: &TweetId) -> (TweetId, Vec<TweetId>) {
    let history = list(either(post, HISTORY)).iter();
    let history = history.filter_map(|number| tweet_id(number.as_str()?).ok());
    let older: Vec<TweetId> = history.take_while(|each| each != id).collect();
    let family = older.first().unwrap_or(id).clone();
    (family, older)
}
