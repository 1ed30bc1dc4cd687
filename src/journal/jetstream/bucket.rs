//! The key-value bucket of the sources: values that all servers of a stream share, such as the
//! reports of collectors.
//!
//! Values are read as messages of the bucket's stream, from its leader, so that every server reads
//! the newest ones.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::header::{NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, NATS_MESSAGE_TTL};
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::kv::{self, Store};
use bytes::Bytes;
use futures_util::future::try_join_all;
use tokio::sync::OnceCell;

use super::api::{StoredMessage, StreamApi};
use super::connect_options::JetStreamOptions;
use super::connection::Link;
use crate::journal::JournalError;

const BUCKET: &str = "TIDINGS_SOURCES";
/// The stream of the bucket.
const STREAM: &str = "KV_TIDINGS_SOURCES";
/// The part of a subject before the key.
const SUBJECTS: &str = "$KV.TIDINGS_SOURCES.";
/// The header of a message that removes a key.
const OPERATION: &str = "KV-Operation";
/// The header of a message with which the server marks the end of a key.
const MARKER: &str = "Nats-Marker-Reason";
/// The operation that removes a key.
const REMOVED: &str = "DEL";
/// The header that names the lease under which a value was set.
const LEASE: &str = "Tidings-Lease";
/// How long a mark of an expired key stays. With it the server takes keys that expire.
const MARKS_STAY: Duration = Duration::from_secs(60);

/// The bucket of the sources. It has a connection of its own, which is made when it is first used.
#[derive(Debug)]
pub struct SourcesBucket {
    options: JetStreamOptions,
    link: OnceCell<Link>,
}

/// The last value of a key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revised {
    /// The value; `None` when the key has none.
    pub value: Option<Bytes>,
    /// The revision; 0 for a key without one.
    pub revision: u64,
    /// The lease under which the value was set; 0 for none. Later leases have greater numbers.
    pub lease: u64,
}

/// The conditions of a change.
#[derive(Debug, Clone, Copy, Default)]
pub struct WriteTerms {
    /// The revision that the key has to have.
    pub revision: u64,
    /// The time after which the value ends, in whole seconds; `None`: it stays.
    pub ttl: Option<Duration>,
    /// The lease under which the value is set; 0 for none.
    pub lease: u64,
}

impl SourcesBucket {
    /// The bucket in the account of these options. It is created with the first value.
    pub fn new(options: JetStreamOptions) -> Self {
        Self {
            // The caller tries again by itself.
            options: JetStreamOptions {
                wait: Duration::ZERO,
                ..options
            },
            link: OnceCell::new(),
        }
    }

    /// The keys with this prefix, and their values.
    ///
    /// # Errors
    /// [`JournalError::Broker`] and [`JournalError::Silent`].
    pub async fn values(&self, prefix: &str) -> Result<Vec<(String, Bytes)>, JournalError> {
        let api = StreamApi {
            context: self.link().await?.asking(),
            name: STREAM,
        };
        let subjects = api.subjects(0).await?;
        let mut reads = Vec::new();
        for subject in &subjects {
            let key = subject.strip_prefix(SUBJECTS);
            if let Some(key) = key.filter(|key| key.starts_with(prefix)) {
                reads.push(read_value(&api, subject, key));
            }
        }
        Ok(try_join_all(reads).await?.into_iter().flatten().collect())
    }

    /// Sets the value of a key. Creates the bucket if there is none.
    ///
    /// # Errors
    /// [`JournalError::Broker`].
    pub async fn put(&self, key: &str, value: Bytes) -> Result<(), JournalError> {
        let set = self.store().await?.put(key, value).await;
        set.map(drop)
            .map_err(|error| failed("set a value of its bucket", &error))
    }

    /// Removes a key.
    ///
    /// # Errors
    /// [`JournalError::Broker`].
    pub async fn delete(&self, key: &str) -> Result<(), JournalError> {
        let removed = self.store().await?.delete(key).await;
        removed.map_err(|error| failed("remove a value of its bucket", &error))
    }

