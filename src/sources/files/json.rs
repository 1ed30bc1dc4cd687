//! Records in JSON: finds the form of a line or element, and maps it by that form.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::checked;
use super::flattened;
use super::piece::{MAX_RECORD_BYTES, Piece};
use super::v1::{self, ArchiveAuthor, Reading};
use crate::events::{Clock, Event, json};
use crate::sources::x::mapping::{record_of_line, records_of_page};
use crate::sources::{Deletion, Mapped, Post, Rejection, SourceRecord};

/// The source of tweets that name none.
const DEFAULT_SOURCE: &str = "x";
/// The members of v1.1 streams that are no tweets.
const CONTROL_MEMBERS: [&str; 10] = [
    "limit",
    "warning",
    "disconnect",
    "scrub_geo",
    "status_withheld",
    "user_withheld",
    "friends",
    "friends_str",
    "event",
    "control",
];
const UNKNOWN: &str = "the object is neither an event of tidings (\"type\") nor a tweet (\"data\", \
    \"author_id\", \"id_str\")";

/// The forms of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// An event of tidings.
    Native,
    /// Many posts of API v2.
    Page,
    /// One post of API v2 as in a stream.
    StreamLine,
    /// One post of API v2 with what it refers to inside.
    Flattened,
    /// A tweet of API v1.1.
    Status,
    /// A tweet of API v1.1 in the wrapper of X archives.
    Wrapped,
    /// A deletion in a stream of API v1.1.
    Deletion,
    /// About the connection, or the answer to a request that failed.
    Control,
}

/// Which forms a file can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// Every form, each record by its own.
    Any,
    /// Events of tidings only.
    Native,
    /// Tweets only.
    Tweets,
}

/// Maps records in JSON.
#[derive(Debug)]
pub(super) struct JsonRecords {
    /// The forms that are read.
    pub(super) family: Family,
    /// The source that was given.
    pub(super) source: Option<String>,
    /// The author of the archive, or the one that was given.
    pub(super) author: Option<ArchiveAuthor>,
    /// The clock for the limits of times.
    pub(super) clock: Clock,
}

impl JsonRecords {
    /// The records of a piece: one, or those of a page.
    pub(super) fn of(&self, piece: Piece) -> Vec<SourceRecord> {
        let raw = piece.bytes.clone();
        if let Some(fault) = piece.fault {
            return vec![record(raw, Err(fault))];
        }
        let text = match std::str::from_utf8(&raw) {
            Ok(text) => text,
            Err(error) => {
                let place = error.valid_up_to().saturating_add(1);
                let reason =
                    format!("not UTF-8: byte {place} of the record belongs to no character");
                return vec![record(raw, Err(Rejection::new(reason)))];
            }
        };
        let members = match members_of(text) {
            Ok(members) => members,
            Err(rejection) => return vec![record(raw, Err(rejection))],
        };
        let form = self.form_of(&members);
        if raw.len() > MAX_RECORD_BYTES && form != Ok(Form::Page) {
            let piece = piece_too_large(raw, piece.line);
            return vec![piece];
        }
        match form {
            Ok(Form::Page) => self.page(&raw),
            Ok(form) => {
                let content = self.content(form, text, &raw, &members);
                vec![record(raw, content)]
            }
            Err(rejection) => vec![record(raw, Err(rejection))],
        }
    }

    fn form_of(&self, members: &Members<'_>) -> Result<Form, Rejection> {
        match (self.family, form_of(members)) {
            (Family::Native, _) => Ok(Form::Native),
            (Family::Tweets, Some(Form::Native)) | (_, None) => Err(Rejection::new(UNKNOWN)),
            (_, Some(form)) => Ok(form),
        }
    }

    fn content(
        &self,
        form: Form,
        text: &str,
        raw: &Bytes,
        members: &Members<'_>,
    ) -> Result<Mapped, Rejection> {
        let member = |name: &str| members.get(name).map_or("null", |value| value.get());
        match form {
            Form::Native => self.native(raw),
            Form::StreamLine => self.of_x(record_of_line(raw).content?),
            Form::Flattened => self.of_x(record_of_line(&flattened::stream_line(text)?).content?),
            Form::Status => v1::tweet(text, self.reading()),
            Form::Wrapped => v1::tweet(member("tweet"), self.reading()),
            Form::Deletion => v1::deletion(member("delete"), self.reading()),
            Form::Control | Form::Page => Ok(Mapped::Control),
        }
    }

