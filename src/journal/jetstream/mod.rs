//! The journal in a NATS JetStream stream: for several machines, and for publishers that use NATS.
//!
//! Events are in the stream `TWEETS`, one message each, with the subject `tweets.<shard>.<token>`.
//! The stream maps the subject `tweets.<token>` of publishers to it. Records that cannot be folded
//! go to the stream `REJECTED`.
//!
//! - [`streams`] creates and checks the streams.
//! - [`append`] publishes records.
//! - [`reader`] reads through the consumers of [`pull`].
//! - [`standing`] keeps the current state of the stream, and notices when the stream no longer has
//!   the records that were read.
//! - [`message`] decodes messages, and [`api`] requests single ones.
//! - [`bucket`] keeps values that servers share.
//! - [`connection`] connects. There is one connection for requests and appends, and one for
//!   reading, so that a failure of one does not delay the other.

mod api;
mod append;
mod bare;
mod bucket;
mod connect_options;
mod connection;
mod keep_current;
mod message;
mod micro;
mod pipeline;
mod publisher;
mod pull;
mod reader;
mod rejected;
mod standing;
mod streams;
mod takeover;

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::stream::Info;
use async_trait::async_trait;
use tokio::sync::watch;

use self::api::StreamApi;
use self::append::Appender;
use self::connection::Link;
use self::keep_current::keep_current;
use self::message::hash_of;
use self::reader::JetStreamReader;
use self::rejected::JetStreamRejectedLog;
use self::standing::Keeper;
use super::{
    Appended, Connection, Durability, Journal, JournalError, JournalReader, RejectedLog, Selection,
    check_first,
};
use crate::events::{
    Form, Incarnation, NORMAL_FORM_VERSION, Record, RecordHash, Sequence, ShardCount,
};
use crate::telemetry::whole;

pub use bare::BareJetStream;
pub use bucket::{Revised, SourcesBucket, WriteTerms};
pub use connect_options::{JetStreamOptions, Secret, without_passwords};
pub use micro::{MicroService, StatusAnswer};
pub use publisher::JetStreamPublisher;

/// How long `close` waits, on each connection, for messages that are being sent.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// A journal in a JetStream stream.
#[derive(Debug)]
pub struct JetStreamJournal {
    link: Link,
    reading: Link,
    keeper: Arc<Keeper>,
    appender: Appender,
    rejected: Arc<JetStreamRejectedLog>,
    normal_form: u16,
}

impl JetStreamJournal {
    /// Connects, and creates or checks the streams. A stream whose tokens are in an earlier version
    /// of the normal form is taken over if all its tokens are the same in the current version.
    ///
    /// # Errors
    /// [`JournalError::Broker`] when NATS or its JetStream does not answer in time,
    /// [`JournalError::Misconfigured`] when a stream does not fit a journal,
    /// [`JournalError::EarlierTokens`] and [`JournalError::Unsupported`].
    pub async fn open(options: &JetStreamOptions) -> Result<Self, JournalError> {
        let (journal, info) = Self::connect(options).await?;
        takeover::take_over(&journal.keeper.api, &info).await?;
        Ok(journal)
    }

    /// Like [`Self::open`], for callers that append nothing. Tokens are not checked.
    ///
    /// # Errors
    /// [`JournalError::Broker`] and [`JournalError::Misconfigured`], as in [`Self::open`].
    pub async fn open_to_read(options: &JetStreamOptions) -> Result<Self, JournalError> {
        let (mut journal, info) = Self::connect(options).await?;
        journal.normal_form = streams::normal_form_of(&info.config);
        Ok(journal)
    }

