//! The rejected log as a stream. The subject is `rejected.<token>`, or `rejected._` for records
//! that name no keyword. Headers have all facts about the record.
//!
//! In: entries from the shards. Out: pages of entries for `rejected ls`, without repetitions.

use std::collections::HashMap;

use async_nats::jetstream::context::{Context, PublishAckFuture, PublishError};
use async_nats::jetstream::message::PublishMessage;
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;

use super::api::{StoredMessage, StreamApi};
use super::message::RECEIVED_AT;
use crate::events::{Incarnation, Sequence, Timestamp};
use crate::journal::rejected::{MAX_KEPT_BYTES, is_code};
use crate::journal::{JournalError, RejectedEntry, RejectedLog, RejectedPage};
use crate::telemetry::whole;

const REASON: &str = "Tidings-Reason";
const SUBJECT: &str = "Tidings-Subject";
/// The header with the token, if the token has bytes that a header cannot have.
const TOKEN: &str = "Tidings-Token-Base64";
const SEQUENCE: &str = "Tidings-Sequence";
/// The header with the code of the reason, if there is one.
const CODE: &str = "Tidings-Code";
const LENGTH: &str = "Tidings-Length";
const INCARNATION: &str = "Tidings-Incarnation";
/// Maximum length of a stored reason, in bytes. Longer ones are cut.
const MAX_REASON_BYTES: usize = 2048;
const PREFIX: &str = "rejected.";
const UNADDRESSED: &str = "rejected._";

/// The rejected log of a JetStream journal.
#[derive(Debug)]
pub(super) struct JetStreamRejectedLog {
    pub(super) api: StreamApi,
}

#[async_trait]
impl RejectedLog for JetStreamRejectedLog {
    async fn append(&self, entries: Vec<RejectedEntry>) -> Result<u64, JournalError> {
        self.try_append(&entries).await
    }

    async fn page(&self, after: u64) -> Result<RejectedPage, JournalError> {
        let mut page = RejectedPage::default();
        let mut next = after.saturating_add(1);
        while let Some(message) = self.api.next(next, ">").await? {
            next = message.sequence.saturating_add(1);
            // Other programs can publish to the subject. Messages that are not entries are skipped.
            if let Some(entry) = entry(&message)
                && !page.push(message.sequence, entry)
            {
                break;
            }
        }
        Ok(page)
    }
}

impl JetStreamRejectedLog {
    /// Writes the entries that the stream does not have yet. Returns how many were written.
    ///
    /// Entries of one subject are sent one by one: each one waits for the acknowledgement of the
    /// one before. So the last entry of a subject shows that all entries before it are in the
    /// stream.
    async fn try_append(&self, entries: &[RejectedEntry]) -> Result<u64, JournalError> {
        let mut last = HashMap::new();
        let mut written = 0_u64;
        let mut waiting = HashMap::new();
        for entry in entries {
            let subject = subject_of(entry);
            // Looked up in each append, because another process may have written to the subject.
            let standing = match last.get(&subject) {
                Some(standing) => *standing,
                None => self.last(&subject).await?,
            };
            let is_there = standing.is_some_and(|(incarnation, sequence)| {
                incarnation == entry.incarnation && sequence >= entry.sequence
            });
            if is_there {
                last.insert(subject, standing);
                continue;
            }
            if let Some(before) = waiting.remove(&subject) {
                acknowledged(before).await?;
            }
            last.insert(subject.clone(), Some((entry.incarnation, entry.sequence)));
            let sent = self.context().send_publish(subject.clone(), message(entry));
            let coming = sent.await.map_err(|error| not_published(&error))?;
            waiting.insert(subject, coming);
            written = written.saturating_add(1);
        }
        for coming in waiting.into_values() {
            acknowledged(coming).await?;
        }
        Ok(written)
    }

    fn context(&self) -> &Context {
        &self.api.context
    }

    async fn last(&self, subject: &str) -> Result<Option<(Incarnation, Sequence)>, JournalError> {
        let message = self.api.last(subject).await?;
        Ok(message
            .as_ref()
            .and_then(entry)
            .map(|entry| (entry.incarnation, entry.sequence)))
    }
}

async fn acknowledged(coming: PublishAckFuture) -> Result<(), JournalError> {
    coming
        .await
        .map(drop)
        .map_err(|error| not_published(&error))
}

fn not_published(error: &PublishError) -> JournalError {
    JournalError::Broker {
        action: "store a rejected record",
        reason: whole(error).to_string(),
    }
}

fn subject_of(entry: &RejectedEntry) -> String {
    match std::str::from_utf8(&entry.token) {
        Ok(token) if entry.addressed => format!("{PREFIX}{token}"),
        _ => UNADDRESSED.to_owned(),
    }
}

fn message(entry: &RejectedEntry) -> PublishMessage {
    let graphic = entry.token.iter().all(u8::is_ascii_graphic);
    let token = String::from_utf8_lossy(&entry.token);
    let payload = entry
        .payload
        .slice(..entry.payload.len().min(MAX_KEPT_BYTES));
    let mut message = PublishMessage::build()
        .payload(payload)
        .message_id(format!("{}-{}", entry.incarnation, entry.sequence))
        .header(REASON, one_line(&entry.reason).as_str())
        .header(SUBJECT, one_line(&format!("tweets.{token}")).as_str())
        .header(SEQUENCE, entry.sequence.to_string().as_str())
        .header(LENGTH, entry.length.to_string().as_str())
        .header(INCARNATION, entry.incarnation.to_string().as_str())
        .header(RECEIVED_AT, entry.received_at.to_string().as_str());
    if let Some(code) = entry.code.as_deref().filter(|code| is_code(code)) {
        message = message.header(CODE, code);
    }
    if !graphic {
        message = message.header(TOKEN, BASE64.encode(&entry.token).as_str());
    }
    message
}

/// A header value: one line, cut to its maximum length.
fn one_line(text: &str) -> String {
    let mut line: String = text
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    line.truncate(line.floor_char_boundary(MAX_REASON_BYTES));
    line
}

/// Decodes the entry in a message.
fn entry(message: &StoredMessage) -> Option<RejectedEntry> {
    let headers = &message.headers;
    let incarnation = u64::from_str_radix(headers.get(INCARNATION)?, 16).ok()?;
    let token: Bytes = match headers.get(TOKEN) {
        Some(encoded) => BASE64.decode(encoded).ok()?.into(),
        None => headers
            .get(SUBJECT)?
            .strip_prefix("tweets.")?
            .to_owned()
            .into(),
    };
    Some(RejectedEntry {
        incarnation: Incarnation(incarnation),
        sequence: Sequence::new(headers.number(SEQUENCE)?),
        received_at: Timestamp::parse(headers.get(RECEIVED_AT)?).ok()?,
        token,
        addressed: message.subject != UNADDRESSED,
        code: headers
            .get(CODE)
            .filter(|code| is_code(code))
            .map(ToOwned::to_owned),
        reason: headers.get(REASON)?.to_owned(),
        length: headers.number(LENGTH)?,
        payload: message.payload.clone(),
    })
}
