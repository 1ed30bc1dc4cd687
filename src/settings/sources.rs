//! The settings of sources: connections, waits, limits and secrets of the collectors.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::secret::SecretText;
use super::{Layers, SettingsError, count, millis, size};

const DAY_MS: u64 = 86_400_000;

/// The settings of all sources.
#[derive(Debug, Clone)]
pub struct SourcesSettings {
    /// Time between two looks at the tracked keywords.
    pub poll: Duration,
    /// Maximum number of records that wait while the server cannot be reached.
    pub buffer: usize,
    /// Time between two reports.
    pub report: Duration,
    /// The waits before another try.
    pub backoff: BackoffSettings,
    /// X API v2.
    pub x: XSettings,
    /// Bluesky Jetstream.
    pub bluesky: BlueskySettings,
    /// A Mastodon server.
    pub mastodon: MastodonSettings,
}

/// The waits before another try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackoffSettings {
    /// The first wait after a failure of the network, and the step by which it grows.
    pub network_step: Duration,
    /// The longest wait after a failure of the network.
    pub network_max: Duration,
    /// The first wait after an error of the source; each further one is twice as long.
    pub http_first: Duration,
    /// The longest wait after an error of the source.
    pub http_max: Duration,
    /// The first wait after a rate limit; each further one is twice as long.
    pub rate_first: Duration,
    /// The longest wait after a rate limit, unless the source names a later time.
    pub rate_max: Duration,
    /// The time for which a connection has to hold before the waits begin from the first again.
    pub steady: Duration,
}

/// X API v2.
#[derive(Debug, Clone)]
pub struct XSettings {
    /// Whether `serve` runs the collector.
    pub enabled: bool,
    /// The base URL.
    pub url: String,
    /// Whether `http:` is allowed to other hosts than the loopback.
    pub insecure: bool,
    /// The bearer token.
    pub token: Option<SecretText>,
    /// A file with the bearer token.
    pub token_file: Option<PathBuf>,
    /// Time without any byte after which the stream is given up.
    pub stall: Duration,
    /// Time without a post after which the stream is given up.
    pub quiet: Duration,
    /// Time by which a gap is extended on both sides.
    pub seam: Duration,
    /// The least age of the end of a search.
    pub lag: Duration,
    /// Whether retweets are collected.
    pub reposts: bool,
    /// A text that is appended to every rule.
    pub suffix: String,
    /// Whether Korean keywords are also asked for with particles.
    pub particles: bool,
    /// Maximum number of rules.
    pub rules_max: usize,
    /// Maximum length of a rule, in code points.
    pub rule_chars: usize,
    /// Maximum length of a query of the recent search, in code points.
    pub recent_chars: usize,
    /// Maximum length of a query of the full-archive search, in code points.
    pub archive_chars: usize,
    /// Maximum number of connects in 15 minutes.
    pub connects: u32,
    /// The price of a post, in millionths of a US dollar.
    pub price_post: u64,
    /// The price of a user, in millionths of a US dollar.
    pub price_user: u64,
    /// The most that a month may cost, in millionths of a US dollar; 0: no limit.
    pub month_usd: u64,
    /// Minutes that the stream itself can fill after a reconnect; 0 when the plan does not have it.
    pub backfill_minutes: u32,
    /// Whether the compliance streams are read.
    pub compliance: bool,
    /// Time between two refreshes of metrics; zero: off.
    pub refresh: Duration,
}

/// Bluesky Jetstream.
#[derive(Debug, Clone)]
pub struct BlueskySettings {
    /// Whether `serve` runs the collector.
    pub enabled: bool,
    /// The addresses of Jetstream servers, tried in order.
    pub urls: Vec<String>,
    /// Whether `ws:` and `http:` are allowed to other hosts than the loopback.
    pub insecure: bool,
    /// The base URL of profiles and posts.
    pub appview: String,
    /// The base URL of the account's server, for searches.
    pub pds: String,
    /// The handle for searches.
    pub handle: Option<String>,
    /// The (app) password for searches.
    pub password: Option<SecretText>,
    /// A file with the password.
    pub password_file: Option<PathBuf>,
    /// Time without any byte after which the stream is given up.
    pub stall: Duration,
    /// Time by which a cursor is set back at a reconnect.
    pub rewind: Duration,
    /// Time for which Jetstream keeps events.
    pub lookback: Duration,
    /// The version of the protocol.
    pub protocol: JetstreamProtocol,
    /// Time between two refreshes of metrics; zero: off.
    pub refresh: Duration,
}

