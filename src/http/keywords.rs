//! `/keywords`: which keywords there are, tracking them, and ending a quarantine.

use axum::body::HttpBody;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Http;
use super::lanes::Lane;
use super::problem::Problem;
use super::request_context::{MIN_SEQ, RequestContext};
use super::response::{AnswerBody, Moment, Positioned, as_text};
use crate::access::Action;
use crate::actors::engine::{KeywordStatus, Scope, Tidings};
use crate::events::{Keyword, Sequence, Token};
use crate::queries::{TrackedKeyword, tracked_keywords};

/// A keyword of the list has about so many bytes.
const KEYWORD_BYTES: u64 = 200;

/// The parameters of the list.
pub const PARAMETERS: &[&str] = &[MIN_SEQ];

#[derive(Debug, Serialize)]
struct Keywords {
    keywords: Vec<Item>,
}

#[derive(Debug, Serialize)]
struct Item {
    #[serde(flatten)]
    name: Name,
    tweets: u64,
    first_at: Option<Moment>,
    last_at: Option<Moment>,
    as_of: Sequence,
    lag: u64,
    status: &'static str,
}

impl Item {
    fn of(tidings: &Tidings, listed: TrackedKeyword) -> Self {
        Self {
            tweets: listed.tweets,
            first_at: listed.first_at.map(Moment),
            last_at: listed.last_at.map(Moment),
            as_of: listed.as_of,
            lag: tidings.lag(&listed.keyword),
            status: match tidings.keyword_status(&listed.keyword) {
                KeywordStatus::Live => "live",
                KeywordStatus::CatchingUp => "catching_up",
                KeywordStatus::Quarantined => "quarantined",
            },
            name: Name::of(listed.keyword),
        }
    }
}

/// A keyword and its token.
#[derive(Debug, Serialize)]
pub struct Name {
    #[serde(serialize_with = "as_text")]
    keyword: Keyword,
    #[serde(serialize_with = "as_text")]
    token: Token,
}

impl Name {
    /// The name of a keyword.
    pub fn of(keyword: Keyword) -> Self {
        Self {
            token: Token::of(&keyword),
            keyword,
        }
    }
}

/// Answers `GET /keywords`: those that are tracked, in keyword order.
pub async fn list(State(http): State<Http>, request: Request) -> Result<Response, Problem> {
    let call = RequestContext::of(http, request);
    call.ask(None, Action::Read)?;
    let query = call.query(PARAMETERS)?;
    call.reach(Scope::All, query.min_seq()?).await?;
    let count = u64::try_from(call.tidings().tracked_count()).unwrap_or(u64::MAX);
    let bytes = count.saturating_mul(KEYWORD_BYTES);
    let (tidings, countable) = (call.tidings().clone(), call.countable());
    call.answer_large_across(Lane::List, bytes, move |views| {
        let listed = tracked_keywords(views, &countable)?.into_iter();
        let keywords = listed.map(|listed| Item::of(&tidings, listed)).collect();
        Ok(Keywords { keywords })
    })
    .await
}

/// The keyword that the body of `POST /keywords` names.
fn wanted(body: &[u8]) -> Result<Keyword, Problem> {
    let bad = |what: String| {
        Problem::BadBody(format!(
            "the body is not like {{\"keyword\":\"…\"}}: {what}"
        ))
    };
    if !body.trim_ascii_start().starts_with(b"{") {
        serde_json::from_slice::<IgnoredAny>(body).map_err(|error| bad(error.to_string()))?;
        return Err(bad("it is not an object".to_owned()));
    }
    let Members { keyword } =
        serde_json::from_slice(body).map_err(|error| bad(error.to_string()))?;
    let Some(keyword) = keyword else {
        return Err(bad("it has no keyword".to_owned()));
    };
    if !keyword.get().starts_with('"') {
        return Err(bad("its keyword is not a string".to_owned()));
    }
    let keyword: String =
        serde_json::from_str(keyword.get()).map_err(|error| bad(error.to_string()))?;
    Keyword::new(&keyword).map_err(|error| Problem::BadKeyword(error.to_string()))
}

