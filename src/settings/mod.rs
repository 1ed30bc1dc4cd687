//! The settings: every key of `config/default.toml`, checked and typed.
//!
//! A flag overrides the environment, the environment overrides `--config FILE`, and the file
//! overrides the defaults, which are part of the binary.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

mod error;
mod file;
mod given;
mod http;
mod layers;
mod live;
mod nats;
mod secret;
mod sources;
mod values;
mod views;

pub use error::SettingsError;
pub use given::{Given, layers, variables};
pub use http::HttpSettings;
pub use layers::{Layers, SettingEntry, SettingSource};
pub use live::LiveSettings;
pub use nats::{ContextError, NatsSettings};
pub use secret::{SecretText, is_secret};
pub use sources::{
    BackoffSettings, BlueskySettings, JetstreamProtocol, MastodonSettings, MastodonStream,
    SourcesSettings, XSettings,
};
pub use views::{SpikeLimits, TextSettings};

use crate::telemetry::LogFormat;

const MIB: u64 = 1024 * 1024;

/// The defaults: every key with its comment and unit.
pub const DEFAULTS: &str = include_str!("../../config/default.toml");

/// All settings in force.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address that serves HTTP.
    pub listen: SocketAddr,
    /// The folder of journal, views and rejected log.
    pub data: PathBuf,
    /// Level, filter and format of the log.
    pub log: LogSettings,
    /// Limits and times of the HTTP server.
    pub http: HttpSettings,
    /// Limits of scans.
    pub query: QuerySettings,
    /// The embedded journal.
    pub journal: JournalSettings,
    /// Limits and times of keywords.
    pub keywords: KeywordSettings,
    /// When a shard commits.
    pub commit: CommitSettings,
    /// How events are folded.
    pub fold: FoldSettings,
    /// How texts are analysed.
    pub text: TextSettings,
    /// What makes a spike.
    pub spikes: SpikeLimits,
    /// The store of the views.
    pub store: StoreSettings,
    /// Limits and times of live clients.
    pub live: LiveSettings,
    /// The collectors of posts.
    pub sources: SourcesSettings,
    /// The journal in NATS JetStream; `None` when it is embedded.
    pub nats: Option<NatsSettings>,
}

/// Level, filter and format of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// A level or a filter in the syntax of `tracing_subscriber::EnvFilter`.
    pub level: String,
    /// The format of log lines.
    pub format: LogFormat,
}

/// Limits of scans: queries that may read many rows.
#[derive(Debug, Clone, Copy)]
pub struct QuerySettings {
    /// Maximum number of running scans; 0: twice the number of cores.
    pub workers: usize,
    /// Maximum number of waiting scans.
    pub waiting: usize,
}

/// The embedded journal.
#[derive(Debug, Clone, Copy)]
pub struct JournalSettings {
    /// Size at which a segment is closed, in bytes.
    pub segment_bytes: u64,
}

/// Limits and times of keywords.
#[derive(Debug, Clone, Copy)]
pub struct KeywordSettings {
    /// Maximum number of tracked keywords. From this number on, requests to track new keywords are
    /// refused.
    pub max: usize,
    /// Maximum number of texts of rules over all keywords. Requests that exceed it are refused.
    pub max_rule_texts: usize,
    /// Maximum number of keywords with their state in memory. Beyond this number the state of the
    /// keyword unused for longest leaves memory. Minimum: 2.
    pub resident: usize,
    /// Whether a tweet posted with a keyword that was never tracked makes the keyword tracked.
    pub auto_track: bool,
    /// Time without an event after which the state of a keyword leaves memory.
    pub idle: Duration,
}

/// When a shard commits: at the limit that is reached first.
#[derive(Debug, Clone, Copy)]
pub struct CommitSettings {
    /// Number of folded events after which a shard commits.
    pub events: u64,
    /// Time after which a shard commits, even with fewer events.
    pub interval: Duration,
}

/// How events are folded.
#[derive(Debug, Clone, Copy)]
pub struct FoldSettings {
    /// Maximum number of events per batch.
    pub batch_events: usize,
}