/// The versions of Jetstream's protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JetstreamProtocol {
    /// `/subscribe`.
    V1,
    /// `/xrpc/network.bsky.jetstream.subscribeEvents`.
    V2,
}

/// A Mastodon server.
#[derive(Debug, Clone)]
pub struct MastodonSettings {
    /// Whether `serve` runs the collector.
    pub enabled: bool,
    /// The base URL of the server; `None` when it is not configured.
    pub url: Option<String>,
    /// Whether `http:` is allowed to other hosts than the loopback.
    pub insecure: bool,
    /// A user token with the scope `read:statuses`.
    pub token: Option<SecretText>,
    /// A file with the token.
    pub token_file: Option<PathBuf>,
    /// Which timeline is read.
    pub stream: MastodonStream,
    /// The base URL of streams; `None`: the server is asked for it.
    pub streaming_url: Option<String>,
    /// Time without any byte after which the stream is given up.
    pub stall: Duration,
    /// Time by which a gap is extended to the past, for statuses that arrived late.
    pub overlap: Duration,
    /// Time between two refreshes of metrics; zero: off.
    pub refresh: Duration,
}

/// The timelines of a Mastodon server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MastodonStream {
    /// All public statuses that the server knows.
    Public,
    /// Those of its own users.
    Local,
    /// Those of other servers.
    Remote,
    /// One stream for each keyword, as a hashtag.
    Hashtag,
}

impl SourcesSettings {
    pub(super) fn from_layers(layers: &Layers) -> Result<Self, SettingsError> {
        let wait = |key| millis(layers, key, 1..=DAY_MS);
        Ok(Self {
            poll: millis(layers, "sources.poll_ms", 50..=3_600_000)?,
            buffer: size(layers.whole("sources.buffer", 1..=1_000_000)?),
            report: millis(layers, "sources.report_ms", 50..=3_600_000)?,
            backoff: BackoffSettings {
                network_step: wait("sources.backoff.network_step_ms")?,
                network_max: wait("sources.backoff.network_max_ms")?,
                http_first: wait("sources.backoff.http_first_ms")?,
                http_max: wait("sources.backoff.http_max_ms")?,
                rate_first: wait("sources.backoff.rate_first_ms")?,
                rate_max: wait("sources.backoff.rate_max_ms")?,
                steady: wait("sources.backoff.steady_ms")?,
            },
            x: XSettings::from_layers(layers)?,
            bluesky: BlueskySettings::from_layers(layers)?,
            mastodon: MastodonSettings::from_layers(layers)?,
        })
    }
}

impl XSettings {
    fn from_layers(layers: &Layers) -> Result<Self, SettingsError> {
        let time = |key| millis(layers, key, 0..=DAY_MS);
        let stall = |key| millis(layers, key, 100..=DAY_MS);
        let number = |key| layers.whole(key, 16..=1_000_000).map(size);
        Ok(Self {
            enabled: layers.switch("sources.x.enabled")?,
            url: base_url(layers, "sources.x.url", HTTP)?.unwrap_or_default(),
            insecure: layers.switch("sources.x.insecure")?,
            token: secret(layers, "sources.x.token")?,
            token_file: file(layers, "sources.x.token_file")?,
            stall: stall("sources.x.stall_ms")?,
            quiet: stall("sources.x.quiet_ms")?,
            seam: time("sources.x.seam_ms")?,
            lag: time("sources.x.lag_ms")?,
            reposts: layers.switch("sources.x.reposts")?,
            suffix: layers.text("sources.x.suffix")?.trim().to_owned(),
            particles: layers.switch("sources.x.particles")?,
            rules_max: size(layers.whole("sources.x.rules_max", 1..=100_000)?),
            rule_chars: number("sources.x.rule_chars")?,
            recent_chars: number("sources.x.recent_chars")?,
            archive_chars: number("sources.x.archive_chars")?,
            connects: count(layers.whole("sources.x.connects", 1..=10_000)?),
            price_post: layers.millionths("sources.x.price_post")?,
            price_user: layers.millionths("sources.x.price_user")?,
            month_usd: layers.millionths("sources.x.month_usd")?,
            backfill_minutes: count(layers.whole("sources.x.backfill_minutes", 0..=5)?),
            compliance: layers.switch("sources.x.compliance")?,
            refresh: minutes(layers, "sources.x.refresh_minutes")?,
        })
    }
}

