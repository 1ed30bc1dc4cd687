//! Delivery: from records of a source to events that the destination has.
//!
//! ```text
//! records ─► queue ─► batch ─► duplicates? edits? ─► profiles ─► events ─► destination
//!                                                                   │ answered
//! tags of the caller ◄── settled: sent, duplicate, rejected … ◄─────┘
//! ```
//!
//! One batch is on its way at a time, so events keep their order. A batch ends before a record from
//! which deletions of other versions follow: the deletions go out alone, after everything before
//! them was answered, because a deletion that overtakes its post would leave the old text in place.
//! While the destination is away the batch is tried again, and records wait in the queue.

mod batch;
mod sending;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::batch::{Batch, Item, Known};
use self::sending::{Answers, send};
use super::destination::{Destination, DestinationError};
use super::recent_ids::RecentIds;
use super::state::Checkpoint;
use super::versions::Versions;
use super::{Source, SourceRecord, WatchedKeywords};
use crate::events::Event;

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The destination has it, or it matches no keyword there.
    Sent,
    /// It matches no keyword by itself.
    Unmatched,
    /// It was sent before.
    Duplicate,
    /// It cannot be used, for this reason.
    Rejected(String),
    /// It is about the connection.
    Control,
}

/// Records that are settled, in the order in which they were pushed.
#[derive(Debug)]
pub struct Settled<T> {
    /// Each record with the caller's tag and its outcome.
    pub records: Vec<(T, SourceRecord, Outcome)>,
    /// How many of the sent records match no keyword.
    pub unmatched: u64,
}

/// A batch that is being sent.
#[derive(Debug)]
struct OnItsWay<T> {
    batch: Batch<T>,
    /// The keywords by which it is sent.
    keywords: WatchedKeywords,
    since: Instant,
    sending: JoinHandle<Result<Answers, DestinationError>>,
}

/// Delivers records to a destination. `T` is the caller's tag of a record.
#[derive(Debug)]
pub struct Delivery<T> {
    destination: Arc<dyn Destination>,
    source: Option<Arc<dyn Source>>,
    keywords: WatchedKeywords,
    recent: RecentIds,
    versions: Versions,
    queue: VecDeque<(T, SourceRecord)>,
    /// Events that stem from no record.
    events: Vec<Event>,
    on_its_way: Option<OnItsWay<T>>,
    away: watch::Sender<Option<String>>,
}

impl<T> Delivery<T> {
    /// Delivers to `destination`, with the versions of edited posts that a checkpoint names.
    pub fn of_known(
        destination: Arc<dyn Destination>,
        source: Option<Arc<dyn Source>>,
        keywords: WatchedKeywords,
        checkpoint: &Checkpoint,
    ) -> Self {
        let versions = Versions::of(checkpoint.versions.iter().cloned());
        Self::new(destination, source, keywords, versions)
    }

    /// Puts the versions of edited posts into a checkpoint.
    pub fn keep_versions(&self, checkpoint: &mut Checkpoint) {
        checkpoint.versions = self.versions.known().collect();
    }

    /// Delivers to `destination`. `source` completes posts before they are sent.
    pub(super) fn new(
        destination: Arc<dyn Destination>,
        source: Option<Arc<dyn Source>>,
        keywords: WatchedKeywords,
        versions: Versions,
    ) -> Self {
        Self {
            destination,
            source,
            keywords,
            recent: RecentIds::default(),
            versions,
            queue: VecDeque::new(),
            events: Vec::new(),
            on_its_way: None,
            away: watch::channel(None).0,
        }
    }

    /// Puts a record behind the others.
    pub fn push(&mut self, tag: T, record: SourceRecord) {
        self.queue.push_back((tag, record));
    }

    /// Puts events that stem from no record behind the records that wait. They are sent with the
    /// next batch.
    pub fn push_events(&mut self, events: Vec<Event>) {
        self.events.extend(events);
    }

