//! `/keywords`: tracks and untracks keywords, and ends quarantines.

use axum::body::HttpBody;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use serde_json::value::RawValue;

use super::Http;
use super::description::{Operation, reference};
use super::lanes::Lane;
use super::problem::Problem;
use super::request_context::RequestContext;
use super::resources::Name;
use super::response::{AnswerBody, Positioned};
use crate::access::Action;
use crate::events::{Keyword, KeywordRules, ListedTexts, RuleTexts, Sequence, Token};

/// The content of a body of `POST /keywords`.
#[derive(Debug)]
struct Wanted {
    keyword: Keyword,
    /// The rules; `None` when the body has neither `any` nor `none`. The keyword then keeps its
    /// rules.
    rules: Option<KeywordRules>,
}

/// Reads the body of `POST /keywords`.
fn wanted(body: &[u8]) -> Result<Wanted, Problem> {
    let bad = |what: String| {
        Problem::BadBody(format!(
            "the body is not like {{\"keyword\":\"…\"}}: {what}"
        ))
    };
    if !body.trim_ascii_start().starts_with(b"{") {
        serde_json::from_slice::<IgnoredAny>(body).map_err(|error| bad(error.to_string()))?;
        return Err(bad("it is not an object".to_owned()));
    }
    let Members { keyword, any, none } =
        serde_json::from_slice(body).map_err(|error| bad(error.to_string()))?;
    let Some(keyword) = keyword else {
        return Err(bad("it has no keyword".to_owned()));
    };
    if !keyword.get().starts_with('"') {
        return Err(bad("its keyword is not a string".to_owned()));
    }
    let keyword: String =
        serde_json::from_str(keyword.get()).map_err(|error| bad(error.to_string()))?;
    let keyword = Keyword::new(&keyword).map_err(|error| Problem::BadKeyword(error.to_string()))?;
    let rules = match (any, none) {
        (None, None) => None,
        (any, none) => Some(KeywordRules::new(
            rule_texts("any", any)?,
            rule_texts("none", none)?,
        )),
    };
    Ok(Wanted { keyword, rules })
}

/// Checks the texts of the list `any` or `none`. An absent list has no texts.
fn rule_texts(name: &str, listed: Option<ListedTexts<'_>>) -> Result<RuleTexts, Problem> {
    let texts = listed.unwrap_or_default().checked();
    texts.map_err(|error| Problem::BadBody(format!("\"{name}\" {error}")))
}

/// The members of the body that are read. All other members are skipped and not parsed into values,
/// because the values of a body of 16 MiB could take half a gigabyte of memory.
#[derive(Debug, Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    keyword: Option<&'a RawValue>,
    #[serde(borrow)]
    any: Option<ListedTexts<'a>>,
    #[serde(borrow)]
    none: Option<ListedTexts<'a>>,
}

