//! [`RequestContext`]: one request while a handler answers it. It reads the keyword, the query and
//! the body, asks for permission, and runs the query in its lane.

use axum::body::Body as RequestBody;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use serde::Serialize;
use tokio::runtime::Handle;

use super::body_reading::MAX_BODY_BYTES;
use super::budget::ByteCharge;
use super::client::ClientKey;
use super::lanes::{self, Lane};
use super::parameter::{MIN_SEQ, Parameter};
use super::problem::Problem;
use super::query::Query;
use super::response::{AnswerBody, Positioned};
use super::server::ClientAddress;
use super::{Http, answer_budget, body};
use crate::access::{Action, KeywordSet, Principal};
use crate::actors::engine::{Scope, Tidings};
use crate::events::{Keyword, Sequence, Token};
use crate::projections::{KeywordSummary, Rows, RowsError};
use crate::queries::{self, QueryError, Untracked};
use crate::store::{Answer, Views};

/// Number of tries to make an answer across keywords while the views are being replaced.
const TRIES: usize = 3;
/// The part of a path before the token.
const KEYWORDS: &str = "/api/v1/keywords/";
/// The part of a path before the name of a source.
const SOURCES: &str = "/api/v1/sources/";

/// One request: its head, its caller and the interface.
#[derive(Debug)]
pub struct RequestContext {
    http: Http,
    path: String,
    raw_query: String,
    headers: HeaderMap,
    client: ClientKey,
    principal: Principal,
}

impl RequestContext {
    /// Takes a request and drops its body.
    pub fn of(http: Http, request: Request) -> Self {
        Self::with_body(http, request).0
    }

    /// Takes a request and returns its body separately.
    pub fn with_body(http: Http, request: Request) -> (Self, RequestBody) {
        let (parts, body) = request.into_parts();
        let client = parts.extensions.get::<ClientAddress>().copied();
        let principal = parts.extensions.get::<Principal>().cloned();
        let call = Self {
            http,
            client: ClientKey::at(client),
            principal: principal.unwrap_or_default(),
            path: parts.uri.path().to_owned(),
            raw_query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers,
        };
        (call, body)
    }

    /// The engine.
    pub fn tidings(&self) -> &Tidings {
        self.http.tidings()
    }

    /// The state that all handlers share.
    pub fn http(&self) -> &Http {
        &self.http
    }

    /// The request's headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The caller.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The keywords that answers to the caller may count.
    pub fn countable(&self) -> KeywordSet {
        self.http.shared.access.countable(&self.principal)
    }

    /// The keyword that the path names. It is read from the raw path: in a decoded path `%2F` would
    /// be a slash, and bytes that are not UTF-8 would not be refused.
    ///
    /// # Errors
    /// [`Problem::BadKeyword`] when the token is not a valid keyword.
    pub fn keyword(&self) -> Result<Keyword, Problem> {
        let token = self
            .path
            .strip_prefix(KEYWORDS)
            .and_then(|rest| rest.split('/').next())
            .unwrap_or_default();
        Token::decode_lenient(token.as_bytes())
            .map_err(|error| Problem::BadKeyword(error.to_string()))
    }

    /// The name of a source in the path, as the client wrote it.
    pub fn source_name(&self) -> &str {
        self.path.strip_prefix(SOURCES).unwrap_or_default()
    }

    /// Asks the authorization policy.
    ///
    /// # Errors
    /// [`Problem::NotPermitted`] when it refuses.
    pub fn ask(&self, keyword: Option<&Keyword>, action: Action) -> Result<(), Problem> {
        let access = &self.http.shared.access;
        if access.allows(&self.principal, keyword, action) {
            Ok(())
        } else {
            Err(Problem::NotPermitted {
                action: action.verb(),
            })
        }
    }

    /// Reads the query, which may contain the `known` parameters.
    ///
    /// # Errors
    /// [`Problem`] when it contains others, or is malformed.
    pub fn query(&self, known: &[Parameter]) -> Result<Query, Problem> {
        Query::read(&self.raw_query, known)
    }

    /// Reads the query of a resource, which may contain its parameters and `min_seq`.
    ///
    /// # Errors
    /// [`Problem`] when it contains others, or is malformed.
    pub fn query_of_resource(&self, parameters: &[Parameter]) -> Result<Query, Problem> {
        let mut known = parameters.to_vec();
        known.push(Parameter::Position(MIN_SEQ));
        self.query(&known)
    }

    /// Reads the body, which has to be of this type.
    ///
    /// # Errors
    /// [`Problem`] when it has another type, is too large, or too slow.
    pub async fn read_body(
        &self,
        body: RequestBody,
        media_type: &'static str,
    ) -> Result<Bytes, Problem> {
        self.read_body_within(body, media_type, MAX_BODY_BYTES)
            .await
    }

    /// Reads a body of at most `max` bytes, which has to be of this type.
    ///
    /// # Errors
    /// As [`Self::read_body`].
    pub async fn read_body_within(
        &self,
        body: RequestBody,
        media_type: &'static str,
        max: u64,
    ) -> Result<Bytes, Problem> {
        body::check_type(&self.headers, media_type)?;
        let bodies = &self.http.shared.bodies;
        bodies.read(self.client, &self.headers, body, max).await
    }

    /// Waits until the views are folded through `min_seq`, if there is one.
    ///
    /// # Errors
    /// [`Problem::BeyondHead`] when it is greater than the journal head, [`Problem::TryAgain`]
    /// after 5 seconds.
    pub async fn reach(&self, scope: Scope<'_>, min_seq: Option<Sequence>) -> Result<(), Problem> {
        match min_seq {
            None => Ok(()),
            Some(min) => self
                .tidings()
                .reached(scope, min)
                .await
                .map_err(|error| Problem::not_reached(&error, min)),
        }
    }