    /// The number of records that are not settled.
    pub fn waiting(&self) -> usize {
        let on_its_way = self.on_its_way.as_ref().map_or(0, |sent| sent.batch.len());
        self.queue.len().saturating_add(on_its_way)
    }

    /// The unsettled records that count as received: all but those about the connection.
    pub fn waiting_records(&self) -> u64 {
        let queued = self.queue.iter().map(|(_, record)| record);
        let on_its_way = self.on_its_way.iter().flat_map(|sent| sent.batch.records());
        let counted = queued
            .chain(on_its_way)
            .filter(|record| !matches!(record.content, Ok(super::Mapped::Control)));
        u64::try_from(counted.count()).unwrap_or(u64::MAX)
    }

    /// How long the destination has not answered for the batch on its way; zero without one.
    pub fn sending_for(&self) -> Duration {
        let sent = self.on_its_way.as_ref();
        sent.map_or(Duration::ZERO, |sent| sent.since.elapsed())
    }

    /// Why the destination takes nothing at present; `None` when it does.
    pub fn away(&self) -> watch::Receiver<Option<String>> {
        self.away.subscribe()
    }

    /// The keywords from now on.
    pub fn set_keywords(&mut self, keywords: WatchedKeywords) {
        self.keywords = keywords;
    }

    /// The keywords.
    pub fn keywords(&self) -> &WatchedKeywords {
        &self.keywords
    }

    /// The versions of edited posts.
    pub(super) fn versions(&self) -> &Versions {
        &self.versions
    }

    /// Waits for the next records to be settled; for ever when none wait. Nothing is lost when the
    /// future is dropped.
    ///
    /// # Errors
    /// [`DestinationError::Refused`] when the destination does not accept requests as they are.
    pub async fn settled(&mut self) -> Result<Settled<T>, DestinationError> {
        if self.on_its_way.is_none() {
            let Some(batch) = self.next_batch() else {
                return std::future::pending().await;
            };
            if batch.is_settled() {
                return Ok(batch.settle(
                    Answers::default(),
                    &mut self.recent,
                    &mut self.versions,
                    &self.keywords,
                ));
            }
            let sending = send(
                batch.parts(),
                Arc::clone(&self.destination),
                self.source.clone(),
                self.keywords.clone(),
                self.away.clone(),
            );
            self.on_its_way = Some(OnItsWay {
                batch,
                keywords: self.keywords.clone(),
                since: Instant::now(),
                sending: tokio::spawn(sending),
            });
        }
        let Some(sent) = &mut self.on_its_way else {
            return std::future::pending().await;
        };
        let answers = (&mut sent.sending).await.unwrap_or_else(|error| {
            Err(DestinationError::Refused(format!(
                "sending failed: {error}"
            )))
        })?;
        match self.on_its_way.take() {
            Some(sent) => Ok(sent.batch.settle(
                answers,
                &mut self.recent,
                &mut self.versions,
                &sent.keywords,
            )),
            None => std::future::pending().await,
        }
    }

    fn next_batch(&mut self) -> Option<Batch<T>> {
        let mut batch = Batch::new();
        batch.add_events(std::mem::take(&mut self.events));
        while let Some((_, record)) = self.queue.front() {
            let known = Known {
                versions: &self.versions,
                recent: &self.recent,
                keywords: &self.keywords,
            };
            let item = Item::of(record, &known, &batch);
            if !batch.has_room_for(&item) {
                break;
            }
            let Some((tag, record)) = self.queue.pop_front() else {
                break;
            };
            let is_alone = item.is_alone();
            batch.push(tag, record, item);
            if is_alone {
                break;
            }
        }
        (!batch.is_empty()).then_some(batch)
    }
}

impl<T> Drop for Delivery<T> {
    fn drop(&mut self) {
        if let Some(sent) = &self.on_its_way {
            sent.sending.abort();
        }
    }
}
