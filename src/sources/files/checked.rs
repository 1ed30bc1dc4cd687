//! Checks posts by the rules of events, and gives them their source.

use crate::events::{
    Event, Timestamp, TweetDeleted, TweetEngaged, TweetId, TweetPosted, encode_fitting, json,
};
use crate::sources::{Deletion, Mapped, Post, Rejection};

/// The prefix of the ids that the mapping of X gives.
const X_PREFIX: &str = "x:";

/// A post without other versions, if it keeps the rules of events.
///
/// # Errors
/// [`Rejection`] names the member that breaks a rule.
pub(super) fn post(tweet: TweetPosted, now: Timestamp) -> Result<Mapped, Rejection> {
    if tweet.text.trim().is_empty() {
        return Ok(Mapped::Unmatchable);
    }
    let family = tweet.id.clone();
    mapped(
        Mapped::Post(Box::new(Post {
            tweet,
            family,
            version: 0,
            older: Vec::new(),
        })),
        now,
    )
}

/// Returns what was mapped if it keeps the rules of events.
///
/// # Errors
/// [`Rejection`] names the member that breaks a rule.
pub(super) fn mapped(mapped: Mapped, now: Timestamp) -> Result<Mapped, Rejection> {
    let event = match &mapped {
        Mapped::Post(post) => Event::from(post.tweet.clone()),
        Mapped::Engaged(engaged) => Event::from(engaged.clone()),
        Mapped::Deleted(deletion) => Event::from(TweetDeleted {
            id: deletion.id.clone(),
            at: deletion.at,
        }),
        Mapped::Unmatchable | Mapped::Control => return Ok(mapped),
    };
    match json::decode(&encode_fitting(&event), now) {
        Ok(_) => Ok(mapped),
        Err(error) => Err(Rejection::new(error.to_string())),
    }
}

/// An id of a tweet: a text with a prefix stays, another one gets that of the source.
///
/// # Errors
/// [`Rejection`] when the text has characters that ids cannot have.
pub(super) fn tweet_id(text: &str, source: &str) -> Result<TweetId, Rejection> {
    TweetId::new(&prefixed(text, source)).map_err(|error| Rejection::new(error.to_string()))
}

/// A text with the prefix of the source, unless it has one.
pub(super) fn prefixed(text: &str, source: &str) -> String {
    if text.contains(':') {
        text.to_owned()
    } else {
        format!("{source}:{text}")
    }
}

/// Gives posts that were mapped as X's another source.
///
/// # Errors
/// [`Rejection`] when an id becomes too long.
pub(super) fn of_source(mapped: Mapped, source: &str) -> Result<Mapped, Rejection> {
    let renamed = |text: &str| match text.strip_prefix(X_PREFIX) {
        Some(number) => format!("{source}:{number}"),
        None => text.to_owned(),
    };
    let id = |id: &TweetId| tweet_id(&renamed(id.as_str()), source);
    Ok(match mapped {
        Mapped::Post(mut post) => {
            post.tweet.id = id(&post.tweet.id)?;
            post.tweet.source = Some(source.to_owned());
            post.tweet.reply_to = post.tweet.reply_to.as_deref().map(renamed);
            post.tweet.repost_of = post.tweet.repost_of.as_deref().map(renamed);
            post.family = id(&post.family)?;
            post.older = post.older.iter().map(id).collect::<Result<_, _>>()?;
            Mapped::Post(post)
        }
        Mapped::Engaged(engaged) => Mapped::Engaged(TweetEngaged {
            id: id(&engaged.id)?,
            ..engaged
        }),
        Mapped::Deleted(deletion) => Mapped::Deleted(Deletion {
            id: id(&deletion.id)?,
            ..deletion
        }),
        other => other,
    })
}
