//! The whole running system on one data folder: journal, actors, and HTTP in front of them.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::net::{TcpListener, TcpSocket};

use super::data_folder::DataFolder;
use crate::actors::engine::{self, ShardOptions, Tidings};
use crate::actors::live::{Live, LiveOptions};
use crate::events::Timestamp;
use crate::http::{
    self, BodyTimes, Hosts, Http, HttpOptions, LiveLimits, QueryLimits, Server, ServerLimits,
};
use crate::journal::{
    Durability, EmbeddedJournal, EmbeddedOptions, JetStreamJournal, JetStreamOptions,
    JournalHandle, MicroService, Secret, StatusAnswer,
};
use crate::maintenance::{import_state, import_unfinished};
use crate::settings::{NatsSettings, Settings};
use crate::telemetry::{Metrics, whole};

/// How long requests at hand may take when the server stops.
const FINISH_REQUESTS_WITHIN: Duration = Duration::from_secs(2);

/// Open files that clients leave to the journal, the views, NATS and metrics; half of all when the
/// process may not have twice as many.
const RESERVED_FILES: u64 = 512;

/// Connections that `http.metrics_listen` serves at a time.
const METRICS_CONNECTIONS: usize = 64;

/// Connections that may wait to be accepted: after a restart all clients come at once.
const BACKLOG: u32 = 4096;

/// Everything that `serve` runs.
#[derive(Debug)]
pub(super) struct System {
    server: Server,
    metrics_server: Option<Server>,
    live: Live,
    tidings: Tidings,
    service: Option<MicroService>,
    // Given back last.
    _folder: DataFolder,
}

impl System {
    /// Starts all parts from the innermost out; HTTP answers when this returns, views may still be
    /// catching up. `serves` is set before the first answer is given: from then on the system has
    /// to be [stopped](Self::stop) in order.
    pub(super) async fn start(settings: &Settings, serves: &AtomicBool) -> anyhow::Result<Self> {
        // A wrong list of hosts is found before anything on disk is touched.
        let hosts = Hosts::new(&settings.http.hosts)?;
        let folder = DataFolder::take(&settings.data)?;
        check_clock();
        if settings.nats.is_none() && import_unfinished(&folder.journal()) {
            bail!(
                "an import into {} was cut short; finish it with `tidings journal import FILE`, or \
                remove {} to go on with the part that is there",
                folder.path().display(),
                import_state(&folder.journal()).display()
            );
        }
        // Before the journal is opened: a wrong address is found at once.
        let listener = bind(settings.listen, "listen").await?;
        let metrics_listener = match settings.http.metrics_listen {
            Some(address) => Some(bind(address, "http.metrics_listen").await?),
            None => None,
        };
        let http_options = HttpOptions {
            hosts,
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
        };
        let limits = ServerLimits {
            connections: connections_within(settings.http.connections, allow_files()),
            header_time: settings.http.header_timeout,
            write_idle: settings.http.write_idle_timeout,
        };

        let metrics = Metrics::new();
        let journal = open_journal(settings, &folder).await?;
        log_durability(journal.durability());
        let options = options(settings, folder.path());
        let tidings = Tidings::start(options, journal, metrics.clone()).await?;
        let encoder = http::json_encoder(&tidings);
        let live = tidings.go_live(encoder, live_options(settings)).await?;
        let http = Http::new(tidings.clone(), live.clone(), http_options);
        let start = |listener, router, limits| {
            Server::start(listener, router, limits, metrics.clone())
                .context("HTTP cannot be served")
        };
        serves.store(true, Ordering::Release);
        let metrics_server = metrics_listener
            .map(|listener| {
                let limits = ServerLimits {
                    connections: METRICS_CONNECTIONS.min(limits.connections),
                    ..limits
                };
                start(listener, http::metrics_router(http.clone()), limits)
            })
            .transpose()?;
        let server = start(
            listener,
            http::router(http, metrics_server.is_none()),
            limits,
        )?;
        let service = match &settings.nats {
            Some(nats) => service(nats, server.address(), &tidings).await?,
            None => None,
        };
        Ok(Self {
            server,
            metrics_server,
            live,
            tidings,
            service,
            _folder: folder,
        })
    }

    /// Where HTTP answers.
    pub(super) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Stops all parts from the outermost in: takes in nothing more, finishes what was taken in,
    /// commits it, and closes the journal.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        // Together, since a stream of events is a request that ends only with its session.
        tokio::join!(
            self.server.stop(FINISH_REQUESTS_WITHIN),
            self.live.stop(FINISH_REQUESTS_WITHIN)
        );
        if let Some(server) = self.metrics_server {
            server.stop(Duration::ZERO).await;
        }
        if let Some(service) = self.service {
            service.stop().await;
        }
        self.tidings.shutdown().await?;
        Ok(())
    }
}

