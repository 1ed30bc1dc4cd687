//! The composition root: builds the parts of the server from the settings, starting with the
//! innermost, and stops them starting with the outermost.
//!
//! ```text
//! settings ─► data folder ─► journal ─► engine ─► live ─► HTTP
//! ```
//!
//! `serve`, `demo` and `bench` start an [`App`]; other commands use single parts. The other files
//! of this folder map the settings to the options of each part.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;

use crate::actors::engine::Tidings;
use crate::actors::live::Live;
use crate::events::Timestamp;
use crate::http::{self, Http, HttpOptions, Server, ServerLimits};
use crate::journal::{Durability, JournalHandle, MicroService, SourcesBucket, StatusAnswer};
use crate::maintenance::{import_state, import_unfinished};
use crate::settings::{NatsSettings, Settings};
use crate::sources::{Collectors, SourceReports};
use crate::telemetry::{Metrics, whole};

mod collectors;
mod data_folder;
mod error;
mod journals;
mod listen;
mod options;
mod sources;

pub use data_folder::{DataFolder, DataFolderError};
pub use error::{AppError, FatalEnd};
pub use journals::{open_journal, read_jetstream, read_journal};
use sources::InProcess;

pub(crate) use options::{engine_options, fold_context, jetstream_options};

/// Time limit for running requests when the server stops.
const FINISH_REQUESTS_WITHIN: Duration = Duration::from_secs(2);

/// The parts that answer clients: HTTP, a separate listener for metrics, live, the NATS service.
type Serving = (Server, Option<Server>, Live, Option<MicroService>);

/// Maximum number of connections to `http.metrics_listen`.
const METRICS_CONNECTIONS: usize = 64;

/// The running server.
#[derive(Debug)]
pub struct App {
    server: Server,
    metrics_server: Option<Server>,
    live: Live,
    tidings: Tidings,
    service: Option<MicroService>,
    collectors: Collectors,
    // Dropped last: it releases the lock.
    _folder: DataFolder,
}

/// The bound sockets of a server that is starting.
struct Listeners {
    main: TcpListener,
    metrics: Option<TcpListener>,
}

impl App {
    /// Starts all parts, the innermost first. HTTP answers when this returns; the views may still
    /// be catching up. `serves` is set before the first answer; from then on the server has to be
    /// [stopped](Self::stop) in order.
    ///
    /// # Errors
    /// [`AppError`].
    pub async fn start(settings: &Settings, serves: &AtomicBool) -> Result<Self, AppError> {
        // A wrong list of hosts or a wrong folder of the dashboard is found before any file is
        // changed.
        let http_options = options::http_options(settings)?;
        let folder = DataFolder::take(&settings.data)?;
        check_clock();
        if settings.nats.is_none() && import_unfinished(&folder.journal()) {
            return Err(AppError::UnfinishedImport {
                folder: folder.path().to_owned(),
                state: import_state(&folder.journal()),
            });
        }
        // Sockets are bound before the journal is opened, so that a wrong address is found at once.
        let listeners = Listeners::bind(settings).await?;
        let journal = open_journal(settings, &folder).await?;
        let parts = (folder, journal, listeners);
        Self::start_on(settings, parts, http_options, serves).await
    }

    /// Starts all parts except the journal; for tests with a journal of their own.
    ///
    /// # Errors
    /// [`AppError`].
    #[cfg(test)]
    pub(crate) async fn start_over(
        settings: &Settings,
        journal: JournalHandle,
    ) -> Result<Self, AppError> {
        let parts = (
            DataFolder::take(&settings.data)?,
            journal,
            Listeners::bind(settings).await?,
        );
        let http_options = options::http_options(settings)?;
        Self::start_on(settings, parts, http_options, &AtomicBool::new(false)).await
    }

    /// Starts all parts above the journal.
    async fn start_on(
        settings: &Settings,
        (folder, journal, listeners): (DataFolder, JournalHandle, Listeners),
        mut http_options: HttpOptions,
        serves: &AtomicBool,
    ) -> Result<Self, AppError> {
        let reports = options::source_reports(settings, &folder)?;
        http_options.sources = Some(reports.clone());
        log_durability(journal.durability());
        let limits = options::server_limits(settings, listen::allow_files());
        let metrics = Metrics::new();
        let options = engine_options(settings, folder.path());
        let tidings = Tidings::start(options, journal, metrics.clone()).await?;
        let started = Self::start_serving(settings, &tidings, (listeners, limits), http_options);
        serves.store(true, Ordering::Release);
        let collectors = Self::start_collectors(settings, &folder, &tidings, reports).await;
        let started = match started.await {
            Ok(started) => collectors.map(|collectors| (started, collectors)),
            Err(error) => Err(error),
        };
        match started {
            Ok(((server, metrics_server, live, service), collectors)) => Ok(Self {
                collectors,
                server,
                metrics_server,
                live,
                tidings,
                service,
                _folder: folder,
            }),
            Err(error) => {
                // Commits what was folded; the journal then gets its end mark.
                if let Err(reason) = tidings.shutdown().await {
                    tracing::error!(error = %whole(&reason), "the engine could not stop");
                }
                Err(error)
            }
        }
    }