    /// Answers from one version of one keyword's rows. `begin` makes the query when there is a
    /// thread for it, and again if the answer is made again in another lane.
    ///
    /// # Errors
    /// The problem of a query error, [`Problem::Busy`] for a scan or when `http.answer_budget` is
    /// spent, or the error of `begin`.
    pub async fn answer_for<T, Q>(
        self,
        lane: Lane,
        keyword: Keyword,
        untracked: Untracked,
        mut begin: impl FnMut() -> Result<Q, Problem> + Send + 'static,
    ) -> Result<Response, Problem>
    where
        T: Serialize,
        Q: FnMut(&KeywordSummary, &dyn Rows) -> Result<T, RowsError>,
    {
        let tidings = self.tidings().clone();
        let answer = move |views: &Views| {
            let answer = queries::of_keyword(views, &keyword, untracked, begin()?)
                .map_err(|error| Problem::of_query(&tidings, error))?;
            AnswerBody::of(&Positioned::from(answer))
        };
        let (body, room) = match lane {
            Lane::Rows => self.make_of_rows(answer).await?,
            Lane::List | Lane::Scan => (self.make(lane, answer).await?, None),
        };
        let response = body.respond_to(&self.headers);
        // The middleware counts the response by its own length.
        drop(room);
        Ok(response)
    }

    /// Answers about one keyword from rows that the query reads in steps. `begin` returns the
    /// query when there is a thread for it.
    ///
    /// # Errors
    /// The problem of a query error, [`Problem::Busy`] for a scan, or the error of `begin`.
    pub async fn answer_joined<T, Q>(
        self,
        lane: Lane,
        begin: impl FnOnce() -> Result<Q, Problem> + Send + 'static,
    ) -> Result<Response, Problem>
    where
        T: Serialize,
        Q: FnOnce(&Views) -> Result<Answer<T>, QueryError>,
    {
        let tidings = self.tidings().clone();
        let body = self
            .make(lane, move |views| {
                let query = begin()?;
                let answer = query(views).map_err(|error| Problem::of_query(&tidings, error))?;
                AnswerBody::of(&Positioned::from(answer))
            })
            .await?;
        Ok(body.respond_to(&self.headers))
    }

    /// Answers from the rows of many keywords, in one epoch. `bytes` is the estimated size of the
    /// answer. It is reserved in the answer budget when the task starts to run, not while the task
    /// waits. Then `begin` makes the query.
    ///
    /// # Errors
    /// The problem of a query error, [`Problem::Busy`] for a scan or when `http.answer_budget` is
    /// spent, or the error of `begin`.
    pub async fn answer_across<T, Q>(
        self,
        lane: Lane,
        bytes: u64,
        begin: impl FnOnce() -> Result<Q, Problem> + Send + 'static,
    ) -> Result<Response, Problem>
    where
        T: Serialize,
        Q: Fn(&Views) -> Result<T, QueryError>,
    {
        let tidings = self.tidings().clone();
        let budget = self.http.shared.answer_budget.clone();
        let (body, room) = self
            .make(lane, move |views| {
                let room = answer_budget::room_for(&budget, bytes)?;
                let position = || tidings.position();
                let answer = queries::in_one_epoch(views, TRIES, position, begin()?)
                    .map_err(|error| Problem::of_query(&tidings, error))?;
                Ok((AnswerBody::of(&Positioned::from(answer))?, room))
            })
            .await?;
        let response = body.respond_to(&self.headers);
        // The middleware counts the response by its own length.
        drop(room);
        Ok(response)
    }

    /// Runs `task` in [`Lane::Rows`]. If the task reads more bytes than that lane allows, it runs
    /// again in [`Lane::List`], after room for a long answer is reserved. The task ends when the
    /// client leaves.
    ///
    /// # Errors
    /// The task's own error, [`Problem::Busy`] when `http.answer_budget` is spent, or
    /// [`Problem::Internal`] when the task panics.
    async fn make_of_rows<T: Send + 'static>(
        &self,
        mut task: impl FnMut(&Views) -> Result<T, Problem> + Send + 'static,
    ) -> Result<(T, Option<ByteCharge>), Problem> {
        let views = self.tidings().views().clone();
        let budget = self.http.shared.answer_budget.clone();
        let lanes = &self.http.shared.lanes;
        let mut is_long = false;
        lanes
            .run_rows(self.client, move |meter| {
                let room = std::mem::replace(&mut is_long, true)
                    .then(|| answer_budget::room_for(&budget, lanes::MAX_ROWS_BYTES))
                    .transpose()?;
                Ok((task(&views.metered(meter.clone()))?, room))
            })
            .await
    }

    /// Runs `task` with the views in this lane. The task ends when the client leaves.
    ///
    /// # Errors
    /// The task's own error, [`Problem::Busy`] for a scan, or [`Problem::Internal`] when the task
    /// panics.
    pub async fn make<T: Send + 'static>(
        &self,
        lane: Lane,
        task: impl FnOnce(&Views) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let views = self.tidings().views().clone();
        let lanes = &self.http.shared.lanes;
        lanes
            .run(lane, self.client, move |meter| {
                task(&views.metered(meter.clone()))
            })
            .await
    }
}

/// Runs a blocking task off the event loop.
///
/// # Errors
/// The task's own error, or [`Problem::Internal`] when it panics.
pub async fn blocking<T: Send + 'static>(
    task: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    lanes::run_on(&Handle::current(), (), task).await
}
