//! How the settings set up the parts.

use std::path::Path;

use super::listen::connections_within;
use crate::actors::engine::{self, Clock, ShardOptions};
use crate::actors::live::LiveOptions;
use crate::http::{
    BodyTimes, Hosts, HostsError, HttpOptions, LiveLimits, QueryLimits, ServerLimits,
};
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

/// How a server of HTTP is limited when the process may have `files` open files.
pub(super) fn server_limits(settings: &Settings, files: u64) -> ServerLimits {
    ServerLimits {
        connections: connections_within(settings.http.connections, files),
        header_time: settings.http.header_timeout,
        write_idle: settings.http.write_idle_timeout,
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

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::*;
    use crate::settings::{Given, layers};

    /// `config/default.toml` has the defaults of a server; those of the types are for other
    /// callers.
    #[test]
    fn types_default_to_what_the_default_settings_say() {
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
    }
}
