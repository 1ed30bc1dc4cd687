//! The request handlers of resources. Each checks the permission, reads the parameters, waits for
//! `min_seq` and makes the answer, in this order.
//!
//! The waits for `min_seq` and for the lane may be long. So a handler reads the clock and the
//! parameters again when the answer is begun. Otherwise a window that ends now would not contain
//! the tweets that the request has waited for.

use axum::extract::{Request, State};
use axum::response::Response;

use super::{AcrossResource, JoinedResource, KeywordResource, Resource};
use crate::access::Action;
use crate::actors::engine::{Scope, Tidings};
use crate::events::Timestamp;
use crate::http::Http;
use crate::http::parameter::Parameter;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::request_context::RequestContext;
use crate::store::Views;

/// Answers a GET of a resource of one keyword.
pub(super) async fn of_keyword<R: KeywordResource>(
    State(http): State<Http>,
    request: Request,
) -> Result<Response, Problem> {
    let call = RequestContext::of(http, request);
    let keyword = call.keyword()?;
    call.ask(Some(&keyword), Action::Read)?;
    let query = call.query_of_resource(R::PARAMETERS)?;
    let tidings = call.tidings().clone();
    let lane = read_now::<R>(&query, &tidings)?.0.lane();
    ask_named(&call, &query, R::PARAMETERS)?;
    call.reach(Scope::Keyword(&keyword), query.min_seq()?)
        .await?;
    let of = keyword.clone();
    call.answer_for(lane, keyword, R::UNTRACKED, move || {
        let (resource, now) = read_now::<R>(&query, &tidings)?;
        Ok(resource.query(of.clone(), now))
    })
    .await
}

/// Answers a GET of a resource of one keyword among others. Waits until all keywords have reached
/// `min_seq`, not only the one in the path.
pub(super) async fn joined<R: JoinedResource>(
    State(http): State<Http>,
    request: Request,
) -> Result<Response, Problem> {
    let call = RequestContext::of(http, request);
    let keyword = call.keyword()?;
    call.ask(Some(&keyword), Action::Read)?;
    let query = call.query_of_resource(R::PARAMETERS)?;
    let tidings = call.tidings().clone();
    read_now::<R>(&query, &tidings)?;
    ask_named(&call, &query, R::PARAMETERS)?;
    let min_seq = query.min_seq()?;
    // The wait for the keyword and the wait for all keywords run at once, so that they share one
    // time limit.
    tokio::try_join!(
        call.reach(Scope::Keyword(&keyword), min_seq),
        call.reach(Scope::All, min_seq),
    )?;
    let countable = call.countable();
    call.answer_joined(R::LANE, move || {
        let (resource, now) = read_now::<R>(&query, &tidings)?;
        Ok(move |views: &Views| {
            let answer = resource.answer(views, &countable, &keyword, now)?;
            Ok(answer.into())
        })
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
    let tidings = call.tidings().clone();
    let (resource, _) = read_now::<R>(&query, &tidings)?;
    ask_named(&call, &query, R::PARAMETERS)?;
    call.reach(Scope::All, query.min_seq()?).await?;
    let (bytes, countable) = (resource.bytes(&tidings), call.countable());
    if let Some(answer) = resource.engine_answer() {
        let of_engine = move |_: &Views| answer(&resource, &tidings, &countable);
        let body = call.make(R::LANE, of_engine).await?;
        return Ok(body.respond_to(call.headers()));
    }
    call.answer_across(R::LANE, bytes, move || {
        let (resource, now) = read_now::<R>(&query, &tidings)?;
        Ok(move |views: &Views| {
            let mut answer = resource.answer(views, &countable, now)?;
            R::add_engine_state(&mut answer, &tidings);
            Ok(answer)
        })
    })
    .await
}

/// Reads the clock, and the parameters of a query at this time. The first call, before the waits,
/// refuses wrong parameters.
fn read_now<R: Resource>(query: &Query, tidings: &Tidings) -> Result<(R, Timestamp), Problem> {
    let now = tidings.now();
    Ok((R::read(query, now)?, now))
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