/// Answers `POST /keywords`: 201 when the keyword is tracked from now on, 200 when it was tracked
/// already. Rules in the body replace those of the keyword.
pub async fn track(State(http): State<Http>, request: Request) -> Result<Response, Problem> {
    let (call, body) = RequestContext::with_body(http, request);
    call.query(&[])?;
    let body = call.read_body(body, "application/json").await?;
    let Wanted { keyword, rules } = wanted(&body)?;
    call.ask(Some(&keyword), Action::Track)?;
    let is_new = call.tidings().track(&keyword, rules).await?;
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

/// Answers `DELETE /keywords/{token}`: 204, also when the keyword was untracked before.
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

/// The answer to a command: the keyword, with the epoch and position of its rows.
async fn named(call: &RequestContext, keyword: Keyword) -> Result<AnswerBody, Problem> {
    call.make(Lane::Rows, move |views| {
        // A keyword that was just released may have no rows yet.
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

/// Describes `POST /keywords`.
pub fn track_operation() -> Operation {
    let name = reference("schemas", "KeywordName");
    let location = json!({ "schema": { "type": "string" } });
    let texts = |what: &str| {
        json!({
            "type": ["array", "null"],
            "items": { "type": "string" },
            "maxItems": RuleTexts::MAX,
            "description": what,
        })
    };
    let body = json!({
        "type": "object",
        "properties": {
            "keyword": { "type": "string" },
            "any": texts("A tweet with one of these texts matches as if it had the keyword"),
            "none": texts("A tweet with one of these texts does not match"),
        },
        "required": ["keyword"],
    });
    let limit = "The number of tracked keywords has reached keywords.max, or the texts of their \
        rules would exceed keywords.max_rule_texts";
    Operation::new("track", "Track a keyword")
        .described(
            "With any or none, both lists replace the keyword's rules; without them, the rules of \
            a tracked keyword stay.",
        )
        .body("application/json", &body)
        .gives(
            200,
            "The keyword was tracked already",
            "application/json",
            &name,
        )
        .gives(
            201,
            "The keyword is tracked from now on",
            "application/json",
            &name,
        )
        .header(201, "Location", location)
        .gives_problem(409, limit, &reference("schemas", "Problem"))
        .refused(503, "TryAgain")
}

/// Describes `DELETE /keywords/{token}`.
pub fn untrack_operation() -> Operation {
    Operation::new("untrack", "Stop tracking a keyword")
        .described("Drops the keyword's views and keeps its ledger.")
        .of_keyword()
        .gives_nothing(204, "The keyword is no longer tracked")
        .refused(404, "NotFound")
        .refused(503, "TryAgain")
}

/// Describes `POST …/release`.
pub fn release_operation() -> Operation {
    let name = reference("schemas", "KeywordName");
    Operation::new("release", "End a keyword's quarantine")
        .of_keyword()
        .gives(200, "The keyword folds again", "application/json", &name)
        .refused(404, "NotFound")
        .refused(408, "BodyTimeout")
        .refused(413, "BodyTooLarge")
        .refused(415, "UnsupportedMediaType")
        .refused(503, "TryAgain")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_names_one_keyword_among_any_other_members() {
        for body in [
            "{\"keyword\":\"ai\"}",
            " {\"x\":[[[]]],\"keyword\":\"\\u0061i\",\"y\":{\"keyword\":5}} ",
        ] {
            let wanted = wanted(body.as_bytes()).unwrap();
            assert_eq!(wanted.keyword.as_str(), "ai");
            assert_eq!(wanted.rules, None);
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
            ("{\"keyword\":\"a\",\"any\":[],\"any\":[]}", "duplicate"),
            ("{\"keyword\":\"a\",\"any\":\"b\"}", "array of strings"),
            ("{\"keyword\":\"a\",\"none\":[1]}", "expected a string"),
            ("{\"keyword\":\"a\",\"any\":[\"\"]}", "place 1: it is empty"),
        ] {
            match wanted(body.as_bytes()) {
                Err(Problem::BadBody(text)) => assert!(text.contains(what), "{body}: {text}"),
                other => panic!("{body}: {other:?}"),
            }
        }
    }
    #[test]
    fn list_that_is_given_replaces_both_and_none_leaves_them() {
        for (members, expected) in [
            ("", None),
            (",\"any\":null,\"none\":null", None),
            (",\"any\":[]", Some((&[][..], &[][..]))),
            (
                ",\"any\":[\"B\",\"b\",\"a\"]",
                Some((&["b", "a"][..], &[][..])),
            ),
            (",\"none\":[\"c\"]", Some((&[][..], &["c"][..]))),
        ] {
            let body = format!("{{\"keyword\":\"k\"{members}}}");
            let rules = expected.map(|(any, none)| KeywordRules::of_test(any, none));
            assert_eq!(wanted(body.as_bytes()).unwrap().rules, rules, "{body}");
        }
        let long = format!("{{\"keyword\":\"k\",\"any\":[{}1]}}", "\"a\",".repeat(21));
        match wanted(long.as_bytes()) {
            Err(Problem::BadBody(text)) => assert!(text.contains("\"any\" has 22 texts"), "{text}"),
            other => panic!("{other:?}"),
        }
    }
}
