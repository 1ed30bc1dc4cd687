//! [`Problem`]: the reasons for which requests are refused. The response to a refused request has
//! RFC 9457 problem details.
//!
//! The `type` of a problem is a stable relative URI. The `title` depends on the type alone. The
//! `detail` says what was wrong with the request, and often what would be right.

mod conversion;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::events::Sequence;
use crate::telemetry::log_throttled;

/// The content type of a problem.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// Why a request is refused. The text of a variant is the `detail` of the problem.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// No route has this path.
    #[error("there is nothing at {path:?}; /api/openapi.json lists what there is")]
    NotFound {
        /// Path of the request.
        path: String,
    },
    /// The route exists, but not with this method.
    #[error("{path:?} does not take {method}; the Allow header names what it takes")]
    MethodNotAllowed {
        /// Method of the request.
        method: String,
        /// Path of the request.
        path: String,
    },
    /// The route does not have this query parameter.
    #[error("the query parameter {name:?} is unknown here; {right}")]
    UnknownParameter {
        /// Name of the parameter.
        name: String,
        /// The parameters that the route has, as a clause.
        right: String,
    },
    /// A query parameter with an invalid value.
    #[error("the query parameter {name:?} is {value:?}; {right}")]
    BadParameter {
        /// Name of the parameter.
        name: &'static str,
        /// Value of the parameter, shortened.
        value: String,
        /// The valid values, as a clause.
        right: String,
    },
    /// A query string that is malformed, or whose parameters contradict each other.
    #[error("{0}")]
    BadQuery(String),
    /// A span with more points than one answer may have.
    #[error(
        "from {from} to {to} are {points} points; at most {max} are allowed: take a shorter span \
        or a longer step"
    )]
    TooManyPoints {
        /// Start of the span, lowered to the step.
        from: String,
        /// End of the span, raised to the step.
        to: String,
        /// Number of points in the span.
        points: u64,
        /// Maximum number of points.
        max: u64,
    },
    /// A text that cannot be a keyword.
    #[error("{0}")]
    BadKeyword(String),
    /// A body that is incomplete, or not in the form that the route takes.
    #[error("{0}")]
    BadBody(String),
    /// A request that is not valid HTTP/1.1.
    #[error("{0}")]
    BadRequest(String),
    /// A request to the route of the WebSocket that is not a handshake.
    #[error("{0}")]
    UpgradeRequired(&'static str),
    /// The keyword never existed.
    #[error(
        "no event was ever seen for the keyword {0:?}; track it with POST /api/v1/keywords, or \
        publish to it"
    )]
    UnknownKeyword(String),
    /// The keyword was untracked.
    #[error(
        "the keyword {0:?} is not tracked any more, only its ledger is left; track it again with \
        POST /api/v1/keywords"
    )]
    NotTracked(String),
    /// The keyword to release is not in quarantine.
    #[error("the keyword {0:?} is not in quarantine")]
    NotQuarantined(String),
    /// The limit on tracked keywords, `keywords.max`, is reached.
    #[error(
        "{max} keywords are tracked, as many as the setting keywords.max allows; untrack some or \
        raise it"
    )]
    TooManyKeywords {
        /// The limit.
        max: usize,
    },
    /// The limit on texts of rules, `keywords.max_rule_texts`, is reached.
    #[error(
        "the rules of all keywords would have more than {max} texts, which the setting \
        keywords.max_rule_texts does not allow; remove some or raise it"
    )]
    TooManyRuleTexts {
        /// The limit.
        max: usize,
    },
    /// A text in a path that is not the name of a source.
    #[error("{0}")]
    BadSourceName(String),
    /// Another collector reports under the name of a source.
    #[error("{0}")]
    OtherInstance(String),
    /// The limit on the number of sources is reached.
    #[error("{0}")]
    TooManySources(String),
    /// The request comes from a page of another origin.
    #[error(
        "the Origin {0:?} is foreign here; only pages that this server serves, or those of hosts \
        listed in the setting http.hosts on the same port, may ask"
    )]
    ForeignOrigin(String),
    /// The request is for a host that is not listed.
    #[error("the Host {0:?} is not listed in the setting http.hosts")]
    UnlistedHost(String),
    /// The authorization policy refuses the action.
    #[error("you may not {action} here")]
    NotPermitted {
        /// The action, as a verb.
        action: &'static str,
    },
    /// The body is too large.
    #[error("the body is larger than the {max} bytes that are allowed; send it in parts")]
    BodyTooLarge {
        /// Maximum size, in bytes.
        max: u64,
    },
    /// The body did not arrive in time.
    #[error("the body did not arrive in time; send it faster or in parts")]
    BodyTimeout,
    /// The body does not have the media type that the route takes.
    #[error("the body is {found}; this route takes {right}")]
    UnsupportedMediaType {
        /// What the headers say about the body.
        found: String,
        /// The right media type.
        right: &'static str,
    },
    /// `min_seq` is greater than the journal head.
    #[error("min_seq {min} is beyond the journal's head {head}")]
    BeyondHead {
        /// The `min_seq` of the request.
        min: Sequence,
        /// The journal head.
        head: Sequence,
    },
    /// The request cannot be answered now, for a reason that passes by itself. The text names the
    /// reason.
    #[error("{0}; try again in a moment")]
    TryAgain(&'static str),
    /// A limit that clients share is reached. Other requests that end make room.
    #[error("{what}; the setting {setting} limits this; try again in a moment")]
    Busy {
        /// What is over the limit, as a clause such as "too many scans are waiting".
        what: &'static str,
        /// The setting with the limit, such as `query.waiting`.
        setting: &'static str,
    },
    /// The server is not ready.
    #[error("{0}")]
    NotReady(String, Map<String, Value>),
    /// The journal does not accept records.
    #[error("{0}")]
    JournalUnavailable(String),
    /// The journal failed when only a part of a body was journaled.
    #[error("{0}")]
    PartlyJournaled(String, Map<String, Value>),
    /// The views cannot be read.
    #[error("the views cannot be read now: {0}")]
    ViewsUnavailable(String),
    /// An error inside the server. The log has the reason.
    #[error("the server failed to answer; its log says why")]
    Internal,
}

