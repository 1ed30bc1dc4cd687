//! Appending: publishes pipelined, and waits for every acknowledgement.
//!
//! Records get no `Nats-Msg-Id`: it would cost the server memory for every record for two minutes,
//! and what it is for is done better by the fold, which counts a tweet once for ever. A record whose
//! acknowledgement is lost is reported as not known; whoever sends it again doubles nothing.

use std::collections::VecDeque;
use std::sync::Arc;

use async_nats::jetstream::context::{Context, PublishAckFuture, PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use tokio::sync::Mutex;

use super::message::RECEIVED_AT;
use super::standing::Keeper;
use crate::events::{Record, Sequence, Timestamp, stored, wire};
use crate::journal::{Appended, JournalError};

/// Acknowledgements that one append waits for at a time. All appends together are bounded by the
/// connection.
const MOST_WAITING: usize = 1_024;
/// A record that was received so much earlier than now, in milliseconds, keeps its time in a
/// header. What comes in just now has the stream's time, which is the same but for the way there.
const OLDER_MILLIS: i64 = 100;

/// Appends records for everybody.
#[derive(Debug)]
pub(super) struct Appender {
    context: Context,
    keeper: Arc<Keeper>,
    /// Records of one append follow one another as far as this process can see to it.
    order: Mutex<()>,
}

/// A record ready to be sent.
#[derive(Clone)]
pub(super) struct Outgoing {
    subject: String,
    message: PublishMessage,
}

impl Appender {
    pub(super) fn new(context: Context, keeper: Arc<Keeper>) -> Self {
        Self {
            context,
            keeper,
            order: Mutex::default(),
        }
    }

    /// Appends records and waits until all are acknowledged.
    ///
    /// # Errors
    /// [`JournalError::NoSubject`] before anything was sent; [`JournalError::Unacknowledged`].
    pub(super) async fn append(&self, records: &[Record]) -> Result<Appended, JournalError> {
        let now = Timestamp::now();
        let outgoing = records
            .iter()
            .map(|record| Outgoing::of(record, now))
            .collect::<Result<Vec<_>, _>>()?;
        let incarnation = self.keeper.standing().incarnation;
        let turn = self.order.lock().await;
        let answers = send(&self.context, outgoing, turn).await;
        let good = answers.iter().filter_map(|answer| answer.as_ref().ok());
        let last = Sequence::new(good.clone().max().copied().unwrap_or_default());
        self.keeper.appended(incarnation, last);
        let acknowledged = u64::try_from(good.count()).unwrap_or(u64::MAX);
        let records = u64::try_from(records.len()).unwrap_or(u64::MAX);
        match answers.into_iter().find_map(Result::err) {
            None => Ok(Appended {
                count: records,
                last,
            }),
            Some(reason) => Err(JournalError::Unacknowledged {
                acknowledged,
                records,
                reason,
            }),
        }
    }
}

/// Publishes in order, and answers in the same order: the sequence that a message was given, or
/// why it isn't known to be there. Nothing more is sent behind a failure. `turn` is given back when
/// all is sent, before the last answers are there.
pub(super) async fn send<T: Send>(
    context: &Context,
    outgoing: Vec<Outgoing>,
    turn: T,
) -> Vec<Result<u64, String>> {
    let all = outgoing.len();
    let mut answers: Vec<Result<u64, String>> = Vec::with_capacity(all);
    // Answers come in the order of the messages: waiting for the oldest one is enough, and mostly
    // it is there already.
    let mut waiting = VecDeque::with_capacity(all.min(MOST_WAITING));
    let mut failure = None;
    for Outgoing { subject, message } in outgoing {
        while waiting.len() >= MOST_WAITING
            && let Some(coming) = waiting.pop_front()
        {
            answers.push(sequence_of(coming).await);
        }
        if answers.last().is_some_and(Result::is_err) {
            break;
        }
        match context.send_publish(subject, message).await {
            Ok(coming) => waiting.push_back(coming),
            Err(error) => {
                failure = Some(Err(reason_of(error)));
                break;
            }
        }
    }
    drop(turn);
    for coming in waiting {
        answers.push(sequence_of(coming).await);
    }
    answers.extend(failure);
    let unsent = || Err("not sent, because an earlier one failed".to_owned());
    answers.resize_with(all, unsent);
    answers
}

async fn sequence_of(coming: PublishAckFuture) -> Result<u64, String> {
    coming
        .await
        .map(|acknowledged| acknowledged.sequence)
        .map_err(reason_of)
}

// By value, as `map_err` hands it over.
#[allow(clippy::needless_pass_by_value)]
fn reason_of(error: PublishError) -> String {
    match error.kind() {
        PublishErrorKind::StreamNotFound => {
            "no stream takes the subject, or JetStream is not ready".into()
        }
        _ => error.to_string(),
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
        let mut message = PublishMessage::build().payload(payload(record));
        if now.millis().saturating_sub(record.received_at.millis()) > OLDER_MILLIS {
            message = message.header(RECEIVED_AT, record.received_at.to_string().as_str());
        }
        Ok(Self { subject, message })
    }
}

/// The JSON of an event; what is none goes as it came.
fn payload(record: &Record) -> Bytes {
    match stored::wire_payload(&record.stored) {
        Some(payload) => payload,
        None => match stored::decode(&record.stored, record.received_at) {
            Ok(event) => wire::encode(&event).into(),
            Err(undecodable) => undecodable.payload,
        },
    }
}

/// One token of a subject that can be published to.
fn fits_subject(token: &str) -> bool {
    !token.is_empty()
        && !token
            .chars()
            .any(|c| matches!(c, '.' | '*' | '>') || c.is_whitespace() || c.is_control())
}
