//! A connection to NATS, and when it is made again.
//!
//! In: the options of the journal. Out: contexts for requests, appends and reads over one
//! connection. A connection that is lost is made again by the client library, and a useless one by
//! [`Link::renew`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::ContextBuilder;
use async_nats::jetstream::context::Context;
use async_nats::{Client, ConnectErrorKind, ServerAddr};
use tokio::sync::watch;
use tokio::time::Instant;

use super::connect_options::{JetStreamOptions, connect_options, without_passwords};
use super::pipeline::Pipeline;
use crate::journal::JournalError;
use crate::telemetry::{log_throttled, whole};

/// Maximum wait for an answer to a request. It is short, because reading waits for the answer even
/// if it was lost with its connection.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// Maximum wait for an acknowledgement.
const ACKNOWLEDGE_WITHIN: Duration = Duration::from_secs(5);
/// Maximum number of acknowledgements in flight.
pub(super) const MAX_ACKS_IN_FLIGHT: usize = 4_096;
/// Pauses between attempts to connect again. They are short, because folding has to continue soon
/// after the server is back.
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(20);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Minimum time between two renewals of a working connection.
const RENEW_EVERY: Duration = Duration::from_secs(3);
/// A connection without answers to requests for this long is renewed, even if appends are
/// acknowledged.
const USELESS_AFTER: Duration = Duration::from_secs(15);

/// A connection. `turns` counts how often it was lost or made again, or the client library dropped
/// messages of a full subscription.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) client: Client,
    pub(super) turns: watch::Receiver<u64>,
    health: Arc<Mutex<LinkHealth>>,
}

/// The health of a connection that is not lost.
#[derive(Debug, Default)]
pub(super) struct LinkHealth {
    /// The last complaint of the server.
    complaint: Option<String>,
    /// When this process last renewed the connection.
    renewed: Option<Instant>,
    /// The time since which requests get no answer, if the last one got none.
    silent: Option<Instant>,
    /// The time of the last acknowledgement of an append. Acknowledgements are not answers to
    /// requests.
    heard: Option<Instant>,
}

impl LinkHealth {
    /// Keeps a complaint of the server.
    pub(super) fn complains(&mut self, complaint: String) {
        self.complaint = Some(complaint);
    }

    /// Whether the connection is useless: neither requests nor appends have been answered for
    /// [`RENEW_EVERY`], or requests have not been answered for [`USELESS_AFTER`].
    fn is_useless(&self) -> bool {
        let silent = self.silent.map_or(Duration::ZERO, |since| since.elapsed());
        let hears = self.heard.is_some_and(|at| at.elapsed() < RENEW_EVERY);
        silent >= if hears { USELESS_AFTER } else { RENEW_EVERY }
    }
}