impl Problem {
    /// The problem for an invalid value of a query parameter. `right` names the valid values, as a
    /// clause.
    pub fn parameter(name: &'static str, value: &str, right: impl Into<String>) -> Self {
        Self::BadParameter {
            name,
            value: shortened(value),
            right: right.into(),
        }
    }

    /// Returns the status, the last segment of the `type`, and the `title`.
    pub fn face(&self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::NotFound { .. } => (S::NOT_FOUND, "not-found", "Nothing there"),
            Self::MethodNotAllowed { .. } => (
                S::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "Method not allowed",
            ),
            Self::UnknownParameter { .. } => (
                S::BAD_REQUEST,
                "unknown-parameter",
                "Unknown query parameter",
            ),
            Self::BadParameter { .. } => (S::BAD_REQUEST, "bad-parameter", "Bad query parameter"),
            Self::BadQuery(_) => (S::BAD_REQUEST, "bad-query", "Bad query"),
            Self::TooManyPoints { .. } => (S::BAD_REQUEST, "too-many-points", "Too many points"),
            Self::BadKeyword(_) => (S::BAD_REQUEST, "bad-keyword", "Bad keyword"),
            Self::BadBody(_) => (S::BAD_REQUEST, "bad-body", "Bad body"),
            Self::BadRequest(_) => (S::BAD_REQUEST, "bad-request", "Bad request"),
            Self::UpgradeRequired(_) => {
                (S::UPGRADE_REQUIRED, "upgrade-required", "Upgrade required")
            }
            Self::UnknownKeyword(_) => (S::NOT_FOUND, "unknown-keyword", "Unknown keyword"),
            Self::NotTracked(_) => (S::NOT_FOUND, "not-tracked", "Keyword not tracked"),
            Self::NotQuarantined(_) => (S::NOT_FOUND, "not-quarantined", "Not in quarantine"),
            Self::TooManyKeywords { .. } => (S::CONFLICT, "too-many-keywords", "Too many keywords"),
            Self::TooManyRuleTexts { .. } => (
                S::CONFLICT,
                "too-many-rule-texts",
                "Too many texts of rules",
            ),
            Self::BadSourceName(_) => (S::BAD_REQUEST, "bad-source-name", "Bad name of a source"),
            Self::OtherInstance(_) => (S::CONFLICT, "other-instance", "Reported by another"),
            Self::TooManySources(_) => (S::CONFLICT, "too-many-sources", "Too many sources"),
            Self::ForeignOrigin(_) => (S::FORBIDDEN, "foreign-origin", "Foreign origin"),
            Self::UnlistedHost(_) => (S::FORBIDDEN, "unlisted-host", "Unlisted host"),
            Self::NotPermitted { .. } => (S::FORBIDDEN, "not-permitted", "Not permitted"),
            Self::BodyTooLarge { .. } => (S::PAYLOAD_TOO_LARGE, "body-too-large", "Body too large"),
            Self::BodyTimeout => (S::REQUEST_TIMEOUT, "body-timeout", "Body too slow"),
            Self::UnsupportedMediaType { .. } => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "Unsupported media type",
            ),
            Self::BeyondHead { .. } => (S::PRECONDITION_FAILED, "beyond-head", "Beyond the head"),
            Self::TryAgain(_) => (S::SERVICE_UNAVAILABLE, "try-again", "Try again"),
            Self::Busy { .. } => (S::SERVICE_UNAVAILABLE, "busy", "Busy"),
            Self::NotReady(..) => (S::SERVICE_UNAVAILABLE, "not-ready", "Not ready"),
            Self::JournalUnavailable(_) => (
                S::SERVICE_UNAVAILABLE,
                "journal-unavailable",
                "Journal unavailable",
            ),
            Self::PartlyJournaled(..) => (
                S::SERVICE_UNAVAILABLE,
                "partly-journaled",
                "Journaled in part",
            ),
            Self::ViewsUnavailable(_) => (
                S::SERVICE_UNAVAILABLE,
                "views-unavailable",
                "Views unavailable",
            ),
            Self::Internal => (S::INTERNAL_SERVER_ERROR, "internal", "Internal error"),
        }
    }

    /// Additional members of this problem.
    fn members(&self) -> Map<String, Value> {
        match self {
            Self::NotReady(_, members) | Self::PartlyJournaled(_, members) => members.clone(),
            Self::BeyondHead { head, .. } => Map::from_iter([("head".into(), json!(head.get()))]),
            _ => Map::new(),
        }
    }

    /// The problem as JSON.
    pub fn to_json(&self) -> Value {
        let (status, slug, title) = self.face();
        let mut object = Map::from_iter([
            ("type".to_owned(), json!(format!("/problems/{slug}"))),
            ("title".to_owned(), json!(title)),
            ("status".to_owned(), json!(status.as_u16())),
            ("detail".to_owned(), json!(self.to_string())),
        ]);
        object.extend(self.members());
        Value::Object(object)
    }
}

