//! Maps the settings to the options of each part.

use std::path::Path;
use std::sync::Arc;

use super::AppError;
use super::data_folder::DataFolder;
use super::listen::connections_within;
use crate::actors::engine::{self, ShardOptions};
use crate::actors::live::LiveOptions;
use crate::events::{Clock, Timestamp};
use crate::http::{BodyTimes, Files, Hosts, HttpOptions, LiveLimits, QueryLimits, ServerLimits};
use crate::journal::{EmbeddedOptions, JetStreamOptions, Secret};
use crate::projections::FoldContext;
use crate::projections::spikes::SpikeSettings;
use crate::projections::statistics::Decimal;
use crate::settings::{NatsSettings, Settings, SettingsError};
use crate::sources::{FolderReports, KvReports, ReportStore, SourceReports};
use crate::text::AnalyserSettings;

/// The options of the engine.
pub(crate) fn engine_options(settings: &Settings, data: &Path) -> engine::Options {
    engine::Options {
        data: data.to_owned(),
        cache_bytes: settings.store.cache_bytes,
        fold: fold_context(settings),
        batch_records: settings.fold.batch_events,
        keywords_max: settings.keywords.max,
        rule_texts_max: settings.keywords.max_rule_texts,
        keywords_resident: settings.keywords.resident,
        shard: ShardOptions {
            commit_events: settings.commit.events,
            commit_interval: settings.commit.interval,
            idle: settings.keywords.idle,
        },
        clock: Clock::of(Timestamp::now),
    }
}

/// The fold, with the settings of texts and spikes.
pub(crate) fn fold_context(settings: &Settings) -> FoldContext {
    let texts = AnalyserSettings {
        user_words: settings.text.user_words.clone(),
    };
    let spikes = SpikeSettings {
        threshold: Decimal::of_units(i64::from(settings.spikes.threshold).saturating_mul(1_000)),
        minimum: settings.spikes.minimum,
        ..SpikeSettings::default()
    };
    FoldContext::new(&texts, spikes)
}

/// The options of the embedded journal.
pub(super) fn embedded_options(settings: &Settings) -> EmbeddedOptions {
    EmbeddedOptions {
        segment_bytes: settings.journal.segment_bytes,
        ..EmbeddedOptions::default()
    }
}

/// The options of the connection to JetStream.
///
/// # Errors
/// [`SettingsError`] when the named NATS context cannot be read.
pub(crate) fn jetstream_options(nats: &NatsSettings) -> Result<JetStreamOptions, SettingsError> {
    let nats = nats.resolved()?;
    Ok(JetStreamOptions {
        urls: nats.urls,
        credentials: nats.creds,
        nkey: nats.nkey,
        token: nats.token.map(Secret::new),
        user: nats
            .user
            .map(|(user, password)| (user, Secret::new(password))),
        ca: nats.ca,
        certificate: nats.certificate,
        tls_first: nats.tls_first,
        inbox_prefix: nats.inbox_prefix,
        replicas: nats.replicas,
        ..JetStreamOptions::new(Clock::of(Timestamp::now))
    })
}

/// The options of live sessions.
pub(super) fn live_options(settings: &Settings) -> LiveOptions {
    let live = &settings.live;
    LiveOptions {
        flush: live.flush,
        sessions: live.sessions,
        subscriptions: live.subscriptions,
        slow: live.slow,
        linger: live.linger,
        ring_bytes: live.ring_bytes,
        budget: live.budget,
    }
}

/// The limits of an HTTP server when the process may have `files` open files.
pub(super) fn server_limits(settings: &Settings, files: u64) -> ServerLimits {
    ServerLimits {
        connections: connections_within(settings.http.connections, files),
        header_time: settings.http.header_timeout,
        write_idle: settings.http.write_idle_timeout,
    }
}

/// The reports of sources: in NATS, or in the data folder.
///
/// # Errors
/// [`SettingsError`] when the named NATS context cannot be read.
pub(super) fn source_reports(
    settings: &Settings,
    folder: &DataFolder,
) -> Result<SourceReports, SettingsError> {
    let store: Arc<dyn ReportStore> = match &settings.nats {
        Some(nats) => Arc::new(KvReports::new(jetstream_options(nats)?)),
        None => Arc::new(FolderReports::new(folder.source_reports())),
    };
    let clock = Clock::of(Timestamp::now);
    Ok(SourceReports::new(store, clock, settings.sources.report))
}

/// The options of HTTP.
pub(super) fn http_options(settings: &Settings) -> Result<HttpOptions, AppError> {
    Ok(HttpOptions {
        hosts: Hosts::new(&settings.http.hosts)?,
        files: Files::of(settings.http.ui_dir.as_deref())?,
        auto_track: settings.keywords.auto_track,
        body_times: BodyTimes {
            idle: settings.http.body_idle_timeout,
            whole: settings.http.body_timeout,
        },
        body_budget: settings.http.body_budget,
        answer_budget: settings.http.answer_budget,
        live: LiveLimits {
            silence: settings.live.silence,
            burst: settings.live.burst,
            rate: settings.live.rate,
        },
        queries: QueryLimits {
            workers: settings.query.workers,
            waiting: settings.query.waiting,
        },
        ..HttpOptions::default()
    })
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::*;
    use crate::settings::{Given, layers};

    /// `config/default.toml` has the defaults of a server. The types' own defaults serve other
    /// callers.
    #[test]
    fn type_defaults_equal_the_default_settings() {
        fn same(of_settings: &impl Debug, of_type: &impl Debug) {
            assert_eq!(format!("{of_settings:#?}"), format!("{of_type:#?}"));
        }
        let layers = layers(&Given::default(), []).unwrap();
        let settings = Settings::from_layers(&layers).unwrap();
        same(&live_options(&settings), &LiveOptions::default());
        same(&http_options(&settings).unwrap(), &HttpOptions::default());
        same(
            &server_limits(&settings, u64::MAX),
            &ServerLimits::default(),
        );
        same(&embedded_options(&settings), &EmbeddedOptions::default());
        assert_eq!(fold_context(&settings), FoldContext::default());
    }
}
