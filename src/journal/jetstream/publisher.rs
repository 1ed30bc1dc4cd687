//! Publishing without reading: needs no other permission than to publish to `tweets.*`.

use super::connection::{JetStreamOptions, Link};
use super::pipeline::{Outgoing, Pipeline};
use crate::events::{Record, Sequence, Timestamp};
use crate::journal::JournalError;

/// Publishes records to a stream that somebody else keeps.
#[derive(Debug)]
pub struct JetStreamPublisher {
    pipeline: Pipeline,
}

impl JetStreamPublisher {
    /// Connects.
    ///
    /// # Errors
    /// [`JournalError::Broker`] when nobody answers in time, or the answer is no.
    pub async fn connect(options: &JetStreamOptions) -> Result<Self, JournalError> {
        let link = Link::open(options, "tidings publish").await?;
        Ok(Self {
            pipeline: link.pipeline(),
        })
    }

    /// Publishes records in order. Answers for each one, in the same order, its sequence, or why
    /// it isn't known to be in the stream; sending such a one again is safe.
    ///
    /// # Errors
    /// [`JournalError::NoSubject`]; nothing was sent then.
    pub async fn publish(
        &self,
        records: &[Record],
    ) -> Result<Vec<Result<Sequence, String>>, JournalError> {
        let now = Timestamp::now();
        let outgoing = records
            .iter()
            .map(|record| Outgoing::of(record, now))
            .collect::<Result<Vec<_>, _>>()?;
        let answers = self.pipeline.send(outgoing, ()).await;
        Ok(answers
            .into_iter()
            .map(|answer| answer.map(Sequence::new))
            .collect())
    }
}
