//! The request handlers of resources. Each checks the permission, reads the parameters, waits for
//! `min_seq` and makes the answer, in this order.

use axum::extract::{Request, State};
use axum::response::Response;

use super::{AcrossResource, JoinedResource, KeywordResource};
use crate::access::Action;
use crate::actors::engine::Scope;
use crate::http::Http;
use crate::http::parameter::Parameter;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::request_context::RequestContext;

/// Answers a GET of a resource of one keyword.
pub(super) async fn of_keyword<R: KeywordResource>(
    State(http): State<Http>,
    request: Request,
) -> Result<Response, Problem> {
    let call = RequestContext::of(http, request);
    let keyword = call.keyword()?;
    call.ask(Some(&keyword), Action::Read)?;
    let query = call.query_of_resource(R::PARAMETERS)?;
    let now = call.tidings().now();
    let resource = R::read(&query, now)?;
    ask_named(&call, &query, R::PARAMETERS)?;
    call.reach(Scope::Keyword(&keyword), query.min_seq()?)
        .await?;
    let lane = resource.lane();
    let rows_query = resource.query(keyword.clone(), now);
    call.answer_for(lane, keyword, R::UNTRACKED, rows_query)
        .await
}

/// Answers a GET of a resource of one keyword among others. `min_seq` is met by all keywords.
pub(super) async fn joined<R: JoinedResource>(
    State(http): State<Http>,
    request: Request,
) -> Result<Response, Problem> {
    let call = RequestContext::of(http, request);
    let keyword = call.keyword()?;
    call.ask(Some(&keyword), Action::Read)?;
    let query = call.query_of_resource(R::PARAMETERS)?;
    let now = call.tidings().now();
    let resource = R::read(&query, now)?;
    ask_named(&call, &query, R::PARAMETERS)?;
    let min_seq = query.min_seq()?;
    // The wait for the keyword and the wait for all keywords run at once, so that they share one
    // time limit.
    tokio::try_join!(
        call.reach(Scope::Keyword(&keyword), min_seq),
        call.reach(Scope::All, min_seq),
    )?;
    let countable = call.countable();
    call.answer_joined(R::LANE, move |views| {
        let answer = resource.answer(views, &countable, &keyword, now)?;
        Ok(answer.into())
    })
    .await
}

/// Answers a GET of a resource of many keywords.
pub(super) async fn across<R: AcrossResource>(
    State(http): State<Http>,
    request: Request,
) -> Result<Response, Problem> {
    let call = RequestContext::of(http, request);
    call.ask(None, Action::Read)?;
    let query = call.query_of_resource(R::PARAMETERS)?;
    let now = call.tidings().now();
    let resource = R::read(&query, now)?;
    ask_named(&call, &query, R::PARAMETERS)?;
    call.reach(Scope::All, query.min_seq()?).await?;
    let bytes = resource.bytes(call.tidings());
    let (tidings, countable) = (call.tidings().clone(), call.countable());
    call.answer_across(R::LANE, bytes, move |views| {
        let mut answer = resource.answer(views, &countable, now)?;
        R::add_engine_state(&mut answer, &tidings);
        Ok(answer)
    })
    .await
}

/// Asks the authorization policy about each keyword that the query names.
fn ask_named(
    call: &RequestContext,
    query: &Query,
    parameters: &[Parameter],
) -> Result<(), Problem> {
    for parameter in parameters {
        if let Parameter::Keywords(parameter) = parameter {
            for keyword in query.keywords(parameter)? {
                call.ask(Some(&keyword), Action::Read)?;
            }
        }
    }
    Ok(())
}
