//! JetStream: posts go to the subjects of the keywords that they match. Deletions and metrics go to
//! the server, which knows the keywords that hold a tweet; without a server they go to every
//! keyword.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Destination, DestinationError, Published, ServerDestination};
use crate::events::{Clock, Event, Form, Keyword, Record, TweetId};
use crate::journal::{JetStreamPublisher, JournalError};
use crate::sources::report::Report;
use crate::sources::{WatchedKeyword, WatchedKeywords};
use crate::telemetry::whole;

/// JetStream, with a server for all that is not a post.
#[derive(Debug)]
pub struct NatsDestination {
    publisher: JetStreamPublisher,
    server: Option<Arc<ServerDestination>>,
    clock: Clock,
}

impl NatsDestination {
    /// Publishes through `publisher`; `server` is `None` when none answers.
    pub fn new(
        publisher: JetStreamPublisher,
        server: Option<Arc<ServerDestination>>,
        clock: Clock,
    ) -> Self {
        Self {
            publisher,
            server,
            clock,
        }
    }

    fn server(&self) -> Result<&ServerDestination, DestinationError> {
        self.server.as_deref().ok_or_else(|| {
            DestinationError::Refused("no tidings server answers; name one with --server".into())
        })
    }

    /// Publishes to JetStream, each event to its keywords.
    async fn publish_records(
        &self,
        events: &[(usize, &Event, Vec<Keyword>)],
        published: &mut Published,
    ) -> Result<(), DestinationError> {
        let now = self.clock.now();
        let mut records = Vec::new();
        for (index, event, keywords) in events {
            let made: Result<Vec<Record>, _> = keywords
                .iter()
                .map(|keyword| Record::of_event_in(Form::Wire, keyword, event, now))
                .collect();
            match made {
                Ok(made) => records.extend(made),
                Err(error) => published.rejected.push((*index, whole(&error).to_string())),
            }
        }
        if records.is_empty() {
            return Ok(());
        }
        match self.publisher.publish(&records).await {
            Ok(_) => Ok(()),
            Err(error @ JournalError::NoSubject { .. }) => {
                Err(DestinationError::Refused(whole(&error).to_string()))
            }
            Err(error) => Err(DestinationError::Away(whole(&error).to_string())),
        }
    }
}

#[async_trait]
impl Destination for NatsDestination {
    async fn publish(
        &self,
        events: &[Event],
        keywords: &WatchedKeywords,
    ) -> Result<Published, DestinationError> {
        let mut published = Published::default();
        let mut records = Vec::new();
        let mut of_server = Vec::new();
        for (index, event) in events.iter().enumerate() {
            match event {
                Event::TweetPosted(tweet) => {
                    let matched = keywords.matched_by(&tweet.text).into_iter().cloned();
                    let matched: Vec<Keyword> = matched.collect();
                    if matched.is_empty() {
                        published.unmatched = published.unmatched.saturating_add(1);
                    } else {
                        records.push((index, event, matched));
                    }
                }
                _ if self.server.is_some() => of_server.push((index, event.clone())),
                _ => {
                    let all = keywords.keywords().iter();
                    let all = all.map(|watched| watched.keyword.clone()).collect();
                    records.push((index, event, all));
                }
            }
        }
        self.publish_records(&records, &mut published).await?;
        if let (Some(server), false) = (&self.server, of_server.is_empty()) {
            let (indexes, events): (Vec<usize>, Vec<Event>) = of_server.into_iter().unzip();
            let answer = server.publish(&events, keywords).await?;
            let index = |index: usize| indexes.get(index).copied();
            published.unmatched = published.unmatched.saturating_add(answer.unmatched);
            let rejected = answer.rejected.into_iter();
            let rejected = rejected.filter_map(|(at, reason)| Some((index(at)?, reason)));
            published.rejected.extend(rejected);
            published.undecided = answer.undecided.into_iter().filter_map(index).collect();
        }
        Ok(published)
    }

    async fn keywords(&self) -> Result<Arc<Vec<WatchedKeyword>>, DestinationError> {
        self.server()?.keywords().await
    }

    async fn track(&self, keyword: &Keyword) -> Result<(), DestinationError> {
        if let Some(server) = &self.server {
            return server.track(keyword).await;
        }
        let now = self.clock.now();
        let event = Event::keyword_tracked(now);
        let mut published = Published::default();
        let events = [(0, &event, vec![keyword.clone()])];
        self.publish_records(&events, &mut published).await?;
        match published.rejected.pop() {
            Some((_, reason)) => Err(DestinationError::Refused(reason)),
            None => Ok(()),
        }
    }

    async fn ranked(&self, keyword: &Keyword) -> Result<Vec<TweetId>, DestinationError> {
        match &self.server {
            Some(server) => server.ranked(keyword).await,
            None => Ok(Vec::new()),
        }
    }

    async fn report(&self, report: &Report) -> Result<(), DestinationError> {
        match &self.server {
            Some(server) => server.report(report).await,
            None => Ok(()),
        }
    }
}
