//! Where NATS is, who we are to it, and how a lost connection is found again.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::ContextBuilder;
use async_nats::jetstream::context::Context;
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event, ServerAddr};
use percent_encoding::percent_decode_str;
use tokio::sync::watch;
use tokio::time::Instant;

use super::pipeline::Pipeline;
use crate::journal::JournalError;
use crate::telemetry::{log_throttled, whole};

/// How long an answer may take. One that was lost with its connection must not hold up reading
/// much longer than that.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// How long an acknowledgement may take.
const ACKNOWLEDGE_WITHIN: Duration = Duration::from_secs(5);
/// Acknowledgements that are waited for at a time.
pub(super) const MAX_ACKS_IN_FLIGHT: usize = 4_096;
/// How often the server is asked for a sign of life; two missing ones end the connection.
const PING_EVERY: Duration = Duration::from_secs(3);
/// How long one attempt to connect may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// Pauses between attempts to connect again: short, since folding has to go on soon after the
/// server is back.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How often a connection that still stands is made again, at most.
const RENEW_EVERY: Duration = Duration::from_secs(3);
/// A connection over which questions are not answered for so long is made again, though something
/// is heard over it.
const USELESS_AFTER: Duration = Duration::from_secs(15);

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
    /// A user and a password, where they don't stand in the URL.
    pub user: Option<(String, Secret)>,
    /// A PEM file of the authorities that may sign the server's certificate.
    pub ca: Option<PathBuf>,
    /// PEM files of our own certificate and its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Whether TLS begins before the server says anything.
    pub tls_first: bool,
    /// What answers are addressed to begins with; `None`: `_INBOX`.
    pub inbox_prefix: Option<String>,
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
            user: None,
            ca: None,
            certificate: None,
            tls_first: false,
            inbox_prefix: None,
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
    health: Arc<Mutex<LinkHealth>>,
}

/// What is known of a connection besides that it stands.
#[derive(Debug, Default)]
struct LinkHealth {
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
    /// [`JournalError::Broker`] when nobody answers in time, or the answer is no.
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
            tracing::warn!(count, "NATS does not answer; connecting to it anew");
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

/// Who a URL says that we are: a user and a password, or a token.
fn identity_in(url: &str) -> Option<(String, Option<String>)> {
    let url = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (identity, _) = url.rsplit_once('@')?;
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    Some(match identity.split_once(':') {
        Some((user, password)) => (decoded(user), Some(decoded(password))),
        None => (decoded(identity), None),
    })
}

/// URLs for people to see, with commas between them.
pub fn without_passwords(urls: &[String]) -> String {
    let shown: Vec<_> = urls
        .iter()
        .map(|url| match (url.split_once("://"), url.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{host}"),
            (None, Some((_, host))) => format!("…@{host}"),
            (_, None) => url.clone(),
        })
        .collect();
    shown.join(",")
}

async fn connect_options(
    options: &JetStreamOptions,
    name: &str,
    (turn, health): (watch::Sender<u64>, Arc<Mutex<LinkHealth>>),
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
                Event::ServerError(error) => {
                    lock(&health).complaint = Some(error.to_string());
                }
                Event::LameDuckMode | Event::Draining | Event::Closed | Event::ClientError(_) => {}
            }
            match event {
                Event::Connected => tracing::info!("connected to NATS"),
                Event::Draining | Event::Closed => tracing::debug!(%event, "NATS"),
                other => log_throttled(log_cause(&other), move |count| {
                    tracing::warn!(event = %other, count, "NATS");
                }),
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
    let in_url = options.urls.iter().find_map(|url| identity_in(url));
    match in_url {
        // The client itself passes over what stands there.
        Some((token, None)) => connect = connect.token(token),
        Some((user, Some(password))) => connect = connect.user_and_password(user, password),
        None => {}
    }
    if let Some((user, Secret(password))) = &options.user {
        connect = connect.user_and_password(user.clone(), password.clone());
    }
    if let Some(path) = &options.ca {
        connect = connect
            .add_root_certificates(path.clone())
            .require_tls(true);
    }
    if let Some((certificate, key)) = &options.certificate {
        connect = connect.add_client_certificate(certificate.clone(), key.clone());
    }
    if options.tls_first {
        connect = connect.tls_first();
    }
    if let Some(prefix) = &options.inbox_prefix {
        connect = connect.custom_inbox_prefix(prefix);
    }
    Ok(connect)
}

fn lock(health: &Mutex<LinkHealth>) -> MutexGuard<'_, LinkHealth> {
    health.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What tells the log lines about an event from others'.
const fn log_cause(event: &Event) -> &'static str {
    match event {
        Event::ServerError(_) => "nats-server-error",
        Event::ClientError(_) => "nats-client-error",
        Event::SlowConsumer(_) => "nats-slow-consumer",
        Event::Disconnected => "nats-disconnected",
        _ => "nats-event",
    }
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

    #[test]
    fn url_may_contain_credentials() {
        let both = |user: &str, password: &str| Some((user.to_owned(), Some(password.to_owned())));
        assert_eq!(identity_in("nats://u:p@a:1"), both("u", "p"));
        assert_eq!(identity_in("u:p%40%3A@a:1"), both("u", "p@:"));
        assert_eq!(identity_in("tls://t@a:1"), Some(("t".into(), None)));
        assert_eq!(identity_in("nats://a:1"), None);
    }

    #[test]
    fn passwords_and_tokens_in_urls_are_not_shown() {
        let urls = ["nats://u:p@a:1", "nats://t@b:2", "c:3", "u:p@d:4"].map(str::to_owned);
        assert_eq!(
            without_passwords(&urls),
            "nats://…@a:1,nats://…@b:2,c:3,…@d:4"
        );
    }
}
