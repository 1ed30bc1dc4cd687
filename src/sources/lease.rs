//! One collector at a time: servers of one stream share a source by a lease in NATS.
//!
//! The holder renews its lease every few seconds, and keeps the checkpoint in the same bucket. When
//! it ends or is cut off, the lease expires, and another server goes on from the checkpoint.
//!
//! A lease is lost before it expires: a holder that could not renew it stops some seconds earlier.
//! Each checkpoint names the lease under which it was written, so one of an earlier lease never
//! replaces one of a later lease, however late it arrives.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::state::Checkpoint;
use super::{CollectorError, DestinationError, SourceName, StateError};
use crate::journal::{JournalError, Revised, SourcesBucket, WriteTerms};
use crate::telemetry::whole;

/// How long a lease holds without being renewed.
const LEASE: Duration = Duration::from_secs(10);
/// Time after the last renewal at which the holder gives the lease up. The rest of [`LEASE`] is for
/// ending its connections.
const GIVE_UP_AFTER: Duration = Duration::from_secs(7);
/// Time between two renewals.
const RENEW_EVERY: Duration = Duration::from_secs(2);
/// Time between two tries to take the lease, and the pause after a renewal that failed.
const TRY_EVERY: Duration = Duration::from_secs(1);
/// Time limit for one request to NATS.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Maximum size of a checkpoint in the bucket, in bytes; NATS takes messages up to 1 MiB.
const MAX_CHECKPOINT_BYTES: usize = 900 * 1024;

/// Where leases and checkpoints are kept: a bucket whose keys have revisions.
#[async_trait]
pub trait LeaseBucket: Send + Sync + std::fmt::Debug + 'static {
    /// The last value of a key.
    ///
    /// # Errors
    /// [`JournalError`].
    async fn read(&self, key: &str) -> Result<Revised, JournalError>;

    /// Sets the value of a key that has the revision of `terms`. Returns the new revision; `None`
    /// when the key has another one.
    ///
    /// # Errors
    /// [`JournalError`].
    async fn write(
        &self,
        key: &str,
        value: Bytes,
        terms: WriteTerms,
    ) -> Result<Option<u64>, JournalError>;

    /// Removes a key that has this revision. Returns false when it has another one.
    ///
    /// # Errors
    /// [`JournalError`].
    async fn remove(&self, key: &str, revision: u64) -> Result<bool, JournalError>;
}

#[async_trait]
impl LeaseBucket for SourcesBucket {
    async fn read(&self, key: &str) -> Result<Revised, JournalError> {
        self.read(key).await
    }

    async fn write(
        &self,
        key: &str,
        value: Bytes,
        terms: WriteTerms,
    ) -> Result<Option<u64>, JournalError> {
        self.write(key, value, terms).await
    }

    async fn remove(&self, key: &str, revision: u64) -> Result<bool, JournalError> {
        self.remove(key, revision).await
    }
}

/// The lease and the checkpoint of a source in NATS; a clone shares both.
#[derive(Debug, Clone)]
pub struct SharedSource {
    bucket: Arc<dyn LeaseBucket>,
    name: SourceName,
    instance: String,
    held: Arc<Mutex<Held>>,
}

/// What is known of the keys of a source.
#[derive(Debug, Default)]
struct Held {
    /// The lease, while it is held.
    lease: Option<Lease>,
    /// The revision of the checkpoint.
    checkpoint: u64,
}

#[derive(Debug, Clone, Copy)]
struct Lease {
    /// Identifies the lease: the revision at which it was taken.
    number: u64,
    /// The revision of the last renewal.
    revision: u64,
    /// When the last renewal was sent.
    renewed: Instant,
}

impl SharedSource {
    /// The source `name` in this bucket, for the server `instance`.
    pub fn new(bucket: Arc<dyn LeaseBucket>, name: SourceName, instance: String) -> Self {
        Self {
            bucket,
            name,
            instance,
            held: Arc::default(),
        }
    }