/// The members that are read. All else is passed over: as values, a body of 16 MiB could take half
/// a gigabyte.
#[derive(Debug, Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    keyword: Option<&'a RawValue>,
}

/// Answers `POST /keywords`: 201 when the keyword is tracked from now on, 200 when it was.
pub async fn track(State(http): State<Http>, request: Request) -> Result<Response, Problem> {
    let (call, body) = RequestContext::with_body(http, request);
    call.query(&[])?;
    let body = call.read_body(body, "application/json").await?;
    let keyword = wanted(&body)?;
    call.ask(Some(&keyword), Action::Track)?;
    let is_new = call.tidings().track(&keyword).await?;
    let location = format!("/api/v1/keywords/{}/timeline", Token::of(&keyword));
    let body = named(&call, keyword).await?;
    if !is_new {
        return Ok(body.respond_with(StatusCode::OK));
    }
    let mut response = body.respond_with(StatusCode::CREATED);
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// Answers `DELETE /keywords/{token}`: 204, also when the keyword isn't tracked any more.
pub async fn untrack(State(http): State<Http>, request: Request) -> Result<Response, Problem> {
    let call = RequestContext::of(http, request);
    let keyword = call.keyword()?;
    call.ask(Some(&keyword), Action::Track)?;
    call.query(&[])?;
    call.tidings().untrack(&keyword).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Answers `POST …/release`, which ends a quarantine.
pub async fn release(State(http): State<Http>, request: Request) -> Result<Response, Problem> {
    let (call, body) = RequestContext::with_body(http, request);
    let keyword = call.keyword()?;
    call.ask(Some(&keyword), Action::Release)?;
    call.query(&[])?;
    if !body.is_end_stream() {
        call.read_body(body, "application/json").await?;
    }
    if !call.tidings().release(&keyword).await? {
        let tidings = call.tidings().clone();
        return call
            .make(Lane::Rows, move |views| match views.summary(&keyword)? {
                Some(_) => Err(Problem::NotQuarantined(keyword.to_string())),
                None => Err(Problem::unknown(&tidings, &keyword)),
            })
            .await;
    }
    Ok(named(&call, keyword).await?.respond_with(StatusCode::OK))
}

/// A keyword that something was done to, and where it stands since.
async fn named(call: &RequestContext, keyword: Keyword) -> Result<AnswerBody, Problem> {
    call.make(Lane::Rows, move |views| {
        // One that was just released may not have been folded yet.
        let (epoch, as_of) = match views.read(&keyword, |_, _| Ok(()))? {
            Some(answer) => (answer.epoch, answer.as_of),
            None => (views.epoch()?, Sequence::ZERO),
        };
        AnswerBody::of(&Positioned {
            value: Name::of(keyword),
            epoch,
            as_of,
        })
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_names_one_keyword_whatever_else_is_in_it() {
        for body in [
            "{\"keyword\":\"ai\"}",
            " {\"x\":[[[]]],\"keyword\":\"\\u0061i\",\"y\":{\"keyword\":5}} ",
        ] {
            assert_eq!(wanted(body.as_bytes()).unwrap().as_str(), "ai");
        }
        for (body, what) in [
            ("", "EOF"),
            ("{\"keyword\":\"ai\"", "EOF"),
            ("[\"ai\"]", "not an object"),
            ("\"ai\"", "not an object"),
            ("{}", "no keyword"),
            ("{\"keyword\":5}", "not a string"),
            ("{\"keyword\":[\"ai\"]}", "not a string"),
            ("{\"keyword\":\"\\ud83d\"}", "hex escape"),
            ("{\"keyword\":\"a\",\"keyword\":\"b\"}", "duplicate"),
        ] {
            match wanted(body.as_bytes()) {
                Err(Problem::BadBody(text)) => assert!(text.contains(what), "{body}: {text}"),
                other => panic!("{body}: {other:?}"),
            }
        }
    }
}