impl Link {
    /// Connects. After that the client library connects again by itself, without a limit.
    ///
    /// # Errors
    /// [`JournalError::Broker`] when the server refuses or does not answer in time.
    pub(super) async fn open(options: &JetStreamOptions, name: &str) -> Result<Self, JournalError> {
        let addresses = options
            .urls
            .iter()
            .map(|url| url.parse::<ServerAddr>())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| refused(format!("{error} ({})", without_passwords(&options.urls))))?;
        let deadline = Instant::now() + options.wait;
        let mut pause = Duration::from_millis(100);
        loop {
            let (turn, turns) = watch::channel(0);
            let health = Arc::default();
            let connected = connect_options(options, name, (turn, Arc::clone(&health))).await?;
            match connected.connect(&addresses[..]).await {
                Ok(client) => {
                    return Ok(Self {
                        client,
                        turns,
                        health,
                    });
                }
                Err(error) if is_final(error.kind()) || Instant::now() + pause > deadline => {
                    let reason = format!("{error} ({})", without_passwords(&options.urls));
                    return Err(refused(reason));
                }
                Err(error) => {
                    let urls = without_passwords(&options.urls);
                    tracing::warn!(error = %whole(&error), urls, "NATS cannot be reached yet");
                    tokio::time::sleep(pause).await;
                    pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// The context for requests to JetStream.
    pub(super) fn asking(&self) -> Context {
        ContextBuilder::new()
            .timeout(ANSWER_WITHIN)
            .build(self.client.clone())
    }

    /// A pipeline for publishing many messages.
    pub(super) fn pipeline(&self) -> Pipeline {
        Pipeline::new(self.client.clone(), ACKNOWLEDGE_WITHIN)
    }

    /// The context for publishing with the client library alone.
    pub(super) fn publishing(&self) -> Context {
        ContextBuilder::new()
            .timeout(ACKNOWLEDGE_WITHIN)
            .ack_timeout(ACKNOWLEDGE_WITHIN)
            .max_ack_inflight(MAX_ACKS_IN_FLIGHT)
            .backpressure_on_inflight(true)
            .build(self.client.clone())
    }

    /// Renews a connection that still exists, because requests over it get no answer. A server that
    /// takes a permission away ends the subscriptions that need it, and does not restore them with
    /// the permission. A new connection subscribes to all of them. Does nothing when the connection
    /// was lost, or renewed a moment ago.
    pub(super) async fn renew(&self) {
        if !self.is_connected() {
            return;
        }
        {
            let mut health = lock(&self.health);
            if health.renewed.is_some_and(|at| at.elapsed() < RENEW_EVERY) {
                return;
            }
            health.renewed = Some(Instant::now());
        }
        log_throttled("nats-renewed", |count| {
            tracing::warn!(count, "NATS does not answer; connecting to it again");
        });
        // An error means that the client has ended. All other calls notice this too.
        let _ = self.client.force_reconnect().await;
    }

    /// Returns `reason` with the last complaint of the server, such as a missing permission.
    pub(super) fn with_complaint(&self, reason: &str) -> String {
        match &lock(&self.health).complaint {
            Some(complaint) => format!("{reason}; the server said: {complaint}"),
            None => reason.to_owned(),
        }
    }

    /// Notes an answer to a request: forgets the last complaint and the silence before.
    pub(super) fn answers(&self) {
        let mut health = lock(&self.health);
        health.complaint = None;
        health.silent = None;
    }

    /// Notes an acknowledgement of an append.
    pub(super) fn hears(&self) {
        lock(&self.health).heard = Some(Instant::now());
    }

    /// Notes that a request got no answer in time. Renews the connection if it is useless.
    pub(super) async fn is_silent(&self) {
        let useless = {
            let mut health = lock(&self.health);
            health.silent.get_or_insert_with(Instant::now);
            health.is_useless()
        };
        if useless {
            self.renew().await;
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.client.connection_state() == async_nats::connection::State::Connected
    }
}

/// Whether another attempt would fail in the same way.
fn is_final(kind: ConnectErrorKind) -> bool {
    use ConnectErrorKind as Kind;
    match kind {
        Kind::ServerParse | Kind::Authentication | Kind::AuthorizationViolation | Kind::Tls => true,
        Kind::Dns | Kind::TimedOut | Kind::Io | Kind::MaxReconnects => false,
    }
}

pub(super) fn lock(health: &Mutex<LinkHealth>) -> MutexGuard<'_, LinkHealth> {
    health.lock().unwrap_or_else(PoisonError::into_inner)
}

fn refused(reason: String) -> JournalError {
    JournalError::Broker {
        action: "be connected to",
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_answer_does_not_end_a_connection() {
        let now = Instant::now();
        let before = |seconds| now.checked_sub(Duration::from_secs(seconds));
        let useless = |silent, heard| {
            let health = LinkHealth {
                silent,
                heard,
                ..LinkHealth::default()
            };
            health.is_useless()
        };
        assert!(!useless(Some(now), None));
        assert!(useless(before(4), None));
        assert!(useless(before(4), before(60)));
        assert!(!useless(before(4), Some(now)));
        assert!(useless(before(20), Some(now)));
        assert!(!useless(None, None));
    }
}