/// The store of the views.
#[derive(Debug, Clone, Copy)]
pub struct StoreSettings {
    /// Size of the store's cache, in bytes.
    pub cache_bytes: u64,
}

impl Settings {
    /// Reads and checks every key.
    ///
    /// # Errors
    /// [`SettingsError`], which names the key, the value, and the source of the value.
    pub fn from_layers(layers: &Layers) -> Result<Self, SettingsError> {
        Ok(Self {
            listen: layers.address("listen")?,
            data: Path::new(layers.text("data")?).to_owned(),
            log: LogSettings {
                level: layers.text("log.level")?.to_owned(),
                format: layers.choice(
                    "log.format",
                    &[("pretty", LogFormat::Pretty), ("json", LogFormat::Json)],
                )?,
            },
            http: HttpSettings::from_layers(layers)?,
            query: QuerySettings {
                workers: size(layers.whole("query.workers", 0..=1024)?),
                waiting: size(layers.whole("query.waiting", 0..=1_000_000)?),
            },
            journal: JournalSettings {
                segment_bytes: layers.whole("journal.segment_bytes", MIB..=1024 * MIB)?,
            },
            keywords: KeywordSettings {
                max: size(layers.whole("keywords.max", 1..=10_000_000)?),
                max_rule_texts: size(layers.whole("keywords.max_rule_texts", 0..=10_000_000)?),
                resident: size(layers.whole("keywords.resident", 2..=10_000_000)?),
                auto_track: layers.switch("keywords.auto_track")?,
                idle: layers
                    .whole("keywords.idle_seconds", 1..=31_536_000)
                    .map(Duration::from_secs)?,
            },
            commit: CommitSettings {
                events: layers.whole("commit.events", 1..=10_000_000)?,
                interval: millis(layers, "commit.interval_ms", 1..=3_600_000)?,
            },
            fold: FoldSettings {
                batch_events: size(layers.whole("fold.batch_events", 1..=1_000_000)?),
            },
            text: TextSettings::from_layers(layers)?,
            spikes: SpikeLimits::from_layers(layers)?,
            store: StoreSettings {
                cache_bytes: layers.whole("store.cache_bytes", MIB..=1024 * 1024 * MIB)?,
            },
            live: LiveSettings::from_layers(layers)?,
            sources: SourcesSettings::from_layers(layers)?,
            nats: nats::read(layers)?,
        })
    }
}

fn millis(
    layers: &Layers,
    key: &str,
    allowed: RangeInclusive<u64>,
) -> Result<Duration, SettingsError> {
    layers.whole(key, allowed).map(Duration::from_millis)
}

