//! How the settings set up the parts.

use std::path::Path;

use crate::actors::engine::{self, Clock, ShardOptions};
use crate::actors::live::LiveOptions;
use crate::http::{BodyTimes, Hosts, HostsError, HttpOptions, LiveLimits, QueryLimits};
use crate::journal::{EmbeddedOptions, JetStreamOptions, Secret};
use crate::settings::{NatsSettings, Settings, SettingsError};

/// How the engine is set up.
pub(crate) fn engine_options(settings: &Settings, data: &Path) -> engine::Options {
    engine::Options {
        data: data.to_owned(),
        cache_bytes: settings.store.cache_bytes,
        batch_records: settings.fold.batch_events,
        keywords_max: settings.keywords.max,
        keywords_resident: settings.keywords.resident,
        shard: ShardOptions {
            commit_events: settings.commit.events,
            commit_interval: settings.commit.interval,
            idle: settings.keywords.idle,
        },
        clock: Clock::system(),
    }
}

/// How the embedded journal is set up.
pub(super) fn embedded_options(settings: &Settings) -> EmbeddedOptions {
    EmbeddedOptions {
        segment_bytes: settings.journal.segment_bytes,
        ..EmbeddedOptions::default()
    }
}

/// How JetStream is reached.
///
/// # Errors
/// [`SettingsError`] when a NATS context is named that cannot be read.
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
        ..JetStreamOptions::default()
    })
}

/// How live sessions are set up.
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

/// How HTTP is set up.
pub(super) fn http_options(settings: &Settings) -> Result<HttpOptions, HostsError> {
    Ok(HttpOptions {
        hosts: Hosts::new(&settings.http.hosts)?,
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
