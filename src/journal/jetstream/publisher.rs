//! A publisher that does not read. It needs no other permission than to publish to `tweets.*`.

use super::connect_options::JetStreamOptions;
use super::connection::Link;
use super::pipeline::{Outgoing, Pipeline};
use crate::events::{Clock, Record};
use crate::journal::{Appended, JournalError};

/// Publishes records to a stream that another process created.
#[derive(Debug)]
pub struct JetStreamPublisher {
    pipeline: Pipeline,
    clock: Clock,
}

impl JetStreamPublisher {
    /// Connects.
    ///
    /// # Errors
    /// [`JournalError::Broker`] when the server refuses or does not answer in time.
    pub async fn connect(options: &JetStreamOptions) -> Result<Self, JournalError> {
        let link = Link::open(options, "tidings publish").await?;
        Ok(Self {
            pipeline: link.pipeline(),
            clock: options.clock.clone(),
        })
    }

    /// Publishes records in order. Returns when all are acknowledged.
    ///
    /// # Errors
    /// [`JournalError::NoSubject`] before any record was sent; [`JournalError::Unacknowledged`],
    /// after which sending all records again is safe.
    pub async fn publish(&self, records: &[Record]) -> Result<Appended, JournalError> {
        let now = self.clock.now();
        let outgoing = records
            .iter()
            .map(|record| Outgoing::of(record, now))
            .collect::<Result<Vec<_>, _>>()?;
        self.pipeline.send(outgoing, ()).await.appended()
    }
}
