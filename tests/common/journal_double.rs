//! A journal double: another journal with the differences that a test sets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tidings::events::{Incarnation, Record, RecordHash, Sequence, ShardCount};
use tidings::journal::{
    Appended, Connection, Durability, Journal, JournalError, JournalHandle, JournalReader,
    RejectedLog, Selection,
};
use tokio::sync::watch;

/// Delegates every call to another journal, unless it is configured otherwise.
#[derive(Debug)]
pub struct JournalDouble {
    inner: JournalHandle,
    connection: Option<Connection>,
    is_kept_open: bool,
    appends_left: Option<AtomicU64>,
}

impl JournalDouble {
    pub fn of(inner: JournalHandle) -> Self {
        Self {
            inner,
            connection: None,
            is_kept_open: false,
            appends_left: None,
        }
    }

    /// Makes the double report this connection.
    pub fn connected(mut self, connection: Connection) -> Self {
        self.connection = Some(connection);
        self
    }

    /// Makes the double stay open when it is closed, like a broker.
    pub fn kept_open(mut self) -> Self {
        self.is_kept_open = true;
        self
    }

    /// Makes the double refuse appends after this number, like a full disk.
    pub fn full_after(mut self, appends: u64) -> Self {
        self.appends_left = Some(AtomicU64::new(appends));
        self
    }

    pub fn handle(self) -> JournalHandle {
        Arc::new(self)
    }
}

#[async_trait::async_trait]
impl Journal for JournalDouble {
    fn incarnation(&self) -> Incarnation {
        self.inner.incarnation()
    }

    fn shards(&self) -> ShardCount {
        self.inner.shards()
    }

    fn durability(&self) -> Durability {
        self.inner.durability()
    }

    fn connection(&self) -> Connection {
        self.connection.unwrap_or_else(|| self.inner.connection())
    }

    fn first(&self) -> Sequence {
        self.inner.first()
    }

    fn head(&self) -> watch::Receiver<Sequence> {
        self.inner.head()
    }

    async fn append(&self, records: Vec<Record>) -> Result<Appended, JournalError> {
        if let Some(left) = &self.appends_left {
            let took = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
            if took.is_err() {
                return Err(JournalError::Stalled {
                    reason: "no space left on device".into(),
                });
            }
        }
        self.inner.append(records).await
    }

    async fn read(
        &self,
        after: Sequence,
        selection: Selection,
    ) -> Result<Box<dyn JournalReader>, JournalError> {
        self.inner.read(after, selection).await
    }

    async fn hash_at(&self, sequence: Sequence) -> Result<Option<RecordHash>, JournalError> {
        self.inner.hash_at(sequence).await
    }

    fn rejected(&self) -> Arc<dyn RejectedLog> {
        self.inner.rejected()
    }

    async fn close(&self) -> Result<(), JournalError> {
        if self.is_kept_open {
            return Ok(());
        }
        self.inner.close().await
    }
}
