//! A consumer, and the pull requests that keep it delivering.
//!
//! The consumer has no acknowledgements and lives in the memory of the server. It is dropped as
//! soon as anything looks wrong, because the checkpoint of the views is the read position, not the
//! consumer. The reply subject tells status messages of the server from stored messages. A status
//! line does not, because a publisher could write one into its message.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, ReplayPolicy, pull};
use async_nats::jetstream::context::Context;
use async_nats::{Client, Message, Subscriber};
use futures_util::{FutureExt as _, StreamExt as _};
use serde_json::json;
use tokio::time::Instant;

use super::message::StreamPosition;
use crate::events::Sequence;
use crate::journal::JournalError;

/// Messages per pull request. The next request is sent when at most half of this number is
/// outstanding. So at most 30,000 messages are on their way, which fit into the client's buffer for
/// a subscription (65,536 messages).
const BATCH: usize = 20_000;
/// Bytes per pull request. This limits the memory that large messages take.
const BATCH_BYTES: usize = 16 * 1024 * 1024;
const HEARTBEAT: Duration = Duration::from_secs(1);
const EXPIRES: Duration = Duration::from_secs(5);
/// A consumer without any message for this long, heartbeats included, is gone.
const SILENCE: Duration = Duration::from_millis(2_500);
/// The server removes a consumer after this time without requests.
const FORGET_AFTER: Duration = Duration::from_secs(10);

/// What the consumer delivered.
#[derive(Debug)]
pub(super) enum Got {
    /// A stored message.
    Message(StreamPosition, Box<Message>),
    /// A heartbeat or another status.
    Nothing,
    /// The consumer cannot be used any more.
    Lost(String),
}

/// An open consumer.
#[derive(Debug)]
pub(super) struct Pull {
    client: Client,
    context: Context,
    stream: &'static str,
    consumer: String,
    ask: String,
    inbox: String,
    subscription: Subscriber,
    /// Number of requested messages that have not come yet.
    outstanding: usize,
    /// The sequence of the last delivered message, in the count of the consumer.
    delivered: u64,
    heard: Instant,
}

impl Pull {
    /// Creates a consumer of the messages after `after`.
    pub(super) async fn open(
        client: &Client,
        context: &Context,
        stream: &'static str,
        after: Sequence,
        filter: Option<&str>,
    ) -> Result<Self, JournalError> {
        let failed = |reason: String| JournalError::Broker {
            action: "begin to read",
            reason,
        };
        let config = pull::Config {
            name: Some(format!("tidings-{}", client.new_inbox().replace('.', "-"))),
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: after.next().get(),
            },
            ack_policy: AckPolicy::None,
            replay_policy: ReplayPolicy::Instant,
            filter_subject: filter.unwrap_or_default().to_owned(),
            memory_storage: true,
            num_replicas: 1,
            inactive_threshold: FORGET_AFTER,
            ..pull::Config::default()
        };
        let inbox = client.new_inbox();
        let subscription = client
            .subscribe(inbox.clone())
            .await
            .map_err(|error| failed(error.to_string()))?;
        let consumer = context
            .create_consumer_on_stream(config, stream)
            .await
            .map_err(|error| failed(error.to_string()))?;
        let name = consumer.cached_info().name.clone();
        let mut pull = Self {
            ask: format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}"),
            client: client.clone(),
            context: context.clone(),
            stream,
            consumer: name,
            inbox,
            subscription,
            outstanding: 0,
            delivered: 0,
            heard: Instant::now(),
        };
        pull.ask().await.map_err(failed)?;
        Ok(pull)
    }

    /// Waits for the next delivery. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Got {
        if self.outstanding <= BATCH / 2
            && let Err(reason) = self.ask().await
        {
            return Got::Lost(reason);
        }
        let until = self.heard + SILENCE;
        tokio::select! {
            biased;
            message = self.subscription.next() => self.sort(message),
            () = tokio::time::sleep_until(until) => Got::Lost("its heartbeats stopped".into()),
        }
    }

    /// Returns the next delivery if it has already arrived.
    pub(super) fn ready(&mut self) -> Option<Got> {
        if self.outstanding <= BATCH / 2 {
            // More messages have to be requested, which only `next` does.
            return None;
        }
        // Tokio counts each message against the budget of the task. A batch exceeds that budget, so
        // the count is switched off here.
        let message = tokio::task::unconstrained(self.subscription.next()).now_or_never()?;
        Some(self.sort(message))
    }

    /// Number of messages that the consumer has not delivered; `None` when some are on their way.
    pub(super) async fn undelivered(&self) -> Option<u64> {
        let stream = self.context.get_stream_no_info(self.stream).await.ok()?;
        let info = stream.consumer_info(&self.consumer).await.ok()?;
        (info.delivered.consumer_sequence == self.delivered).then_some(info.num_pending)
    }

    fn sort(&mut self, message: Option<Message>) -> Got {
        self.heard = Instant::now();
        let Some(message) = message else {
            return Got::Lost("the connection was closed".into());
        };
        let position = message
            .reply
            .as_ref()
            .and_then(|reply| StreamPosition::parse(reply));
        let Some(position) = position else {
            return self.status(&message);
        };
        self.outstanding = self.outstanding.saturating_sub(1);
        if position.delivered != self.delivered.saturating_add(1) {
            return Got::Lost(format!(
                "message {} came after {}, so messages in between were lost",
                position.delivered, self.delivered
            ));
        }
        self.delivered = position.delivered;
        Got::Message(position, Box::new(message))
    }

    /// Handles a status message of the server.
    fn status(&mut self, message: &Message) -> Got {
        let description = message.description.as_deref().unwrap_or_default();
        match message.status.map(|status| status.as_u16()) {
            Some(100) => Got::Nothing,
            // A pull request has ended: it expired, reached its size, or found no messages.
            Some(404 | 408 | 409) if !is_end(description) => {
                let left = message
                    .headers
                    .as_ref()
                    .and_then(|headers| headers.get("Nats-Pending-Messages"))
                    .and_then(|left| left.as_str().parse().ok())
                    .unwrap_or(BATCH);
                self.outstanding = self.outstanding.saturating_sub(left);
                Got::Nothing
            }
            status => Got::Lost(format!(
                "{} {description}",
                status.map_or_else(|| "?".into(), |status| status.to_string())
            )),
        }
    }

    async fn ask(&mut self) -> Result<(), String> {
        let request = json!({
            "batch": BATCH,
            "max_bytes": BATCH_BYTES,
            "expires": nanos(EXPIRES),
            "idle_heartbeat": nanos(HEARTBEAT),
        });
        self.client
            .publish_with_reply(
                self.ask.clone(),
                self.inbox.clone(),
                request.to_string().into(),
            )
            .await
            .map_err(|error| error.to_string())?;
        self.outstanding = self.outstanding.saturating_add(BATCH);
        Ok(())
    }
}

/// Whether a request ended because its consumer ended.
fn is_end(description: &str) -> bool {
    [
        "Consumer Deleted",
        "Leadership Change",
        "Server Shutdown",
        "Consumer is push based",
    ]
    .iter()
    .any(|end| description.starts_with(end))
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Drop for Pull {
    /// Removes the consumer. Otherwise the server would remove it a little later.
    fn drop(&mut self) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let context = self.context.clone();
            let (stream, consumer) = (self.stream, std::mem::take(&mut self.consumer));
            runtime.spawn(async move {
                let _ = context.delete_consumer_from_stream(consumer, stream).await;
            });
        }
    }
}
