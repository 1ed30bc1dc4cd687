//! The port to tidings itself: where posts are published, and where keywords come from.
//!
//! - [`ServerDestination`]: a server over HTTP.
//! - [`NatsDestination`]: posts directly to JetStream, all else over HTTP if a server answers.
//! - Inside `serve`, the composition root gives a destination in the process.

mod nats;
mod server;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::report::Report;
use super::{WatchedKeyword, WatchedKeywords};
use crate::events::{Event, Keyword, TweetId};

pub use nats::NatsDestination;
pub use server::ServerDestination;

/// The result of publishing events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Published {
    /// Number of events that concern no tracked keyword.
    pub unmatched: u64,
    /// Rejected events: the index from 0, and the reason.
    pub rejected: Vec<(usize, String)>,
    /// Indexes of events that the server could not decide in time; they are sent again.
    pub undecided: Vec<usize>,
}

/// Why a destination did not take what it was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DestinationError {
    /// It cannot be reached, or is busy: the same request may succeed later.
    #[error("{0}")]
    Away(String),
    /// It refuses the request as it is.
    #[error("{0}")]
    Refused(String),
}

/// Where a collector publishes.
#[async_trait]
pub trait Destination: Send + Sync + fmt::Debug + 'static {
    /// Publishes events, in order. Events that are not named in the result are durable, or match no
    /// keyword.
    ///
    /// # Errors
    /// [`DestinationError`]; sending everything again is safe.
    async fn publish(
        &self,
        events: &[Event],
        keywords: &WatchedKeywords,
    ) -> Result<Published, DestinationError>;

    /// The tracked keywords with their rules. The same list is returned as long as nothing changes.
    ///
    /// # Errors
    /// [`DestinationError`].
    async fn keywords(&self) -> Result<Arc<Vec<WatchedKeyword>>, DestinationError>;

    /// Tracks a keyword that is not tracked yet.
    ///
    /// # Errors
    /// [`DestinationError`].
    async fn track(&self, keyword: &Keyword) -> Result<(), DestinationError>;

    /// The ids of the tweets that the ranking of a keyword shows: by tweet, of the last 24 hours.
    ///
    /// # Errors
    /// [`DestinationError`].
    async fn ranked(&self, keyword: &Keyword) -> Result<Vec<TweetId>, DestinationError>;

    /// Hands over the report of a collector.
    ///
    /// # Errors
    /// [`DestinationError::Refused`] when another collector reports under the same name.
    async fn report(&self, report: &Report) -> Result<(), DestinationError>;
}