    /// The last value of a key, with the revision that a change of it has to name.
    ///
    /// # Errors
    /// [`JournalError::Broker`] and [`JournalError::Silent`].
    pub async fn read(&self, key: &str) -> Result<Revised, JournalError> {
        // The bucket is created, so that a missing key is not taken for a missing bucket.
        drop(self.store().await?);
        let Some(message) = self.last(key).await? else {
            return Ok(Revised::default());
        };
        let lease = message.headers.get(LEASE);
        Ok(Revised {
            revision: message.sequence,
            lease: lease.and_then(|text| text.parse().ok()).unwrap_or_default(),
            value: is_value(&message).then_some(message.payload),
        })
    }

    /// Sets the value of a key if its revision is still the one that `terms` name. Returns the new
    /// revision; `None` when the key has another revision.
    ///
    /// # Errors
    /// [`JournalError::Broker`].
    pub async fn write(
        &self,
        key: &str,
        value: Bytes,
        terms: WriteTerms,
    ) -> Result<Option<u64>, JournalError> {
        let mut headers = HeaderMap::new();
        if let Some(ttl) = terms.ttl {
            headers.insert(NATS_MESSAGE_TTL, ttl.as_secs().max(1).to_string().as_str());
        }
        if terms.lease > 0 {
            headers.insert(LEASE, terms.lease.to_string().as_str());
        }
        let action = "set a value of its bucket";
        self.publish(key, value, (headers, terms.revision), action)
            .await
    }

    /// Removes a key if its revision is still this one. Returns false when it has another revision.
    ///
    /// # Errors
    /// [`JournalError::Broker`].
    pub async fn remove(&self, key: &str, revision: u64) -> Result<bool, JournalError> {
        let mut headers = HeaderMap::new();
        headers.insert(OPERATION, REMOVED);
        let action = "remove a value of its bucket";
        let removed = self.publish(key, Bytes::new(), (headers, revision), action);
        Ok(removed.await?.is_some())
    }

    /// Adds a message to a key of this revision. Returns the new revision; `None` when the key has
    /// another revision.
    async fn publish(
        &self,
        key: &str,
        payload: Bytes,
        (mut headers, revision): (HeaderMap, u64),
        action: &'static str,
    ) -> Result<Option<u64>, JournalError> {
        let expected = revision.to_string();
        headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, expected.as_str());
        let context = self.link().await?.publishing();
        let sent = context
            .publish_with_headers(format!("{SUBJECTS}{key}"), headers, payload)
            .await;
        match sent.map_err(|error| failed(action, &error))?.await {
            Ok(acknowledged) => Ok(Some(acknowledged.sequence)),
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => Ok(None),
            Err(error) => Err(failed(action, &error)),
        }
    }

    async fn last(&self, key: &str) -> Result<Option<StoredMessage>, JournalError> {
        let api = StreamApi {
            context: self.link().await?.asking(),
            name: STREAM,
        };
        api.last(&format!("{SUBJECTS}{key}")).await
    }

    async fn link(&self) -> Result<&Link, JournalError> {
        let open = || Link::open(&self.options, "tidings sources");
        self.link.get_or_try_init(open).await
    }

    async fn store(&self) -> Result<Store, JournalError> {
        let context = self.link().await?.publishing();
        if let Ok(store) = context.get_key_value(BUCKET).await {
            return Ok(store);
        }
        let config = kv::Config {
            bucket: BUCKET.to_owned(),
            description: "Reports of the sources of tidings".to_owned(),
            history: 1,
            num_replicas: self.options.replicas.unwrap_or(1),
            limit_markers: Some(MARKS_STAY),
            ..kv::Config::default()
        };
        let created = context.create_key_value(config).await;
        created.map_err(|error| failed("create its bucket", &error))
    }
}

/// True for a message that sets a key; false for one that marks its removal or its end.
fn is_value(message: &StoredMessage) -> bool {
    message.headers.get(OPERATION).is_none() && message.headers.get(MARKER).is_none()
}

/// Reads the key and the value of a subject; `None` when the key was removed.
async fn read_value(
    api: &StreamApi,
    subject: &str,
    key: &str,
) -> Result<Option<(String, Bytes)>, JournalError> {
    let message = api.last(subject).await?;
    let value = message.filter(is_value);
    Ok(value.map(|message| (key.to_owned(), message.payload)))
}

fn failed(action: &'static str, error: &dyn std::error::Error) -> JournalError {
    JournalError::Broker {
        action,
        reason: error.to_string(),
    }
}
