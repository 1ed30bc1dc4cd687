//! Appends records: publishes them in a pipeline and waits for every acknowledgement.
//!
//! Records get no `Nats-Msg-Id`. It would cost the server memory for every record for two minutes,
//! and the fold already counts a repeated tweet once, without a time limit. A record whose
//! acknowledgement is lost is reported as unknown. Sending it again is safe.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use async_nats::HeaderMap;
use bytes::Bytes;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::message::{ORIGIN, RECEIVED_AT};
use super::pipeline::{Outgoing, Pipeline};
use super::standing::Keeper;
use crate::events::binary::{self, Stored};
use crate::events::{Clock, Record, Timestamp, encode_fitting};
use crate::journal::{Appended, JournalError};

/// Age in milliseconds above which a record keeps its time of receipt in a header. A newer record
/// gets the time of the stream, which is only a little later.
const OLDER_MILLIS: i64 = 100;

/// How long a failed append is shown in the health, unless another append succeeds.
const REMEMBERED: Duration = Duration::from_secs(10);

/// Appends the records of all callers.
#[derive(Debug)]
pub(super) struct Appender {
    pipeline: Pipeline,
    keeper: Arc<Keeper>,
    clock: Clock,
    /// Held while the records of one append are sent, so that no other append of this process comes
    /// between them.
    order: Mutex<()>,
    /// The reason and time of the last failed append, if none has succeeded since.
    failure: std::sync::Mutex<Option<(Arc<str>, Instant)>>,
}

impl Appender {
    pub(super) fn new(pipeline: Pipeline, keeper: Arc<Keeper>, clock: Clock) -> Self {
        Self {
            pipeline,
            keeper,
            clock,
            order: Mutex::default(),
            failure: std::sync::Mutex::default(),
        }
    }

    /// Why records are probably refused now: the reason of the last append, if it failed within
    /// [`REMEMBERED`]. Only an append can show whether records are accepted again.
    pub(super) fn refused(&self) -> Option<Arc<str>> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure
            .as_ref()
            .filter(|(_, at)| at.elapsed() < REMEMBERED)
            .map(|(reason, _)| Arc::clone(reason))
    }

    /// Appends records and waits until all are acknowledged.
    ///
    /// # Errors
    /// [`JournalError::NoSubject`] before any record was sent; [`JournalError::Unacknowledged`].
    pub(super) async fn append(&self, records: &[Record]) -> Result<Appended, JournalError> {
        let now = self.clock.now();
        let outgoing = records
            .iter()
            .map(|record| Outgoing::of(record, now))
            .collect::<Result<Vec<_>, _>>()?;
        let incarnation = self.keeper.standing().incarnation;
        let turn = self.order.lock().await;
        let outcome = self.pipeline.send(outgoing, turn).await;
        if outcome.acknowledged > 0 {
            self.keeper.hears();
        }
        self.keeper.appended(incarnation, outcome.last);
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = outcome
            .failure
            .as_deref()
            .map(|reason| (Arc::from(reason), Instant::now()));
        outcome.appended()
    }
}

impl Outgoing {
    pub(super) fn of(record: &Record, now: Timestamp) -> Result<Self, JournalError> {
        let token = std::str::from_utf8(&record.token).ok();
        let subject = token
            .filter(|token| fits_subject(token))
            .map(|token| format!("tweets.{token}"))
            .ok_or_else(|| JournalError::NoSubject {
                token: String::from_utf8_lossy(&record.token).into_owned(),
            })?;
        let is_older = now.millis().saturating_sub(record.received_at.millis()) > OLDER_MILLIS;
        let (payload, origin) = payload(record);
        let mut headers = HeaderMap::new();
        if is_older {
            headers.insert(RECEIVED_AT, record.received_at.to_string());
        }
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin);
        }
        Ok(Self {
            subject,
            headers: (!headers.is_empty()).then_some(headers),
            payload,
        })
    }
}

/// Returns the JSON of the event and its origin. A payload that is not an event is returned
/// unchanged.
fn payload(record: &Record) -> (Bytes, Option<String>) {
    if let Some(payload) = binary::wire_payload(&record.stored) {
        return (payload, None);
    }
    match binary::decode_any(&record.stored, record.received_at) {
        Ok(Stored::Event { event, origin }) => (encode_fitting(&event).into(), origin),
        Ok(Stored::Hollow(_)) => (record.stored.clone(), None),
        Err(undecodable) => (undecodable.payload, None),
    }
}

/// Whether the token can be part of a subject to publish to.
fn fits_subject(token: &str) -> bool {
    !token.is_empty()
        && !token
            .chars()
            .any(|c| matches!(c, '.' | '*' | '>') || c.is_whitespace() || c.is_control())
}
