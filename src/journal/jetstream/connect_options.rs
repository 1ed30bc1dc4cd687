//! Options of the connection to NATS: servers, identity and TLS, converted for the client library.
//!
//! In: [`JetStreamOptions`] from the settings. Out: the options of the client library, and log
//! lines for the events of a connection.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::{ConnectOptions, Event};
use percent_encoding::percent_decode_str;
use tokio::sync::watch;

use super::connection::{ANSWER_WITHIN, FIRST_PAUSE, LONGEST_PAUSE, LinkHealth, lock};
use crate::events::Clock;
use crate::journal::JournalError;
use crate::telemetry::log_throttled;

/// Maximum duration of one attempt to connect.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// Interval of pings to the server. Two missing answers end the connection.
const PING_EVERY: Duration = Duration::from_secs(3);

/// A text that is never displayed or logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

/// How to connect to NATS, and how its streams are kept.
#[derive(Debug, Clone)]
pub struct JetStreamOptions {
    /// URLs of the servers of one cluster, such as `nats://127.0.0.1:4222`. One reachable server is
    /// enough.
    pub urls: Vec<String>,
    /// A credentials file (user JWT and seed).
    pub credentials: Option<PathBuf>,
    /// A file with an nkey seed.
    pub nkey: Option<PathBuf>,
    /// A token.
    pub token: Option<Secret>,
    /// A user and a password, if they are not in the URL.
    pub user: Option<(String, Secret)>,
    /// A PEM file with the authorities that may sign the certificate of the server.
    pub ca: Option<PathBuf>,
    /// PEM files of the client certificate and its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Whether the TLS handshake comes before the first message of the server.
    pub tls_first: bool,
    /// Prefix of the subjects for answers. `None` means `_INBOX`.
    pub inbox_prefix: Option<String>,
    /// Number of servers that keep each stream. `None` means one for a new stream, and any number
    /// for an existing one.
    pub replicas: Option<usize>,
    /// How long a start waits for a server that cannot be reached.
    pub wait: Duration,
    /// The time at which records are published. A record that was received earlier names its
    /// `received_at` in a header.
    pub clock: Clock,
}

impl JetStreamOptions {
    /// The default options, without servers.
    pub const fn new(clock: Clock) -> Self {
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
            clock,
        }
    }
}

/// Makes the options of a connection that reports its events to `turn` and `health`.
///
/// # Errors
/// [`JournalError::Io`] when a file with credentials cannot be read.
pub(super) async fn connect_options(
    options: &JetStreamOptions,
    name: &str,
    (turn, health): (watch::Sender<u64>, Arc<Mutex<LinkHealth>>),
) -> Result<ConnectOptions, JournalError> {
    let connect = ConnectOptions::new()
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
            on_event(event, &turn, &health);
            std::future::ready(())
        });
    let connect = with_identity(connect, options).await?;
    let mut connect = with_tls(connect, options);
    if let Some(prefix) = &options.inbox_prefix {
        connect = connect.custom_inbox_prefix(prefix);
    }
    Ok(connect)
}

/// Counts changes of the connection, keeps complaints of the server, and logs the event.
fn on_event(event: Event, turn: &watch::Sender<u64>, health: &Mutex<LinkHealth>) {
    match &event {
        Event::Connected | Event::Disconnected | Event::SlowConsumer(_) => {
            turn.send_modify(|count| *count = count.wrapping_add(1));
        }
        Event::ServerError(error) => lock(health).complains(error.to_string()),
        Event::LameDuckMode | Event::Draining | Event::Closed | Event::ClientError(_) => {}
    }
    match event {
        Event::Connected => tracing::info!("connected to NATS"),
        Event::Draining | Event::Closed => tracing::debug!(%event, "NATS"),
        other => log_throttled(log_cause(&other), move |count| {
            tracing::warn!(event = %other, count, "NATS");
        }),
    }
}

/// Adds the credentials of the options. A user in the options takes precedence over one in a URL.
async fn with_identity(
    mut connect: ConnectOptions,
    options: &JetStreamOptions,
) -> Result<ConnectOptions, JournalError> {
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
    // The client library ignores an identity in a URL, so it is passed as an option.
    match options.urls.iter().find_map(|url| identity_in(url)) {
        Some((token, None)) => connect = connect.token(token),
        Some((user, Some(password))) => connect = connect.user_and_password(user, password),
        None => {}
    }
    if let Some((user, Secret(password))) = &options.user {
        connect = connect.user_and_password(user.clone(), password.clone());
    }
    Ok(connect)
}

fn with_tls(mut connect: ConnectOptions, options: &JetStreamOptions) -> ConnectOptions {
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
    connect
}

/// Reads the identity in a URL: a user and a password, or a token.
fn identity_in(url: &str) -> Option<(String, Option<String>)> {
    let url = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (identity, _) = url.rsplit_once('@')?;
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    Some(match identity.split_once(':') {
        Some((user, password)) => (decoded(user), Some(decoded(password))),
        None => (decoded(identity), None),
    })
}

/// The URLs for display, separated by commas, without passwords.
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

/// The throttling key of the log lines for an event.
const fn log_cause(event: &Event) -> &'static str {
    match event {
        Event::ServerError(_) => "nats-server-error",
        Event::ClientError(_) => "nats-client-error",
        Event::SlowConsumer(_) => "nats-slow-consumer",
        Event::Disconnected => "nats-disconnected",
        _ => "nats-event",
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
    fn credentials_in_a_url_are_read() {
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