/// The first 80 characters of a text, for quoting it. `…` follows if the text is longer.
pub fn shortened(text: &str) -> String {
    let mut characters = text.chars();
    let mut short: String = characters.by_ref().take(80).collect();
    if characters.next().is_some() {
        short.push('…');
    }
    short
}

/// Marks the answer of [`Problem::Busy`].
#[derive(Debug, Clone, Copy)]
pub struct Refused;

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, slug, _) = self.face();
        let is_busy = matches!(self, Self::Busy { .. });
        if status.is_server_error() {
            let cause = match &self {
                Self::Busy { setting, .. } => setting,
                _ => slug,
            };
            let problem = self.to_string();
            log_throttled(cause, move |count| {
                tracing::warn!(problem, count, "requests could not be answered");
            });
        }
        let mut response = (
            status,
            [(header::CONTENT_TYPE, CONTENT_TYPE)],
            self.to_json().to_string(),
        )
            .into_response();
        if status == StatusCode::UPGRADE_REQUIRED {
            let headers = response.headers_mut();
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            let version = HeaderValue::from_static("13");
            headers.insert(header::SEC_WEBSOCKET_VERSION, version);
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if is_busy {
            response.extensions_mut().insert(Refused);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problem_has_the_members_of_rfc_9457_and_its_own() {
        let problem = Problem::BeyondHead {
            min: Sequence::new(9),
            head: Sequence::new(4),
        };
        assert_eq!(
            problem.to_json(),
            json!({
                "type": "/problems/beyond-head",
                "title": "Beyond the head",
                "status": 412,
                "detail": "min_seq 9 is beyond the journal's head 4",
                "head": 4,
            })
        );
    }

    #[test]
    fn temporary_problems_have_retry_after() {
        let response = Problem::TryAgain("the views are behind").into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        assert_eq!(response.headers()[header::CONTENT_TYPE], CONTENT_TYPE);
        let other = Problem::BodyTimeout.into_response();
        assert!(!other.headers().contains_key(header::RETRY_AFTER));
    }

    #[test]
    fn busy_names_the_setting_and_when_to_retry() {
        let problem = Problem::Busy {
            what: "too many scans are waiting",
            setting: "query.waiting",
        };
        assert_eq!(
            problem.to_json(),
            json!({
                "type": "/problems/busy",
                "title": "Busy",
                "status": 503,
                "detail": "too many scans are waiting; the setting query.waiting limits this; try \
                    again in a moment",
            })
        );
        let response = problem.into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    }

    #[test]
    fn refusals_for_one_cause_are_logged_once_per_interval() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            for sequence in 0..979 {
                let cause = format!("the journal is full at {sequence}");
                let _ = Problem::JournalUnavailable(cause).into_response();
            }
        });
        let written = lines.0.lock().unwrap().clone();
        let written = String::from_utf8(written).unwrap();
        // Another test of this process may have logged the line of this interval.
        assert!(written.lines().count() <= 1, "{written}");
    }

    /// Collects log lines.
    #[derive(Debug, Clone, Default)]
    struct Lines(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn long_values_are_shortened_when_quoted() {
        let problem = Problem::parameter("limit", &"9".repeat(5_000), "1 to 200");
        assert!(problem.to_string().len() < 200);
    }
}
