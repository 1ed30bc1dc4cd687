//! The task that refreshes the metrics of the tweets that rankings show.
//!
//! The sources do not say when a post is liked, so the ranked tweets of each keyword are asked for
//! from time to time. A tweet that is missing twice in a row was deleted.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::super::destination::Destination;
use super::super::{Cost, Source, SourceKind, WatchedKeywords};
use super::stream::Gate;
use crate::events::{Clock, Event, Timestamp, TweetDeleted, TweetId};

/// Maximum number of ids of one round.
const MAX_IDS: usize = 10_000;
/// Maximum number of ids that are asked for at once.
const MAX_AT_ONCE: usize = 100;

/// What a refresh found.
#[derive(Debug)]
pub(super) struct Refreshed {
    /// New metrics, and deletions.
    pub(super) events: Vec<Event>,
    /// What it cost.
    pub(super) cost: Cost,
}

/// Asks for metrics from time to time.
#[derive(Debug)]
pub(super) struct RefreshTask {
    pub(super) source: Arc<dyn Source>,
    pub(super) destination: Arc<dyn Destination>,
    pub(super) keywords: watch::Receiver<WatchedKeywords>,
    pub(super) gate: watch::Receiver<Gate>,
    pub(super) found: mpsc::Sender<Refreshed>,
    pub(super) clock: Clock,
}

impl RefreshTask {
    /// Runs until the collector is gone; not at all for a source without refreshes.
    pub(super) async fn run(self, every: Duration) {
        let mut missing = BTreeSet::new();
        loop {
            sleep(every).await;
            if *self.gate.borrow() != Gate::Open {
                continue;
            }
            let ids = self.ranked().await;
            let mut missing_now = BTreeSet::new();
            for ids in ids.chunks(Self::at_once(self.source.kind())) {
                let now = self.clock.now();
                let (mut events, gone, cost) = match self.source.refresh(ids, now).await {
                    Ok(refreshed) => refreshed,
                    Err(error) => {
                        tracing::warn!(source = %self.source.kind(), %error, "no new metrics");
                        break;
                    }
                };
                for id in gone {
                    if self.is_final() || missing.contains(&id) {
                        events.push(deleted(&id, now));
                    } else {
                        missing_now.insert(id);
                    }
                }
                if self.found.send(Refreshed { events, cost }).await.is_err() {
                    return;
                }
            }
            missing = missing_now;
        }
    }

    /// X names what it does not have. The others leave it out, which can have another reason.
    fn is_final(&self) -> bool {
        self.source.kind() == SourceKind::X
    }

    const fn at_once(kind: SourceKind) -> usize {
        match kind {
            SourceKind::X | SourceKind::File => MAX_AT_ONCE,
            SourceKind::Bluesky => 25,
            SourceKind::Mastodon => 20,
        }
    }

    /// The ranked tweets of this source, each once.
    async fn ranked(&self) -> Vec<TweetId> {
        let keywords = self.keywords.borrow().clone();
        let prefix = match self.source.kind() {
            SourceKind::X => "x:",
            SourceKind::Bluesky => "bsky:",
            SourceKind::Mastodon => "masto:",
            SourceKind::File => "file:",
        };
        let mut ids = BTreeSet::new();
        for watched in keywords.keywords() {
            let ranked = self.destination.ranked(&watched.keyword).await;
            let of_source = ranked.unwrap_or_default().into_iter();
            ids.extend(of_source.filter(|id| id.as_str().starts_with(prefix)));
            if ids.len() >= MAX_IDS {
                break;
            }
        }
        ids.into_iter().take(MAX_IDS).collect()
    }
}

fn deleted(id: &TweetId, at: Timestamp) -> Event {
    Event::TweetDeleted(TweetDeleted { id: id.clone(), at })
}
