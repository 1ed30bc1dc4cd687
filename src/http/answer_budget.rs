//! Limits the memory of answers that wait to be written.
//!
//! An answer stays in memory until its client has read it. [`AnswerBudget`] counts its bytes in
//! the budget of all clients, until they are written. When the budget is spent, the connections of
//! clients that read nothing are reset first. If that does not suffice, a large answer is refused.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::time::Instant;

use super::Http;
use super::budget::{ByteBudget, ByteCharge, Demand, FREE_BYTES, Holder, Steady};
use super::client_stream::WriteProgress;
use super::problem::Problem;

/// Time for which a client may read nothing while the budget is short.
const GRACE: Duration = Duration::from_secs(1);

pub(super) const BUSY: Problem = Problem::Busy {
    what: "too many bytes of answers wait to be taken by their clients",
    setting: "http.answer_budget",
};

/// Marks a response whose body is part of the program. Its bytes are not counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct StaticBody;

impl Holder for WriteProgress {
    fn behind(&self, now: Instant) -> Option<Duration> {
        self.stalled_for(now).filter(|stalled| *stalled > GRACE)
    }

    fn give_way(&self) {
        self.reset();
    }
}

/// Reserves `bytes` for an answer that is about to be made, until the charge is dropped. The made
/// answer is counted by its own length.
///
/// # Errors
/// [`Problem::Busy`] when `http.answer_budget` is spent.
pub(super) fn room_for(budget: &ByteBudget, bytes: u64) -> Result<ByteCharge, Problem> {
    let demand = if bytes > FREE_BYTES {
        Demand::Asked
    } else {
        Demand::Forced
    };
    budget.charge(bytes, Arc::new(Steady), demand).ok_or(BUSY)
}

/// Counts the answer to one request.
#[derive(Debug)]
pub(super) struct AnswerBudget {
    budget: ByteBudget,
    client: Arc<dyn Holder>,
    /// Whether the request changes nothing, so that its answer can be refused.
    is_safe: bool,
    is_head: bool,
}

impl AnswerBudget {
    /// Prepares to count the answer to a request.
    pub(super) fn of(http: &Http, request: &Request) -> Self {
        let client: Arc<dyn Holder> = match request.extensions().get::<Arc<WriteProgress>>() {
            Some(progress) => Arc::clone(progress) as Arc<dyn Holder>,
            None => Arc::new(Steady),
        };
        Self {
            budget: http.shared.answer_budget.clone(),
            client,
            is_safe: request.method().is_safe(),
            is_head: request.method() == Method::HEAD,
        }
    }

    /// Counts a response until it is written or dropped. If the budget has no room for a response
    /// of more than [`FREE_BYTES`] to a safe request, [`BUSY`] replaces the response.
    pub(super) fn count(self, response: Response) -> Response {
        let length = response.body().size_hint().exact();
        if self.is_head || length == Some(0) || response.extensions().get::<StaticBody>().is_some()
        {
            return response;
        }
        let charge = match length {
            Some(length) => {
                let demand = if self.is_safe && length > FREE_BYTES {
                    Demand::Asked
                } else {
                    Demand::Forced
                };
                match self.budget.charge(length, Arc::clone(&self.client), demand) {
                    Some(charge) => Some(charge),
                    None => return BUSY.into_response(),
                }
            }
            None => None,
        };
        response.map(|body| {
            Body::new(Counted {
                body,
                charge,
                budget: self.budget,
                client: self.client,
            })
        })
    }
}

/// A body whose bytes stay counted until they are written. The charge is attached to the bytes,
/// because the connection drops a body before it has written all of its bytes.
#[derive(Debug)]
struct Counted {
    body: Body,
    /// The charge of a body of known length. `None` for a stream, whose pieces are counted as they
    /// come.
    charge: Option<ByteCharge>,
    budget: ByteBudget,
    client: Arc<dyn Holder>,
}

impl Counted {
    fn charged(&mut self, bytes: Bytes) -> Bytes {
        if bytes.is_empty() {
            return bytes;
        }
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let charge = self.charge.take().or_else(|| {
            let client = Arc::clone(&self.client);
            self.budget.charge(length, client, Demand::Forced)
        });
        match charge {
            Some(charge) => charge.attach(bytes),
            None => bytes,
        }
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        polled.map(|next| {
            next.map(|frame| frame.map(|frame| frame.map_data(|bytes| self.charged(bytes))))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