    /// Starts the collectors that the settings enable.
    async fn start_collectors(
        settings: &Settings,
        folder: &DataFolder,
        tidings: &Tidings,
        reports: SourceReports,
    ) -> Result<Collectors, AppError> {
        let auto_track = settings.keywords.auto_track;
        let destination = InProcess::new(tidings.clone(), auto_track, reports);
        let bucket = match &settings.nats {
            Some(nats) => Some(Arc::new(SourcesBucket::new(jetstream_options(nats)?))),
            None => None,
        };
        let destination = Arc::new(destination);
        let enabled = collectors::enabled(settings, folder.path(), &destination, bucket.as_ref());
        Collectors::start(enabled).await.map_err(AppError::from)
    }

    /// Starts the parts that answer clients.
    async fn start_serving(
        settings: &Settings,
        tidings: &Tidings,
        (listeners, limits): (Listeners, ServerLimits),
        http_options: HttpOptions,
    ) -> Result<Serving, AppError> {
        let metrics = tidings.metrics().clone();
        let encoder = http::json_encoder();
        let live = Live::start(tidings, encoder, options::live_options(settings)).await?;
        let http = Http::new(tidings.clone(), live.clone(), http_options);
        let start = |listener, router, limits| {
            Server::start(listener, router, limits, metrics.clone()).map_err(AppError::Serve)
        };
        let metrics_server = listeners
            .metrics
            .map(|listener| {
                let limits = ServerLimits {
                    connections: METRICS_CONNECTIONS.min(limits.connections),
                    ..limits
                };
                start(listener, http::metrics_router(http.clone()), limits)
            })
            .transpose()?;
        let router = http::router(http, metrics_server.is_none());
        let server = start(listeners.main, router, limits)?;
        let service = match &settings.nats {
            Some(nats) => service(nats, server.address(), tidings).await?,
            None => None,
        };
        Ok((server, metrics_server, live, service))
    }

    /// The address of HTTP.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Waits until a part has ended that nothing in the process restarts. The process then has to
    /// exit and be restarted as a whole.
    pub async fn ended(&self) -> FatalEnd {
        tokio::select! {
            reason = self.tidings.ended() => FatalEnd::Engine(reason),
            reason = self.live.ended() => FatalEnd::Live(reason),
        }
    }

    /// Stops all parts, the outermost first: stops accepting, finishes and commits what was
    /// accepted, and closes the journal.
    ///
    /// # Errors
    /// [`AppError::Shutdown`].
    pub async fn stop(self) -> Result<(), AppError> {
        // HTTP and live stop at the same time, because an event stream is a request that ends only
        // with its session. Collectors need neither: what they have read is taken in by the engine,
        // which stops after them.
        tokio::join!(
            self.collectors.stop(),
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

impl Listeners {
    async fn bind(settings: &Settings) -> Result<Self, AppError> {
        Ok(Self {
            main: listen::bind(settings.listen, "listen").await?,
            metrics: match settings.http.metrics_listen {
                Some(address) => Some(listen::bind(address, "http.metrics_listen").await?),
                None => None,
            },
        })
    }
}

/// Registers the server as a NATS service. A failure is logged and is not fatal.
async fn service(
    nats: &NatsSettings,
    address: SocketAddr,
    tidings: &Tidings,
) -> Result<Option<MicroService>, AppError> {
    let tidings = tidings.clone();
    let status: StatusAnswer = Arc::new(move || http::status_json(&tidings).into());
    let address = format!("http://{address}");
    let started = MicroService::start(&jetstream_options(nats)?, &address, status).await;
    if let Err(error) = &started {
        tracing::warn!(error = %whole(error), "`nats micro` will not show this server");
    }
    Ok(started.ok())
}

/// Logs a wrong clock at the start: with it, the server answers but accepts no events.
fn check_clock() {
    let now = Timestamp::now();
    if now < Timestamp::EARLIEST {
        tracing::error!(
            "the clock of this machine says {now}: no keyword is tracked and no tweet accepted \
            until the clock is set"
        );
    }
}

fn log_durability(durability: Durability) {
    let grade = match durability {
        Durability::Synced => "acknowledged events are on disk and survive a power loss",
        Durability::Replicated => "acknowledged events are on most replicas",
        Durability::Buffered => {
            "acknowledged events may not be on disk yet; a power loss can lose the latest"
        }
        Durability::Volatile => "events are lost when the process ends",
    };
    tracing::info!(?durability, "{grade}");
}