/// A checked number as `u32`; the maximum of every count fits.
fn count(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// A checked number as `usize`; the maximum of every size fits.
fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(given: &Given, variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Settings::from_layers(&layers(given, variables)?)
    }

    fn flag(key: &str, text: &str) -> (String, String, String) {
        ("--set".into(), key.into(), text.into())
    }

    fn file(text: &str) -> (tempfile::TempDir, Given) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tidings.toml");
        std::fs::write(&path, text).unwrap();
        let given = Given {
            file: Some(path),
            flags: Vec::new(),
        };
        (folder, given)
    }

    #[test]
    fn defaults_match_the_specification() {
        let settings = read(&Given::default(), &[]).unwrap();
        assert_eq!(settings.listen.to_string(), "127.0.0.1:4820");
        assert_eq!(settings.data, Path::new("./data"));
        assert_eq!(settings.keywords.max, 100_000);
        assert_eq!(settings.keywords.max_rule_texts, 200_000);
        assert_eq!(settings.keywords.resident, 20_000);
        assert!(settings.keywords.auto_track);
        assert_eq!(settings.http.header_timeout, Duration::from_secs(10));
        assert_eq!(settings.http.metrics_listen, None);
    }

    #[test]
    fn flags_override_variables_override_the_file_override_the_defaults() {
        let (_folder, mut given) =
            file("listen = \"127.0.0.1:1\"\n[commit]\nevents = 1\ninterval_ms = 11\n");
        let variables = [
            ("TIDINGS_LISTEN", "127.0.0.1:2"),
            ("TIDINGS_COMMIT__EVENTS", "2"),
        ];
        given.flags.push(flag("commit.events", "3"));
        let settings = read(&given, &variables).unwrap();
        assert_eq!(settings.commit.events, 3);
        assert_eq!(settings.listen.port(), 2);
        assert_eq!(settings.commit.interval, Duration::from_millis(11));
        assert_eq!(settings.fold.batch_events, 32_768);
    }

    #[test]
    fn lists_and_switches_can_be_written_in_the_environment() {
        let variables = [
            ("TIDINGS_HTTP__HOSTS", "a.example, b.example"),
            ("TIDINGS_KEYWORDS__AUTO_TRACK", "false"),
            ("TIDINGS_STORE__CACHE_BYTES", "1_048_576"),
            ("PATH", "/nowhere"),
        ];
        let settings = read(&Given::default(), &variables).unwrap();
        assert_eq!(settings.http.hosts, ["a.example", "b.example"]);
        assert!(!settings.keywords.auto_track);
        assert_eq!(settings.store.cache_bytes, 1_048_576);
    }

    #[test]
    fn user_words_are_bounded_in_number_and_length() {
        let words = |words: &[&str]| {
            let (_folder, given) = file(&format!("[text]\nuser_words = {words:?}\n"));
            read(&given, &[]).map(|settings| settings.text.user_words)
        };
        let longest = "가".repeat(64);
        assert_eq!(
            words(&["갤럭시 S25", &longest]).unwrap(),
            ["갤럭시 S25", &longest]
        );
        let too_long = "가".repeat(65);
        for wrong in [&["a", " "][..], &["a", &too_long], &["a"; 10_001]] {
            let text = words(wrong).unwrap_err().to_string();
            let right = "a list of at most 10000 texts of 1 to 64 characters";
            assert!(text.contains(right), "{text}");
            assert!(text.contains("text.user_words"), "{text}");
        }
    }

    #[test]
    fn renamed_key_is_refused_with_its_new_name() {
        let old = concat!("live.", "flush");
        let given = Given {
            flags: vec![flag(old, "5")],
            ..Given::default()
        };
        let text = read(&given, &[]).unwrap_err().to_string();
        assert!(text.contains(old), "{text}");
        assert!(text.contains("did you mean \"live.flush_ms\"?"), "{text}");
    }

    #[test]
    fn unknown_key_is_refused_with_the_nearest_known_key() {
        let error = read(&Given::default(), &[("TIDINGS_LISTN", "x")]).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("TIDINGS_LISTN") && text.contains("TIDINGS_LISTEN?"),
            "{text}"
        );

        let (_folder, given) = file("[commit]\nevent = 1\n");
        let text = read(&given, &[]).unwrap_err().to_string();
        assert!(
            text.contains("tidings.toml") && text.contains("\"commit.events\"?"),
            "{text}"
        );

        let (_folder, given) = file("[commits]\n");
        let text = read(&given, &[]).unwrap_err().to_string();
        assert!(text.contains("\"commits\""), "{text}");

        let given = Given {
            file: None,
            flags: vec![flag("zzzzzzzzzzzz", "1")],
        };
        let text = read(&given, &[]).unwrap_err().to_string();
        assert!(text.contains("config show"), "{text}");
    }

    #[test]
    fn every_key_refuses_a_wrong_type_with_its_name_and_source() {
        let defaults = Layers::of_defaults(DEFAULTS).unwrap();
        for (key, _) in defaults.entries() {
            let wrong = match key.rsplit_once('.') {
                Some((section, key)) => format!("[{section}]\n{key} = [1.5]\n"),
                None => format!("{key} = [1.5]\n"),
            };
            let (_folder, given) = file(&wrong);
            let error = read(&given, &[]).expect_err(key);
            let text = error.to_string();
            assert!(
                matches!(error, SettingsError::Invalid { .. }),
                "{key}: {text}"
            );
            let found = if is_secret(key) { "secret" } else { "1.5" };
            for part in [key, found, "tidings.toml"] {
                assert!(text.contains(part), "{part} is not in {text}");
            }
        }
    }

    #[test]
    fn values_out_of_range_or_of_wrong_form_are_refused() {
        for (variable, value, right) in [
            ("TIDINGS_LISTEN", "4820", "an IP address and a port"),
            ("TIDINGS_LISTEN", "127.0.0.1", "an IP address and a port"),
            ("TIDINGS_COMMIT__EVENTS", "0", "a whole number from 1"),
            ("TIDINGS_COMMIT__EVENTS", "-5", "a whole number from 1"),
            ("TIDINGS_COMMIT__EVENTS", "many", "a whole number from 1"),
            ("TIDINGS_SPIKES__THRESHOLD", "3", "a whole number from 4"),
            ("TIDINGS_SPIKES__MINIMUM", "3", "a whole number from 4"),
            ("TIDINGS_LOG__FORMAT", "xml", "\"pretty\" or \"json\""),
            ("TIDINGS_KEYWORDS__AUTO_TRACK", "yes", "true or false"),
        ] {
            let text = read(&Given::default(), &[(variable, value)])
                .unwrap_err()
                .to_string();
            assert!(text.contains(right) && text.contains(variable), "{text}");
        }
    }

    #[test]
    fn secret_of_a_source_is_refused_as_a_flag_and_never_shown() {
        let given = Given {
            flags: vec![flag("sources.x.token", "s3cret")],
            ..Given::default()
        };
        let text = read(&given, &[]).unwrap_err().to_string();
        assert!(text.contains("TIDINGS_SOURCES__X__TOKEN"), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
        let variables = [("TIDINGS_SOURCES__X__TOKEN", "s3cret")];
        let settings = read(&Given::default(), &variables).unwrap();
        assert!(!format!("{settings:?}").contains("s3cret"));
        assert_eq!(settings.sources.x.token.unwrap().reveal(), "s3cret");
        let (_folder, given) = file("[sources.x]\ntoken = [\"s3cret\"]\n");
        let text = read(&given, &[]).unwrap_err().to_string();
        assert!(!text.contains("s3cret"), "{text}");
    }

    #[test]
    fn settings_of_sources_have_the_defaults_of_the_specification() {
        let sources = read(&Given::default(), &[]).unwrap().sources;
        assert_eq!(
            (sources.x.price_post, sources.x.price_user),
            (5_000, 10_000)
        );
        assert_eq!(sources.x.url, "https://api.x.com");
        assert_eq!(sources.bluesky.urls.len(), 4);
        assert_eq!(sources.mastodon.url, None);
        let variables = [("TIDINGS_SOURCES__X__MONTH_USD", "12.5")];
        let sources = read(&Given::default(), &variables).unwrap().sources;
        assert_eq!(sources.x.month_usd, 12_500_000);
        let wrong = [("TIDINGS_SOURCES__X__URL", "api.x.com")];
        let text = read(&Given::default(), &wrong).unwrap_err().to_string();
        assert!(text.contains("https://host:port"), "{text}");
    }

    #[test]
    fn a_nats_address_makes_the_journal_jetstream() {
        assert!(read(&Given::default(), &[]).unwrap().nats.is_none());
        let variables = [
            (
                "TIDINGS_NATS__URL",
                "nats://127.0.0.1:4222, nats://127.0.0.1:4223",
            ),
            ("TIDINGS_NATS__TOKEN", "s3cret"),
            ("TIDINGS_NATS__REPLICAS", "3"),
        ];
        let nats = read(&Given::default(), &variables).unwrap().nats.unwrap();
        assert_eq!(
            nats.urls,
            ["nats://127.0.0.1:4222", "nats://127.0.0.1:4223"]
        );
        assert_eq!((nats.replicas, nats.creds.clone()), (Some(3), None));
        assert!(!format!("{nats:?}").contains("s3cret"));
        let variables = [("TIDINGS_NATS__CONTEXT", "here")];
        let nats = read(&Given::default(), &variables).unwrap().nats.unwrap();
        assert_eq!(nats.context.as_deref(), Some("here"));
    }
}
