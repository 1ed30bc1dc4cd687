//! Sends the events of a batch until the destination has answered for each of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::super::destination::{Destination, DestinationError, Published};
use super::super::{Post, Source, WatchedKeywords};
use crate::events::Event;
use crate::telemetry::log_throttled;

/// The first wait before a batch is sent again; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// An event that is sent.
#[derive(Debug, Clone)]
pub(super) enum Sending {
    /// A post, which the source may complete before.
    Post(Box<Post>),
    /// Another event.
    Event(Event),
}

/// What has to be sent for a batch.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// Deletions of other versions, and events that stem from no record: sent first, and not
    /// counted.
    pub(super) deletions: Vec<Event>,
    /// Sent then: the index of the record, and its event.
    pub(super) events: Vec<(usize, Sending)>,
}

/// The destination's answers to a batch.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// Reasons of rejected records, by the index of the record.
    pub(super) rejected: HashMap<usize, String>,
    /// The number of events that match no keyword, the deletions of `Parts` excepted.
    pub(super) unmatched: u64,
}

/// The destination with what it needs for every request.
struct Target {
    destination: Arc<dyn Destination>,
    keywords: WatchedKeywords,
    away: watch::Sender<Option<String>>,
}

/// Sends what a batch leads to. Waits while the destination is away, and says so in `away`.
pub(super) async fn send(
    mut parts: Parts,
    destination: Arc<dyn Destination>,
    source: Option<Arc<dyn Source>>,
    keywords: WatchedKeywords,
    away: watch::Sender<Option<String>>,
) -> Result<Answers, DestinationError> {
    if let Some(source) = source {
        let mut posts: Vec<&mut Post> = parts
            .events
            .iter_mut()
            .filter_map(|(_, sending)| match sending {
                Sending::Post(post) => Some(&mut **post),
                Sending::Event(_) => None,
            })
            .collect();
        if !posts.is_empty() {
            source.complete(&mut posts, &keywords).await;
        }
    }
    let target = Target {
        destination,
        keywords,
        away,
    };
    if !parts.deletions.is_empty() {
        let deletions: Vec<(usize, Event)> = parts.deletions.into_iter().enumerate().collect();
        target.publish(deletions).await?;
    }
    let events = parts
        .events
        .into_iter()
        .map(|(index, sending)| match sending {
            Sending::Post(post) => (index, Event::from(post.tweet)),
            Sending::Event(event) => (index, event),
        });
    target.publish(events.collect()).await
}

impl Target {
    async fn publish(&self, mut events: Vec<(usize, Event)>) -> Result<Answers, DestinationError> {
        let mut answers = Answers::default();
        let mut wait = FIRST_WAIT;
        while !events.is_empty() {
            let sent: Vec<Event> = events.iter().map(|(_, event)| event.clone()).collect();
            let published = self.until_answered(&sent).await?;
            answers.unmatched = answers.unmatched.saturating_add(published.unmatched);
            let record_of = |index: usize| events.get(index).map(|(record, _)| *record);
            for (index, reason) in published.rejected {
                answers
                    .rejected
                    .extend(record_of(index).map(|record| (record, reason)));
            }
            let undecided = published.undecided;
            let mut index = 0_usize;
            events.retain(|_| {
                let is_undecided = undecided.contains(&index);
                index = index.saturating_add(1);
                is_undecided
            });
            if !events.is_empty() {
                let reason = "the server could not decide about all posts in time";
                self.away.send_replace(Some(reason.to_owned()));
                sleep(wait).await;
                wait = wait.saturating_mul(2).min(LONGEST_WAIT);
            }
        }
        Ok(answers)
    }

    async fn until_answered(&self, events: &[Event]) -> Result<Published, DestinationError> {
        let mut wait = FIRST_WAIT;
        loop {
            match self.destination.publish(events, &self.keywords).await {
                Ok(published) => {
                    self.away.send_if_modified(|away| away.take().is_some());
                    return Ok(published);
                }
                Err(DestinationError::Away(reason)) => {
                    let shown = reason.clone();
                    log_throttled("source-destination", move |count| {
                        tracing::warn!(reason = %shown, count, "posts wait for the server");
                    });
                    self.away.send_replace(Some(reason));
                    sleep(wait).await;
                    wait = wait.saturating_mul(2).min(LONGEST_WAIT);
                }
                Err(refused) => return Err(refused),
            }
        }
    }
}
