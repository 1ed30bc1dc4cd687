//! Mapping: from the JSON of X to records.
//!
//! In: lines of a stream, and pages of a search, which are taken apart into such lines. Out:
//! records with what they cost, and the end of a connection where a line announces it.
//!
//! X has two namings, `tweet` and `post`; each member is read under both. Members can be missing,
//! have any order, and new ones are ignored.

mod compliance;
mod json;
mod page;
mod post;
mod text;

use bytes::Bytes;
use serde_json::{Map, Value};

pub(in crate::sources) use self::page::records_of_page;
use self::post::Includes;
pub(in crate::sources) use self::text::{cut, decode_entities, language, without_repost_mark};
use crate::sources::web::detail;
use crate::sources::{ConnectError, ConnectionEnd, Cost, Mapped, Rejection, SourceRecord};

pub(super) use self::json::{id_of, metrics_of, reposted_id};
pub(super) use self::post::tweet_id;

/// The query parameters with which posts are asked for, by their older names. Every document of X
/// accepts these.
const FIELDS: &[(&str, &str)] = &[
    (
        "tweet.fields",
        "id,text,created_at,author_id,lang,public_metrics,referenced_tweets,\
        edit_history_tweet_ids,note_tweet,in_reply_to_user_id",
    ),
    (
        "expansions",
        "author_id,referenced_tweets.id,referenced_tweets.id.author_id",
    ),
    ("user.fields", "username,name,public_metrics"),
];

/// [`FIELDS`] as the query of a request.
pub(super) fn fields() -> Vec<(&'static str, String)> {
    let fields = FIELDS.iter();
    fields
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect()
}

/// A line of a stream, read.
#[derive(Debug)]
pub(super) struct StreamLine {
    /// The record.
    pub(super) record: SourceRecord,
    /// What X charges for the record.
    pub(super) cost: Cost,
    /// The end of the connection, if the line announces it.
    pub(super) end: Option<ConnectionEnd>,
}

/// Reads a line of a stream, without its line break.
pub(super) fn read_line(line: &Bytes) -> StreamLine {
    let object = match object_of(line) {
        Ok(object) => object,
        Err(rejection) => return StreamLine::rejected(line.clone(), rejection),
    };
    let includes = Includes(object.get("includes"));
    let mut cost = Cost::default();
    let mut cursor = None;
    let mut end = None;
    let content = match object.get("data") {
        Some(data @ Value::Object(members)) if is_post(members) => {
            cost.posts = 1;
            cost.users = includes.user_count();
            cursor = id_of(data).and_then(|id| id.parse().ok());
            post::map(data, &includes)
        }
        Some(Value::Object(members)) => compliance::map(members),
        None | Some(Value::Null) => {
            end = end_of(line, &object);
            Ok(Mapped::Control)
        }
        Some(_) => Err(Rejection::new("field \"data\" is not an object")),
    };
    StreamLine {
        record: SourceRecord {
            content,
            raw: line.clone(),
            cursor,
        },
        cost,
        end,
    }
}

/// The record of a line: of a stream, of a page that was taken apart, or of the rejected log.
pub(in crate::sources) fn record_of_line(line: &Bytes) -> SourceRecord {
    read_line(line).record
}

impl StreamLine {
    /// A line that cannot be read.
    pub(super) fn rejected(raw: Bytes, rejection: Rejection) -> Self {
        Self {
            record: SourceRecord {
                content: Err(rejection),
                raw,
                cursor: None,
            },
            cost: Cost::default(),
            end: None,
        }
    }
}

fn object_of(line: &[u8]) -> Result<Map<String, Value>, Rejection> {
    match serde_json::from_slice(line) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Rejection::new("a record is a JSON object")),
        Err(error) => Err(Rejection::new(format!("not JSON: {error}"))),
    }
}

/// True for the members of a post. The events of compliance streams, and kinds of records that are
/// not known, have none of these.
fn is_post(data: &Map<String, Value>) -> bool {
    let names = ["id", "text", "author_id", "created_at"];
    names.iter().any(|name| data.contains_key(*name))
}

/// The end that an object without `data` announces. An error about a resource is about a post that
/// is not there; every other one is about the connection.
fn end_of(line: &[u8], object: &Map<String, Value>) -> Option<ConnectionEnd> {
    let errors = object.get("errors").and_then(Value::as_array);
    let errors = errors.map_or(&[][..], Vec::as_slice);
    let is_about_connection = |error: &&Value| {
        let names = ["resource_type", "resource_id"];
        names.iter().all(|name| error.get(name).is_none())
    };
    let has = |name: &str| {
        let of_errors = errors.iter().find_map(|error| error.get(name));
        object.get(name).or(of_errors)
    };
    if has("connection_issue").and_then(Value::as_str) == Some("TooManyConnections") {
        return Some(ConnectionEnd::Refused(ConnectError::Status {
            status: 429,
            detail: detail(line),
            retry_at: None,
        }));
    }
    let ends = errors.iter().any(|error| is_about_connection(&error))
        || has("connection_issue").is_some()
        || has("disconnect_type").is_some();
    ends.then(|| ConnectionEnd::Ended(detail(line)))
}

#[cfg(test)]
mod tests;
