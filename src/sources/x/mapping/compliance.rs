//! An event of a compliance stream, which tells of deleted posts.
//!
//! In: the members of its `data`. Out: deletions. Events of other kinds (edits, posts that are
//! withheld, dropped or brought back, accounts) are control records: an edit arrives as a post.

use serde_json::{Map, Value};

use super::json::{either, id_of};
use super::post::tweet_id;
use crate::events::Timestamp;
use crate::sources::{Deletion, Mapped, Rejection};

/// Maps the data of a record that is no post.
///
/// # Errors
/// [`Rejection`] when a deletion lacks its id or its time.
pub(super) fn map(data: &Map<String, Value>) -> Result<Mapped, Rejection> {
    let Some(delete) = data.get("delete") else {
        return Ok(Mapped::Control);
    };
    let Some(post) = either(delete, ["tweet", "post"]) else {
        return Ok(Mapped::Control);
    };
    let id = id_of(post).ok_or_else(|| {
        Rejection::new("field \"data.delete.tweet.id\" is missing; it must be a string of digits")
    })?;
    let event_at = delete.get("event_at").and_then(Value::as_str);
    let at = event_at.ok_or_else(|| {
        Rejection::new("field \"data.delete.event_at\" is missing; it must be an RFC 3339 time")
    })?;
    let at = Timestamp::parse(at)
        .map_err(|error| Rejection::new(format!("field \"data.delete.event_at\": {error}")))?;
    Ok(Mapped::Deleted(Deletion {
        id: tweet_id(id)?,
        at,
    }))
}
