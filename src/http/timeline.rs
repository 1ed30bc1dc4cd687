//! `GET …/timeline`: a keyword's tweets, newest first, page by page.

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Serialize;

use super::lanes::Lane;
use super::problem::Problem;
use super::query::Query;
use super::request_context::{MIN_SEQ, RequestContext};
use super::tweet::Tweet;
use super::{Http, pagination};
use crate::access::Action;
use crate::actors::engine::Scope;
use crate::events::normal_form;
use crate::projections::{TimelinePage, TimelineQuery, TimelineScan};
use crate::queries::Untracked;

pub const MAX_LIMIT_TWEETS: usize = 200;
const DEFAULT: usize = 50;

/// The parameters of this route.
pub const PARAMETERS: &[&str] = &[
    "limit", "before", "from", "to", "lang", "author", "q", MIN_SEQ,
];

#[derive(Debug, Serialize)]
struct Timeline {
    items: Vec<Tweet>,
    next: Option<String>,
}

impl From<TimelinePage> for Timeline {
    fn from(page: TimelinePage) -> Self {
        Self {
            items: page.items.into_iter().map(Tweet::from).collect(),
            next: page.next.as_ref().map(pagination::encode),
        }
    }
}

/// Answers `GET …/timeline`.
pub async fn get(State(http): State<Http>, request: Request) -> Result<Response, Problem> {
    let call = RequestContext::of(http, request);
    let keyword = call.keyword()?;
    call.ask(Some(&keyword), Action::Read)?;
    let query = call.query(PARAMETERS)?;
    let wanted = read(&query)?;
    call.reach(Scope::Keyword(&keyword), query.min_seq()?)
        .await?;
    let lane = if wanted.is_filtered() {
        Lane::Scan
    } else {
        Lane::Rows
    };
    let mut scan = TimelineScan::new(wanted);
    call.answer_for(lane, keyword, Untracked::Refused, move |_, rows| {
        scan.run(rows).map(Timeline::from)
    })
    .await
}

fn read(query: &Query) -> Result<TimelineQuery, Problem> {
    let wanted = TimelineQuery {
        limit: query.number("limit", 1, MAX_LIMIT_TWEETS, DEFAULT)?,
        before: query.cursor("before")?,
        from: query.moment("from")?,
        to: query.moment("to")?,
        lang: query.text("lang").map(str::to_owned),
        author: query.text("author").map(str::to_owned),
        text: query
            .text("q")
            .map(normal_form)
            .filter(|text| !text.is_empty()),
    };
    match (wanted.from, wanted.to) {
        (Some(from), Some(to)) if from > to => Err(Problem::BadQuery(format!(
            "from {from} is after to {to}; give an earlier from or a later to"
        ))),
        _ => Ok(wanted),
    }
}