    /// Waits until the lease is free, and takes it. Returns false when `stop` became true before.
    pub async fn take(&self, stop: &mut watch::Receiver<bool>) -> bool {
        let mut was_said = false;
        while !*stop.borrow() {
            match timeout(ANSWER_WITHIN, self.try_take()).await {
                Ok(Ok(true)) => return true,
                Ok(Ok(false)) if was_said => {}
                Ok(Ok(false)) => {
                    tracing::info!(source = %self.name, "another server runs the collector");
                    was_said = true;
                }
                Ok(Err(error)) => {
                    tracing::warn!(source = %self.name, error = %whole(&error), "no lease");
                }
                Err(_) => tracing::warn!(source = %self.name, "no lease: NATS does not answer"),
            }
            tokio::select! {
                () = sleep(TRY_EVERY) => {}
                () = stopped(stop) => return false,
            }
        }
        false
    }

    /// Takes the lease if it is free. A lease of this server, whose acknowledgement was lost, is
    /// taken over. Returns false when another server holds it.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn try_take(&self) -> Result<bool, JournalError> {
        let renewed = Instant::now();
        let key = self.lease_key();
        let known = self.bucket.read(&key).await?;
        if known.value.is_some() && !self.is_own(&known) {
            return Ok(false);
        }
        let Some(revision) = self.write_lease(known.revision).await? else {
            return Ok(false);
        };
        self.held.lock().lease = Some(Lease {
            number: revision,
            revision,
            renewed,
        });
        Ok(true)
    }

    /// Renews the lease until it is lost, or cannot be renewed in time.
    pub async fn keep(&self) {
        while let Some(lease) = self.lease() {
            sleep_until(lease.renewed + RENEW_EVERY).await;
            if !self.renew_until(lease.renewed + GIVE_UP_AFTER).await {
                break;
            }
        }
        self.held.lock().lease = None;
    }

    /// Tries to renew the lease until this time. Returns false when it is lost.
    async fn renew_until(&self, deadline: Instant) -> bool {
        while Instant::now() < deadline {
            let limit = deadline.min(Instant::now() + ANSWER_WITHIN);
            match timeout_at(limit, self.renew()).await {
                Ok(Ok(is_held)) => return is_held,
                Ok(Err(_)) => sleep_until(deadline.min(Instant::now() + TRY_EVERY)).await,
                Err(_) => {}
            }
        }
        false
    }

    /// Renews the lease. Returns false when another server holds it.
    async fn renew(&self) -> Result<bool, JournalError> {
        while let Some(lease) = self.lease() {
            let renewed = Instant::now();
            if let Some(revision) = self.write_lease(lease.revision).await? {
                self.replace(Lease {
                    revision,
                    renewed,
                    ..lease
                });
                return Ok(true);
            }
            // A renewal can be stored although its acknowledgement was lost.
            let known = self.bucket.read(&self.lease_key()).await?;
            if !self.is_own(&known) {
                return Ok(false);
            }
            self.replace(Lease {
                revision: known.revision,
                ..lease
            });
        }
        Ok(false)
    }

    /// True while the lease is held.
    pub fn is_held(&self) -> bool {
        self.lease().is_some()
    }

    /// Gives the lease back, so that another server need not wait for its end. A lease of another
    /// server stays.
    pub async fn give_back(&self) {
        self.held.lock().lease = None;
        let key = self.lease_key();
        let removing = async {
            let known = self.bucket.read(&key).await?;
            if self.is_own(&known) {
                self.bucket.remove(&key, known.revision).await?;
            }
            Ok::<(), JournalError>(())
        };
        match timeout(ANSWER_WITHIN, removing).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let error = whole(&error);
                tracing::warn!(source = %self.name, %error, "the lease stays until its end");
            }
            Err(_) => tracing::warn!(source = %self.name, "the lease stays until its end"),
        }
    }

    /// The checkpoint; `None` before the first one.
    ///
    /// # Errors
    /// [`CollectorError::Destination`] when NATS does not answer, [`CollectorError::State`] when
    /// the checkpoint cannot be used.
    pub async fn checkpoint(&self) -> Result<Option<Checkpoint>, CollectorError> {
        let key = self.checkpoint_key();
        let known = self.bucket.read(&key).await.map_err(|error| {
            let reason = format!("the checkpoint {key}: {}", whole(&error));
            CollectorError::Destination(DestinationError::Away(reason))
        })?;
        self.held.lock().checkpoint = known.revision;
        let decoded = known.value.map(|bytes| Checkpoint::decode(&bytes));
        decoded.transpose().map_err(|reason| {
            CollectorError::State(StateError::Checkpoint {
                path: key.clone(),
                reason,
            })
        })
    }

    /// Keeps a checkpoint, while the lease is held. One that is too large leaves out the oldest
    /// versions of edited posts. Returns true when the checkpoint is kept.
    pub async fn save(&self, mut checkpoint: Checkpoint) -> bool {
        if !self.is_held() {
            return false;
        }
        let mut bytes = serde_json::to_vec(&checkpoint).unwrap_or_default();
        while bytes.len() > MAX_CHECKPOINT_BYTES && !checkpoint.versions.is_empty() {
            let half = checkpoint.versions.len().div_ceil(2);
            checkpoint.versions.drain(..half);
            bytes = serde_json::to_vec(&checkpoint).unwrap_or_default();
        }
        match timeout(ANSWER_WITHIN, self.write_checkpoint(bytes.into())).await {
            Ok(Ok(is_kept)) => return is_kept,
            Ok(Err(error)) => {
                let error = whole(&error);
                tracing::warn!(source = %self.name, %error, "no shared checkpoint");
            }
            Err(_) => tracing::warn!(source = %self.name, "NATS took no checkpoint in time"),
        }
        false
    }

    /// Writes a checkpoint over one of this lease or of an earlier one. Returns false when the
    /// lease is lost.
    async fn write_checkpoint(&self, bytes: Bytes) -> Result<bool, JournalError> {
        let key = self.checkpoint_key();
        while let Some(lease) = self.lease() {
            let terms = WriteTerms {
                revision: self.held.lock().checkpoint,
                ttl: None,
                lease: lease.number,
            };
            if let Some(revision) = self.bucket.write(&key, bytes.clone(), terms).await? {
                self.held.lock().checkpoint = revision;
                return Ok(true);
            }
            let known = self.bucket.read(&key).await?;
            let mut held = self.held.lock();
            held.checkpoint = known.revision;
            if known.lease > lease.number {
                held.lease = None;
            }
        }
        Ok(false)
    }

    async fn write_lease(&self, revision: u64) -> Result<Option<u64>, JournalError> {
        let terms = WriteTerms {
            revision,
            ttl: Some(LEASE),
            lease: 0,
        };
        let owner = Bytes::copy_from_slice(self.instance.as_bytes());
        self.bucket.write(&self.lease_key(), owner, terms).await
    }

    /// The lease; `None` when it is not held, or was not renewed in time.
    fn lease(&self) -> Option<Lease> {
        let lease = self.held.lock().lease;
        lease.filter(|lease| lease.renewed.elapsed() < LEASE)
    }

    /// Sets what is known of the lease, unless it was lost meanwhile.
    fn replace(&self, lease: Lease) {
        if let Some(held) = &mut self.held.lock().lease {
            *held = lease;
        }
    }

    fn is_own(&self, known: &Revised) -> bool {
        known.value.as_deref() == Some(self.instance.as_bytes())
    }

    fn lease_key(&self) -> String {
        format!("sources.{}", self.name)
    }

    fn checkpoint_key(&self) -> String {
        format!("checkpoint.{}", self.name)
    }
}

/// Waits until `stop` becomes true.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the caller is gone, which is a stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

#[cfg(test)]
mod tests;