    async fn connect(options: &JetStreamOptions) -> Result<(Self, Info), JournalError> {
        let link = Link::open(options, "tidings").await?;
        let reading = Link::open(options, "tidings reading").await?;
        let context = link.asking();
        let deadline = tokio::time::Instant::now() + options.wait;
        let events = StreamApi {
            context: context.clone(),
            name: streams::EVENTS,
        };
        let rejections = StreamApi {
            context: context.clone(),
            name: streams::REJECTED,
        };
        let replicas = options.replicas;
        let wanted = streams::events(replicas);
        let info = loop {
            match streams::create_or_check(&events, &wanted, replicas).await {
                Ok(info) => break info,
                Err(error @ (JournalError::Broker { .. } | JournalError::Silent { .. }))
                    if tokio::time::Instant::now() < deadline =>
                {
                    tracing::warn!(error = %whole(&error), "JetStream is not ready yet");
                    tokio::time::sleep(Duration::from_millis(250)).await;
                }
                Err(error) => return Err(error),
            }
        };
        streams::create_or_check(&rejections, &streams::rejected(replicas), replicas).await?;
        let keeper = Keeper::new(events, link.clone(), (wanted, replicas), &info);
        keeper.look().await?;
        keeper.find_end().await?;
        tokio::spawn(keep_current(Arc::downgrade(&keeper)));
        let journal = Self {
            appender: Appender::new(link.pipeline(), Arc::clone(&keeper), options.clock.clone()),
            reading,
            keeper,
            rejected: Arc::new(JetStreamRejectedLog { api: rejections }),
            link,
            normal_form: NORMAL_FORM_VERSION,
        };
        Ok((journal, info))
    }
}

#[async_trait]
impl Journal for JetStreamJournal {
    fn incarnation(&self) -> Incarnation {
        self.keeper.standing().incarnation
    }

    fn shards(&self) -> ShardCount {
        // The subject transform of the stream, which was checked, has this number of shards.
        ShardCount::DEFAULT
    }

    /// [`Durability::Replicated`] when more than one server keeps the stream. A single server
    /// acknowledges before it syncs, unless it is configured otherwise (`sync_interval: always`).
    /// It does not report this setting, so the weaker durability is assumed.
    fn durability(&self) -> Durability {
        self.keeper.standing().durability
    }

    fn connection(&self) -> Connection {
        if self.link.is_connected() && self.reading.is_connected() && self.keeper.standing().answers
        {
            Connection::Connected
        } else {
            Connection::Disconnected
        }
    }

    fn unwritable(&self) -> Option<Arc<str>> {
        self.appender.refused()
    }

    fn unreadable(&self) -> Option<Arc<str>> {
        self.keeper.unreadable()
    }

    fn head(&self) -> watch::Receiver<Sequence> {
        self.keeper.head()
    }

    fn form(&self) -> Form {
        Form::Wire
    }

    fn normal_form(&self) -> u16 {
        self.normal_form
    }

    async fn append(&self, records: Vec<Record>) -> Result<Appended, JournalError> {
        if records.is_empty() {
            // Other processes publish to the stream too, so its state is requested. If no answer
            // comes, the known state is used.
            if self.link.is_connected() {
                let _ = self.keeper.look().await;
            }
            return Ok(Appended {
                count: 0,
                last: *self.keeper.head().borrow(),
            });
        }
        if self.keeper.is_closed() {
            return Err(JournalError::Closed);
        }
        self.appender.append(&records).await
    }

    async fn read(
        &self,
        after: Sequence,
        selection: Selection,
    ) -> Result<Box<dyn JournalReader>, JournalError> {
        check_first(self.first(), after)?;
        let keeper = Arc::clone(&self.keeper);
        let reader = JetStreamReader::open(keeper, self.reading.clone(), after, &selection).await?;
        Ok(Box::new(reader))
    }

    async fn hash_at(&self, sequence: Sequence) -> Result<Option<RecordHash>, JournalError> {
        if sequence < self.first() {
            return Ok(None);
        }
        let message = self.keeper.api.at(sequence.get()).await?;
        Ok(message.as_ref().map(hash_of))
    }

    fn rejected(&self) -> Arc<dyn RejectedLog> {
        Arc::<JetStreamRejectedLog>::clone(&self.rejected)
    }

    async fn close(&self) -> Result<(), JournalError> {
        if !self.keeper.close() {
            return Err(JournalError::Closed);
        }
        // Messages that are not sent in this time were not acknowledged to their callers either.
        let _ = tokio::time::timeout(CLOSE_WITHIN, self.link.client.flush()).await;
        let _ = tokio::time::timeout(CLOSE_WITHIN, self.reading.client.flush()).await;
        Ok(())
    }
}
