//! JSON answers: serializes an answer, tags it with the hash of its bytes, and answers 304 to a
//! client that holds it already.

use std::borrow::Cow;

use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use super::etag;
use super::problem::Problem;
use crate::events::{Sequence, Timestamp};
use crate::store::{Answer, Epoch};
use crate::telemetry::{log_throttled, whole};

/// A JSON body and its entity tag.
#[derive(Debug)]
pub struct AnswerBody {
    json: Vec<u8>,
    tag: String,
}

impl AnswerBody {
    /// Serializes an answer.
    ///
    /// # Errors
    /// [`Problem::Internal`] when it cannot be serialized. This does not happen to the types of
    /// this server.
    pub fn of(answer: &impl Serialize) -> Result<Self, Problem> {
        let json = serde_json::to_vec(answer).map_err(|error| {
            log_throttled("answer-unwritable", move |count| {
                tracing::error!(error = %whole(&error), count, "answers could not be written as \
                    JSON");
            });
            Problem::Internal
        })?;
        let tag = etag::of(&json);
        Ok(Self { json, tag })
    }

    /// The response to a GET or HEAD with these headers: 200, or 304 when `If-None-Match` names the
    /// tag.
    pub fn respond_to(self, headers: &HeaderMap) -> Response {
        let fresh = [
            (header::ETAG, self.tag.as_str()),
            (header::CACHE_CONTROL, "no-cache"),
        ];
        if etag::is_held(headers, &self.tag) {
            return (StatusCode::NOT_MODIFIED, fresh).into_response();
        }
        (fresh, [json_type()], self.json).into_response()
    }

    /// The response to a request that changed something.
    pub fn respond_with(self, status: StatusCode) -> Response {
        (status, [json_type()], self.json).into_response()
    }
}

const fn json_type() -> (HeaderName, &'static str) {
    (header::CONTENT_TYPE, "application/json")
}

/// An answer with its position.
#[derive(Debug, Serialize)]
pub struct Positioned<T> {
    /// The answer.
    #[serde(flatten)]
    pub value: T,
    /// Epoch of the rows that the answer was read from.
    #[serde(serialize_with = "as_text")]
    pub epoch: Epoch,
    /// Last sequence that the answer takes into account.
    pub as_of: Sequence,
}

impl<T> From<Answer<T>> for Positioned<T> {
    fn from(answer: Answer<T>) -> Self {
        Self {
            value: answer.value,
            epoch: answer.epoch,
            as_of: answer.as_of,
        }
    }
}

/// Serializes a value as the text of its `Display`.
///
/// # Errors
/// The serializer fails.
pub fn as_text<T: std::fmt::Display, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// A moment as answers write it: RFC 3339 in UTC with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(pub Timestamp);

impl JsonSchema for Moment {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "date-time",
            "description": "RFC 3339, UTC, with milliseconds",
        })
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_that_the_client_holds_is_answered_with_304() {
        let answer = serde_json::json!({"a": 1});
        let first = AnswerBody::of(&answer)
            .unwrap()
            .respond_to(&HeaderMap::new());
        assert_eq!(first.status(), StatusCode::OK);
        let tag = first.headers()[header::ETAG].clone();

        let held = HeaderMap::from_iter([(header::IF_NONE_MATCH, tag.clone())]);
        let second = AnswerBody::of(&answer).unwrap().respond_to(&held);
        assert_eq!(second.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(second.headers()[header::ETAG], tag);

        let changed = AnswerBody::of(&serde_json::json!({"a": 2})).unwrap();
        assert_eq!(changed.respond_to(&held).status(), StatusCode::OK);
    }

    #[test]
    fn moments_have_milliseconds() {
        let moment = Moment(Timestamp::parse("2026-11-23T07:00:00Z").unwrap());
        assert_eq!(
            serde_json::to_string(&moment).unwrap(),
            "\"2026-11-23T07:00:00.000Z\""
        );
    }
}