    fn reading(&self) -> Reading<'_> {
        Reading {
            source: self.source.as_deref().unwrap_or(DEFAULT_SOURCE),
            author: self.author.as_ref(),
            now: self.clock.now(),
        }
    }

    /// Gives posts of X the source that was given.
    fn of_x(&self, mapped: Mapped) -> Result<Mapped, Rejection> {
        let mapped = match &self.source {
            Some(source) => checked::of_source(mapped, source)?,
            None => mapped,
        };
        checked::mapped(mapped, self.clock.now())
    }

    fn page(&self, raw: &Bytes) -> Vec<SourceRecord> {
        match records_of_page(raw) {
            Ok((records, _)) => records
                .into_iter()
                .map(|each| record(each.raw, each.content.and_then(|mapped| self.of_x(mapped))))
                .collect(),
            Err(error) => vec![record(raw.clone(), Err(Rejection::new(error.to_string())))],
        }
    }

    /// An event of tidings. It keeps its id and source, unless `--source` fills what is missing.
    fn native(&self, raw: &[u8]) -> Result<Mapped, Rejection> {
        let line = json::decode_line(raw, self.clock.now())
            .map_err(|error| Rejection::new(error.to_string()))?;
        match line.event {
            Event::TweetPosted(mut tweet) => {
                if let Some(source) = &self.source {
                    tweet.id = checked::tweet_id(tweet.id.as_str(), source)?;
                    tweet.source.get_or_insert_with(|| source.clone());
                }
                let family = tweet.id.clone();
                Ok(Mapped::Post(Box::new(Post {
                    tweet: *tweet,
                    family,
                    version: 0,
                    older: Vec::new(),
                })))
            }
            Event::TweetEngaged(mut engaged) => {
                if let Some(source) = &self.source {
                    engaged.id = checked::tweet_id(engaged.id.as_str(), source)?;
                }
                Ok(Mapped::Engaged(engaged))
            }
            Event::TweetDeleted(deleted) => {
                let id = match &self.source {
                    Some(source) => checked::tweet_id(deleted.id.as_str(), source)?,
                    None => deleted.id,
                };
                Ok(Mapped::Deleted(Deletion { id, at: deleted.at }))
            }
            other => Err(Rejection::new(format!(
                "{} is about a keyword; a file of posts tracks no keywords (`tidings keywords` and \
                `tidings publish` do)",
                other.kind()
            ))),
        }
    }
}

fn record(raw: Bytes, content: Result<Mapped, Rejection>) -> SourceRecord {
    SourceRecord {
        content,
        raw,
        cursor: None,
    }
}

fn piece_too_large(bytes: Bytes, line: u64) -> SourceRecord {
    let piece = Piece {
        line,
        bytes,
        fault: None,
    }
    .into_too_large();
    let fault = piece.fault.unwrap_or_else(|| Rejection::new("too large"));
    record(piece.bytes, Err(fault))
}

/// The members of an object with their JSON. The last one counts if a name is repeated.
type Members<'a> = BTreeMap<String, &'a RawValue>;

fn members_of(text: &str) -> Result<Members<'_>, Rejection> {
    if !text.starts_with('{') && serde_json::from_str::<&RawValue>(text).is_ok() {
        return Err(Rejection::new("a record is a JSON object"));
    }
    serde_json::from_str(text).map_err(|error| Rejection::new(format!("not JSON: {error}")))
}

/// The form of an object, by its members.
fn form_of(members: &Members<'_>) -> Option<Form> {
    let first = |name: &str| {
        let value = members.get(name)?;
        value.get().as_bytes().first().copied()
    };
    let is_object = |name: &str| first(name) == Some(b'{');
    let has = |name: &str| first(name).is_some_and(|byte| byte != b'n');
    let has_any = |names: &[&str]| names.iter().any(|name| has(name));
    let kind = members.get("type").map_or("", |value| value.get());
    if kind.starts_with("\"tweet.") || kind.starts_with("\"keyword.") {
        return Some(Form::Native);
    }
    if first("data") == Some(b'[') {
        return Some(Form::Page);
    }
    if is_object("data") {
        return Some(Form::StreamLine);
    }
    if has("id_str") || (is_object("user") && has_any(&["text", "full_text"])) {
        return Some(Form::Status);
    }
    let of_v2 = [
        "author_id",
        "edit_history_tweet_ids",
        "edit_history_post_ids",
    ];
    if has_any(&of_v2) || (is_object("author") && has("text")) {
        return Some(Form::Flattened);
    }
    if is_object("tweet") {
        return Some(Form::Wrapped);
    }
    if is_object("delete") {
        return Some(Form::Deletion);
    }
    let is_problem = has("title") && has_any(&["status", "detail", "type"]);
    let of_answers = ["errors", "meta", "includes"];
    (is_problem || has_any(&of_answers) || has_any(&CONTROL_MEMBERS)).then_some(Form::Control)
}