/// Shows the server among the services of NATS. That it is not allowed to is no reason not to
/// serve.
async fn service(
    nats: &NatsSettings,
    address: SocketAddr,
    tidings: &Tidings,
) -> anyhow::Result<Option<MicroService>> {
    let tidings = tidings.clone();
    let status: StatusAnswer = Arc::new(move || http::status_json(&tidings).into());
    let address = format!("http://{address}");
    let started = MicroService::start(&jetstream_options(nats)?, &address, status).await;
    if let Err(error) = &started {
        tracing::warn!(error = %whole(error), "`nats micro` will not show this server");
    }
    Ok(started.ok())
}

/// Opens the journal that the settings name: JetStream's, or the embedded one of a data folder,
/// which is created in an empty one.
pub(super) async fn open_journal(
    settings: &Settings,
    folder: &DataFolder,
) -> anyhow::Result<JournalHandle> {
    if let Some(nats) = &settings.nats {
        let journal = JetStreamJournal::open(&jetstream_options(nats)?).await?;
        return Ok(Arc::new(journal));
    }
    let dir = folder.journal();
    let options = EmbeddedOptions {
        segment_bytes: settings.journal.segment_bytes,
        ..EmbeddedOptions::default()
    };
    let journal = tokio::task::spawn_blocking(move || EmbeddedJournal::open(&dir, &options));
    Ok(Arc::new(journal.await??))
}

/// Opens the journal in JetStream for reading, whatever version of the normal form it is in.
pub(super) async fn read_jetstream(nats: &NatsSettings) -> anyhow::Result<JournalHandle> {
    let journal = JetStreamJournal::open_to_read(&jetstream_options(nats)?).await?;
    Ok(Arc::new(journal))
}

/// How JetStream is reached.
pub(super) fn jetstream_options(nats: &NatsSettings) -> anyhow::Result<JetStreamOptions> {
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

/// Opens the embedded journal of a data folder for reading only; there has to be one.
pub(super) async fn read_journal(folder: &DataFolder) -> anyhow::Result<EmbeddedJournal> {
    let dir = folder.journal();
    let journal = tokio::task::spawn_blocking(move || EmbeddedJournal::open_read_only(&dir));
    Ok(journal.await??)
}

/// How the actors are set up.
pub(super) fn options(settings: &Settings, data: &Path) -> engine::Options {
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
    }
}

/// How live sessions are set up.
fn live_options(settings: &Settings) -> LiveOptions {
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

/// Every client takes a file handle: as many as the system lets this process have. Returns how many
/// these are.
fn allow_files() -> u64 {
    let raised = rlimit::increase_nofile_limit(u64::MAX);
    let files = raised.or_else(|error| {
        tracing::warn!(error = %whole(&error), "the limit of file handles could not be raised");
        rlimit::Resource::NOFILE.get_soft()
    });
    files.unwrap_or_else(|error| {
        tracing::warn!(error = %whole(&error), "the limit of file handles could not be read");
        u64::MAX
    })
}

/// How many connections there may be when the process may have `files` open files. Some are kept
/// for the journal, the views and NATS: a client must not take the last one.
fn connections_within(connections: usize, files: u64) -> usize {
    let kept = RESERVED_FILES.min(files / 2);
    let allowed = usize::try_from(files.saturating_sub(kept)).unwrap_or(usize::MAX);
    if connections <= allowed {
        return connections;
    }
    tracing::warn!(
        setting = connections,
        used = allowed,
        files,
        kept,
        "http.connections is lowered, since the process may not open so many files; raise the \
        limit (ulimit -n, LimitNOFILE), or lower the setting"
    );
    allowed
}

async fn bind(address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    let bound = async {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    bound.await.with_context(|| {
        format!(
            "{address} cannot be listened on; choose another address with the setting {setting}, \
            port 0 for any free one"
        )
    })
}

/// With a wrong clock the server answers, but takes in nothing: that is to be known before it is
/// needed.
fn check_clock() {
    let now = Timestamp::now();
    if now < Timestamp::EARLIEST {
        tracing::error!(
            "the clock of this machine says {now}: nothing is tracked and no tweet is taken in \
            until it is set"
        );
    }
}

fn log_durability(durability: Durability) {
    let grade = match durability {
        Durability::Synced => "what is acknowledged is on disk; a power loss takes nothing",
        Durability::Replicated => "what is acknowledged is on most replicas",
        Durability::Buffered => {
            "what is acknowledged may not be on disk yet; a power loss takes the last moments"
        }
        Durability::Volatile => "nothing is kept beyond the process",
    };
    tracing::info!(?durability, "{grade}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_to_the_journal_and_the_views() {
        for (connections, files, left) in [
            (10_000, 1_048_576, 10_000),
            (10_000, u64::MAX, 10_000),
            (10_000, 10_512, 10_000),
            (10_000, 10_511, 9_999),
            (10_000, 1_024, 512),
            (10_000, 256, 128),
            (100, 256, 100),
        ] {
            assert_eq!(connections_within(connections, files), left, "{files}");
        }
    }
}
