//! `GET …/ledger` and `GET /ledger`: what became of every record.

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Serialize;

use super::Http;
use super::lanes::Lane;
use super::problem::Problem;
use super::request_context::{MIN_SEQ, RequestContext};
use crate::access::Action;
use crate::actors::engine::Scope;
use crate::projections::Ledger;
use crate::queries::{Untracked, total_ledger};

/// The parameters of both routes.
pub const PARAMETERS: &[&str] = &[MIN_SEQ];

#[derive(Debug, Serialize)]
struct Sums {
    #[serde(flatten)]
    ledger: Ledger,
    unaddressed: u64,
}

/// Answers `GET …/ledger`, also for a keyword that isn't tracked any more.
pub async fn of_keyword(State(http): State<Http>, request: Request) -> Result<Response, Problem> {
    let call = RequestContext::of(http, request);
    let keyword = call.keyword()?;
    call.ask(Some(&keyword), Action::Read)?;
    let query = call.query(PARAMETERS)?;
    call.reach(Scope::Keyword(&keyword), query.min_seq()?)
        .await?;
    call.answer_for(Lane::Rows, keyword, Untracked::Answered, |summary, _| {
        Ok(summary.ledger)
    })
    .await
}

/// Answers `GET /ledger`.
pub async fn of_all(State(http): State<Http>, request: Request) -> Result<Response, Problem> {
    let call = RequestContext::of(http, request);
    call.ask(None, Action::Read)?;
    let query = call.query(PARAMETERS)?;
    call.reach(Scope::All, query.min_seq()?).await?;
    let countable = call.countable();
    call.answer_across(Lane::List, move |views| {
        let total = total_ledger(views, &countable)?;
        Ok(Sums {
            ledger: total.ledger,
            unaddressed: total.unaddressed,
        })
    })
    .await
}
