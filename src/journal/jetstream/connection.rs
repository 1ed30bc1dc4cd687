//! Where NATS is, who we are to it, and how a lost connection is found again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_nats::jetstream::ContextBuilder;
use async_nats::jetstream::context::Context;
use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use tokio::sync::watch;

use crate::journal::JournalError;

/// How long an answer may take. One that was lost with its connection must not hold up reading
/// much longer than that.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// How long an acknowledgement may take.
const ACKNOWLEDGE_WITHIN: Duration = Duration::from_secs(5);
/// Acknowledgements that are waited for at a time.
pub(super) const MOST_IN_FLIGHT: usize = 4_096;
/// How often the server is asked for a sign of life; two missing ones end the connection.
const PING_EVERY: Duration = Duration::from_secs(3);
/// How long one attempt to connect may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// Pauses between attempts to connect again: short, since folding has to go on soon after the
/// server is back.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A text that is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

/// How NATS is reached, and how its streams are kept.
#[derive(Debug, Clone)]
pub struct JetStreamOptions {
    /// Servers of one cluster, such as `nats://127.0.0.1:4222`; one that answers is enough.
    pub urls: Vec<String>,
    /// A credentials file (user JWT and seed).
    pub credentials: Option<PathBuf>,
    /// A file that holds an nkey seed.
    pub nkey: Option<PathBuf>,
    /// A token.
    pub token: Option<Secret>,
    /// A PEM file of the authorities that may sign the server's certificate.
    pub ca: Option<PathBuf>,
    /// How many servers keep each stream. `None`: one for a new stream, any for an existing one.
    pub replicas: Option<usize>,
    /// How long a server that cannot be reached is waited for at the start.
    pub wait: Duration,
}

impl Default for JetStreamOptions {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            credentials: None,
            nkey: None,
            token: None,
            ca: None,
            replicas: None,
            wait: Duration::from_secs(10),
        }
    }
}

/// A connection, and how often it was lost or found again.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) client: Client,
    pub(super) turns: watch::Receiver<u64>,
}

impl Link {
    /// Connects; once it has, the client connects again by itself for ever.
    ///
    /// # Errors
    /// [`JournalError::Broker`] when nobody answers in time, or the answer is no.
    pub(super) async fn open(options: &JetStreamOptions, name: &str) -> Result<Self, JournalError> {
        let addresses = options
            .urls
            .iter()
            .map(|url| url.parse::<ServerAddr>())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| refused(format!("{error} ({})", options.urls.join(", "))))?;
        let deadline = tokio::time::Instant::now() + options.wait;
        let mut pause = Duration::from_millis(100);
        loop {
            let (turn, turns) = watch::channel(0);
            let connected = connect_options(options, name, turn).await?;
            match connected.connect(&addresses[..]).await {
                Ok(client) => return Ok(Self { client, turns }),
                Err(error) if tokio::time::Instant::now() + pause > deadline => {
                    let reason = format!("{error} ({})", options.urls.join(", "));
                    return Err(refused(reason));
                }
                Err(error) => {
                    tracing::warn!(%error, urls = ?options.urls, "NATS cannot be reached yet");
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

    /// For publishing.
    pub(super) fn publishing(&self) -> Context {
        ContextBuilder::new()
            .timeout(ACKNOWLEDGE_WITHIN)
            .ack_timeout(ACKNOWLEDGE_WITHIN)
            .max_ack_inflight(MOST_IN_FLIGHT)
            .backpressure_on_inflight(true)
            .build(self.client.clone())
    }

    pub(super) fn is_connected(&self) -> bool {
        self.client.connection_state() == async_nats::connection::State::Connected
    }
}

async fn connect_options(
    options: &JetStreamOptions,
    name: &str,
    turn: watch::Sender<u64>,
) -> Result<ConnectOptions, JournalError> {
    let mut connect = ConnectOptions::new()
        .name(name)
        .connection_timeout(CONNECT_WITHIN)
        .request_timeout(Some(ANSWER_WITHIN))
        .ping_interval(PING_EVERY)
        .max_reconnects(None)
        .reconnect_delay_callback(|attempts| {
            let doublings = u32::try_from(attempts).unwrap_or(u32::MAX).min(10);
            FIRST_PAUSE
                .saturating_mul(2_u32.saturating_pow(doublings))
                .min(LONGEST_PAUSE)
        })
        .event_callback(move |event| {
            match &event {
                Event::Connected | Event::Disconnected | Event::SlowConsumer(_) => {
                    turn.send_modify(|count| *count = count.wrapping_add(1));
                }
                Event::LameDuckMode
                | Event::Draining
                | Event::Closed
                | Event::ServerError(_)
                | Event::ClientError(_) => {}
            }
            match event {
                Event::Connected => tracing::info!("connected to NATS"),
                Event::Draining | Event::Closed => tracing::debug!(%event, "NATS"),
                other => tracing::warn!(event = %other, "NATS"),
            }
            std::future::ready(())
        });
    if let Some(path) = &options.credentials {
        connect = connect
            .credentials_file(path)
            .await
            .map_err(|error| unreadable(path, &error))?;
    }
    if let Some(path) = &options.nkey {
        let seed = tokio::fs::read_to_string(path)
            .await
            .map_err(|error| unreadable(path, &error))?;
        connect = connect.nkey(seed.trim().to_owned());
    }
    if let Some(Secret(token)) = &options.token {
        connect = connect.token(token.clone());
    }
    if let Some(path) = &options.ca {
        connect = connect.add_root_certificates(path.clone());
    }
    Ok(connect)
}

fn refused(reason: String) -> JournalError {
    JournalError::Broker {
        action: "be connected to",
        reason,
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> JournalError {
    JournalError::Io {
        action: "read",
        path: path.to_owned(),
        source: std::io::Error::new(error.kind(), error.to_string()),
    }
}
