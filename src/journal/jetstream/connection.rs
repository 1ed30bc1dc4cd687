//! A connection to NATS, and how it is made again when it is lost or useless.

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

/// How long an answer may take. One that was lost with its connection must not hold up reading
/// much longer than that.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// How long an acknowledgement may take.
const ACKNOWLEDGE_WITHIN: Duration = Duration::from_secs(5);
/// Acknowledgements that are waited for at a time.
pub(super) const MAX_ACKS_IN_FLIGHT: usize = 4_096;
/// Pauses between attempts to connect again: short, since folding has to go on soon after the
/// server is back.
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(20);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How often a connection that still stands is made again, at most.
const RENEW_EVERY: Duration = Duration::from_secs(3);
/// A connection over which questions are not answered for so long is made again, though something
/// is heard over it.
const USELESS_AFTER: Duration = Duration::from_secs(15);

/// A connection, and how often it was lost or found again.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) client: Client,
    pub(super) turns: watch::Receiver<u64>,
    health: Arc<Mutex<LinkHealth>>,
}

/// What is known of a connection besides that it stands.
#[derive(Debug, Default)]
pub(super) struct LinkHealth {
    /// What the server complained of last.
    complaint: Option<String>,
    /// When the connection was last made again by us.
    renewed: Option<Instant>,
    /// Since when questions are not answered in time, if the last one was not.
    silent: Option<Instant>,
    /// When anything else was heard last, such as an acknowledgement.
    heard: Option<Instant>,
}

impl LinkHealth {
    /// Keeps what the server complained of.
    pub(super) fn complains(&mut self, complaint: String) {
        self.complaint = Some(complaint);
    }

    /// One answer that is late says little. The connection is of no use when none comes and nothing
    /// else does, or when none has come for long.
    fn is_useless(&self) -> bool {
        let silent = self.silent.map_or(Duration::ZERO, |since| since.elapsed());
        let hears = self.heard.is_some_and(|at| at.elapsed() < RENEW_EVERY);
        silent >= if hears { USELESS_AFTER } else { RENEW_EVERY }
    }
}

impl Link {
    /// Connects; once it has, the client connects again by itself for ever.
    ///
    /// # Errors
    /// [`JournalError::Broker`] when no answer comes in time, or the answer is no.
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

    /// For questions to JetStream.
    pub(super) fn asking(&self) -> Context {
        ContextBuilder::new()
            .timeout(ANSWER_WITHIN)
            .build(self.client.clone())
    }

    /// For publishing much.
    pub(super) fn pipeline(&self) -> Pipeline {
        Pipeline::new(self.client.clone(), ACKNOWLEDGE_WITHIN)
    }

    /// For publishing by the client library's own means.
    pub(super) fn publishing(&self) -> Context {
        ContextBuilder::new()
            .timeout(ACKNOWLEDGE_WITHIN)
            .ack_timeout(ACKNOWLEDGE_WITHIN)
            .max_ack_inflight(MAX_ACKS_IN_FLIGHT)
            .backpressure_on_inflight(true)
            .build(self.client.clone())
    }

    /// Makes a connection that stands again, since what is asked over it gets no answer. A server
    /// that takes a permission away ends the subscriptions that need it, and does not bring them
    /// back with the permission; a new connection subscribes to all of them. Does nothing when the
    /// connection was lost, or made again a moment ago.
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
        // An error says that the client has ended, which everything else notices too.
        let _ = self.client.force_reconnect().await;
    }

    /// A reason, with what the server complained of last, such as a missing permission.
    pub(super) fn with_complaint(&self, reason: &str) -> String {
        match &lock(&self.health).complaint {
            Some(complaint) => format!("{reason}; the server said: {complaint}"),
            None => reason.to_owned(),
        }
    }

    /// Forgets the last complaint, since the server answers.
    pub(super) fn answers(&self) {
        let mut health = lock(&self.health);
        health.complaint = None;
        health.silent = None;
    }

    /// Something else than an answer was heard.
    pub(super) fn hears(&self) {
        lock(&self.health).heard = Some(Instant::now());
    }

    /// A question was not answered in time: makes the connection again if it is of no use.
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

/// Trying again changes nothing about these.
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
    fn a_late_answer_does_not_end_a_connection() {
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
