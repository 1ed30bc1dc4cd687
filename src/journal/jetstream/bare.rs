//! A bare JetStream client without the work of tidings. `bench` measures tidings against it.

use std::collections::VecDeque;
use std::future::IntoFuture as _;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::context::Context;
use bytes::Bytes;
use futures_util::StreamExt as _;

use super::api::StreamApi;
use super::connect_options::JetStreamOptions;
use super::connection::{Link, MAX_ACKS_IN_FLIGHT};
use super::streams;
use crate::events::Token;
use crate::journal::JournalError;

/// Messages per pull request.
const BATCH: usize = 10_000;

/// A bare client of the stream of events.
#[derive(Debug)]
pub struct BareJetStream {
    asking: Context,
    publishing: Context,
}

impl BareJetStream {
    /// Connects.
    ///
    /// # Errors
    /// [`JournalError::Broker`] when the server refuses or does not answer in time.
    pub async fn connect(options: &JetStreamOptions) -> Result<Self, JournalError> {
        let link = Link::open(options, "tidings bench").await?;
        Ok(Self {
            asking: link.asking(),
            publishing: link.publishing(),
        })
    }

    fn api(&self, name: &'static str) -> StreamApi {
        StreamApi {
            context: self.asking.clone(),
            name,
        }
    }

    /// Whether one of the journal's streams exists.
    ///
    /// # Errors
    /// [`JournalError::Broker`].
    pub async fn is_there(&self) -> Result<bool, JournalError> {
        for name in [streams::EVENTS, streams::REJECTED] {
            if self.api(name).describe().await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Publishes messages and waits for all acknowledgements. Uses as many acknowledgements in
    /// flight as the journal does.
    ///
    /// # Errors
    /// [`JournalError::Broker`] at the first message that is not acknowledged.
    pub async fn publish(&self, messages: Vec<(Token, Bytes)>) -> Result<(), JournalError> {
        let failed = failed("take a message");
        let mut waiting = VecDeque::with_capacity(MAX_ACKS_IN_FLIGHT);
        for (token, payload) in messages {
            if waiting.len() >= MAX_ACKS_IN_FLIGHT
                && let Some(oldest) = waiting.pop_front()
            {
                let oldest: async_nats::jetstream::context::PublishAckFuture = oldest;
                oldest.into_future().await.map_err(|error| failed(&error))?;
            }
            let subject = format!("tweets.{token}");
            let coming = self.publishing.publish(subject, payload).await;
            waiting.push_back(coming.map_err(|error| failed(&error))?);
        }
        for coming in waiting {
            coming.into_future().await.map_err(|error| failed(&error))?;
        }
        Ok(())
    }

    /// Reads `messages` messages from the beginning and drops them. Uses one consumer without
    /// acknowledgements.
    ///
    /// # Errors
    /// [`JournalError::Broker`].
    pub async fn read(&self, messages: u64) -> Result<(), JournalError> {
        let failed = failed("deliver a message");
        let config = pull::Config {
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::None,
            memory_storage: true,
            num_replicas: 1,
            ..pull::Config::default()
        };
        let consumer = self
            .asking
            .create_consumer_on_stream(config, streams::EVENTS)
            .await
            .map_err(|error| failed(&error))?;
        let mut stream = consumer
            .stream()
            .max_messages_per_batch(BATCH)
            .messages()
            .await
            .map_err(|error| failed(&error))?;
        for _ in 0..messages {
            match stream.next().await {
                Some(message) => drop(message.map_err(|error| failed(&error))?),
                None => return Err(failed(&"the consumer ended")),
            }
        }
        drop(stream);
        let name = &consumer.cached_info().name;
        self.asking
            .delete_consumer_from_stream(name, streams::EVENTS)
            .await
            .map(drop)
            .map_err(|error| failed(&error))
    }

    /// Returns the size of the stream of events on disk, in bytes.
    ///
    /// # Errors
    /// [`JournalError::Broker`].
    pub async fn bytes(&self) -> Result<u64, JournalError> {
        let info = self.api(streams::EVENTS).describe().await?;
        Ok(info.map(|info| info.state.bytes).unwrap_or_default())
    }

    /// Removes the streams of the journal with all their messages.
    ///
    /// # Errors
    /// [`JournalError::Broker`].
    pub async fn remove(&self) -> Result<(), JournalError> {
        let failed = failed("remove a stream");
        for name in [streams::EVENTS, streams::REJECTED] {
            if self.api(name).describe().await?.is_some() {
                let removed = self.asking.delete_stream(name).await;
                removed.map_err(|error| failed(&error))?;
            }
        }
        Ok(())
    }
}

fn failed(action: &'static str) -> impl Fn(&dyn std::fmt::Display) -> JournalError {
    move |reason| JournalError::Broker {
        action,
        reason: reason.to_string(),
    }
}
