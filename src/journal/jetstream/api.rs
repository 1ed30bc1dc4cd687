//! Requests about a stream: its state, its configuration, and single messages.
//!
//! Messages are requested from the leader of the stream (`STREAM.MSG.GET`), not from any replica
//! (direct get), because a message that is compared with a checkpoint must be current. The answer
//! has subject, headers and payload as JSON and base64. So a request also returns messages that
//! break the parser of the client library when a consumer delivers them.

use std::collections::BTreeMap;

use async_nats::jetstream::context::{Context, RequestErrorKind};
use async_nats::jetstream::stream::{Config, Info};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};

use crate::events::Timestamp;
use crate::journal::JournalError;

/// The error code "no message found" of the JetStream API.
const NO_MESSAGE: u64 = 10_037;
/// The error code "stream not found".
const NO_STREAM: u64 = 10_059;

/// The requests about one stream.
#[derive(Debug, Clone)]
pub(super) struct StreamApi {
    pub(super) context: Context,
    pub(super) name: &'static str,
}

/// A stored message.
#[derive(Debug, Clone)]
pub(super) struct StoredMessage {
    pub(super) subject: String,
    pub(super) sequence: u64,
    pub(super) headers: Headers,
    pub(super) payload: Bytes,
    /// When the stream received the message.
    pub(super) at: Timestamp,
}

/// The header block of a message. It is parsed leniently.
#[derive(Debug, Clone, Default)]
pub(super) struct Headers(String);

impl Headers {
    /// The first value with this name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            (found == name).then_some(value.trim())
        })
    }
}

#[derive(Deserialize)]
struct Fault {
    #[serde(default)]
    err_code: u64,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
struct SubjectsAnswer {
    state: SubjectsState,
}

#[derive(Deserialize)]
struct SubjectsState {
    /// The number of messages of each subject.
    #[serde(default)]
    subjects: Option<BTreeMap<String, IgnoredAny>>,
}

#[derive(Deserialize)]
struct MessageAnswer {
    message: WireMessage,
}

#[derive(Deserialize)]
struct WireMessage {
    subject: String,
    seq: u64,
    #[serde(default)]
    hdrs: String,
    #[serde(default)]
    data: String,
    time: String,
}

impl StreamApi {
    /// Returns the state of the stream; `None` when it does not exist.
    pub(super) async fn describe(&self) -> Result<Option<Info>, JournalError> {
        self.ask("describe its stream", "STREAM.INFO", &json!({}), NO_STREAM)
            .await
    }

    /// Creates the stream.
    pub(super) async fn create(&self, config: &Config) -> Result<(), JournalError> {
        self.context
            .create_stream(config)
            .await
            .map(drop)
            .map_err(|error| JournalError::Broker {
                action: "create a stream",
                reason: error.to_string(),
            })
    }

    /// Sets one entry of the metadata of the stream. All other settings stay as they are, including
    /// settings of servers that are newer than the client library.
    pub(super) async fn set_metadata(&self, name: &str, value: &str) -> Result<(), JournalError> {
        let action = "change the metadata of a stream";
        let gone = || JournalError::Broker {
            action,
            reason: format!("there is no stream {} any more", self.name),
        };
        let info: Option<Value> = self
            .ask(action, "STREAM.INFO", &json!({}), NO_STREAM)
            .await?;
        let mut config = info
            .and_then(|mut info| info.get_mut("config").map(Value::take))
            .filter(Value::is_object)
            .ok_or_else(gone)?;
        if let Some(object) = config.as_object_mut() {
            let metadata = object.entry("metadata").or_insert_with(|| json!({}));
            if let Some(entries) = metadata.as_object_mut() {
                entries.insert(name.to_owned(), value.into());
            }
        }
        let updated: Option<Value> = self
            .ask(action, "STREAM.UPDATE", &config, NO_STREAM)
            .await?;
        updated.map(drop).ok_or_else(gone)
    }

    /// Returns the subjects of the messages, without the first `offset` ones. The server returns up
    /// to 100,000 subjects per request. Empty at the end.
    pub(super) async fn subjects(&self, offset: usize) -> Result<Vec<String>, JournalError> {
        let action = "list the subjects of its stream";
        let request = json!({ "subjects_filter": ">", "offset": offset });
        let answer: Option<SubjectsAnswer> =
            self.ask(action, "STREAM.INFO", &request, NO_STREAM).await?;
        let subjects = answer.and_then(|answer| answer.state.subjects);
        Ok(subjects.unwrap_or_default().into_keys().collect())
    }

    /// The message at a sequence.
    pub(super) async fn at(&self, sequence: u64) -> Result<Option<StoredMessage>, JournalError> {
        self.message(&json!({ "seq": sequence })).await
    }

    /// The first message at or after a sequence whose subject matches.
    pub(super) async fn next(
        &self,
        sequence: u64,
        filter: &str,
    ) -> Result<Option<StoredMessage>, JournalError> {
        self.message(&json!({ "seq": sequence, "next_by_subj": filter }))
            .await
    }

    /// The last message of a subject.
    pub(super) async fn last(&self, subject: &str) -> Result<Option<StoredMessage>, JournalError> {
        self.message(&json!({ "last_by_subj": subject })).await
    }

    async fn message(&self, which: &Value) -> Result<Option<StoredMessage>, JournalError> {
        let action = "read one message";
        let found: Option<MessageAnswer> = self
            .ask(action, "STREAM.MSG.GET", which, NO_MESSAGE)
            .await?;
        let Some(MessageAnswer { message }) = found else {
            return Ok(None);
        };
        let unreadable = |reason: String| JournalError::Broker { action, reason };
        let decode = |text: &str| {
            BASE64
                .decode(text)
                .map_err(|error| unreadable(error.to_string()))
        };
        let headers = decode(&message.hdrs)?;
        Ok(Some(StoredMessage {
            subject: message.subject,
            sequence: message.seq,
            headers: Headers(String::from_utf8_lossy(&headers).into_owned()),
            payload: decode(&message.data)?.into(),
            at: Timestamp::parse(&message.time).map_err(|error| unreadable(error.to_string()))?,
        }))
    }

    /// Sends a request; `None` when the answer is the error `absent`.
    async fn ask<T: DeserializeOwned>(
        &self,
        action: &'static str,
        verb: &str,
        request: &Value,
        absent: u64,
    ) -> Result<Option<T>, JournalError> {
        let failed = |reason: String| JournalError::Broker { action, reason };
        let subject = format!("{verb}.{}", self.name);
        let asked = self.context.request(subject, request).await;
        let answer: Value = asked.map_err(|error| match error.kind() {
            RequestErrorKind::TimedOut => JournalError::Silent { action },
            _ => failed(error.to_string()),
        })?;
        if let Some(fault) = answer.get("error") {
            let fault = Fault::deserialize(fault).map_err(|error| failed(error.to_string()))?;
            return if fault.err_code == absent {
                Ok(None)
            } else {
                Err(failed(format!(
                    "{} ({})",
                    fault.description, fault.err_code
                )))
            };
        }
        serde_json::from_value(answer)
            .map(Some)
            .map_err(|error| failed(error.to_string()))
    }
}