impl BlueskySettings {
    fn from_layers(layers: &Layers) -> Result<Self, SettingsError> {
        let hours = layers.whole("sources.bluesky.lookback_hours", 0..=8_760)?;
        Ok(Self {
            enabled: layers.switch("sources.bluesky.enabled")?,
            urls: base_urls(layers, "sources.bluesky.url", WEB_SOCKET)?,
            insecure: layers.switch("sources.bluesky.insecure")?,
            appview: base_url(layers, "sources.bluesky.appview", HTTP)?.unwrap_or_default(),
            pds: base_url(layers, "sources.bluesky.pds", HTTP)?.unwrap_or_default(),
            handle: layers
                .optional_text("sources.bluesky.handle")?
                .map(str::to_owned),
            password: secret(layers, "sources.bluesky.password")?,
            password_file: file(layers, "sources.bluesky.password_file")?,
            stall: millis(layers, "sources.bluesky.stall_ms", 100..=DAY_MS)?,
            rewind: millis(layers, "sources.bluesky.rewind_ms", 0..=DAY_MS)?,
            lookback: Duration::from_secs(hours.saturating_mul(3_600)),
            protocol: layers.choice(
                "sources.bluesky.protocol",
                &[("v1", JetstreamProtocol::V1), ("v2", JetstreamProtocol::V2)],
            )?,
            refresh: minutes(layers, "sources.bluesky.refresh_minutes")?,
        })
    }
}

impl MastodonSettings {
    fn from_layers(layers: &Layers) -> Result<Self, SettingsError> {
        Ok(Self {
            enabled: layers.switch("sources.mastodon.enabled")?,
            url: base_url(layers, "sources.mastodon.url", HTTP)?,
            insecure: layers.switch("sources.mastodon.insecure")?,
            token: secret(layers, "sources.mastodon.token")?,
            token_file: file(layers, "sources.mastodon.token_file")?,
            stream: layers.choice(
                "sources.mastodon.stream",
                &[
                    ("public", MastodonStream::Public),
                    ("public:local", MastodonStream::Local),
                    ("public:remote", MastodonStream::Remote),
                    ("hashtag", MastodonStream::Hashtag),
                ],
            )?,
            streaming_url: base_url(
                layers,
                "sources.mastodon.streaming_url",
                &["http", "https", "ws", "wss"],
            )?,
            stall: millis(layers, "sources.mastodon.stall_ms", 100..=DAY_MS)?,
            overlap: millis(layers, "sources.mastodon.overlap_ms", 0..=DAY_MS)?,
            refresh: minutes(layers, "sources.mastodon.refresh_minutes")?,
        })
    }
}

const HTTP: &[&str] = &["http", "https"];
const WEB_SOCKET: &[&str] = &["ws", "wss"];

fn minutes(layers: &Layers, key: &str) -> Result<Duration, SettingsError> {
    let minutes = layers.whole(key, 0..=10_080)?;
    Ok(Duration::from_secs(minutes.saturating_mul(60)))
}

fn secret(layers: &Layers, key: &str) -> Result<Option<SecretText>, SettingsError> {
    Ok(layers.optional_text(key)?.map(SecretText::new))
}

fn file(layers: &Layers, key: &str) -> Result<Option<PathBuf>, SettingsError> {
    Ok(layers
        .optional_text(key)?
        .map(|path| Path::new(path).to_owned()))
}

/// A base URL without a slash at its end; `None` when it is empty. The schema and the host are
/// checked; whether a plain one is allowed is checked when the source is built.
fn base_url(layers: &Layers, key: &str, schemes: &[&str]) -> Result<Option<String>, SettingsError> {
    Ok(base_urls(layers, key, schemes)?.into_iter().next())
}

fn base_urls(layers: &Layers, key: &str, schemes: &[&str]) -> Result<Vec<String>, SettingsError> {
    let right = format!(
        "an address such as {}://host:port",
        schemes.last().copied().unwrap_or("https")
    );
    layers.checked_text(key, &right, |text| {
        let urls = text.split(',').map(|url| url.trim().trim_end_matches('/'));
        urls.filter(|url| !url.is_empty())
            .map(|url| {
                let parsed = reqwest::Url::parse(url).ok()?;
                let fits = schemes.contains(&parsed.scheme()) && parsed.has_host();
                fits.then(|| url.to_owned())
            })
            .collect()
    })
}
