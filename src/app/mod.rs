//! The server as a whole: builds the parts from the settings, from the innermost out, and stops
//! them from the outermost in.
//!
//! ```text
//! settings ─► data folder ─► journal ─► engine ─► live ─► HTTP
//! ```
//!
//! `serve`, `demo` and `bench` start an [`App`]; other commands use single parts. The folder's
//! other files say how the settings set up each part.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;

use crate::actors::engine::Tidings;
use crate::actors::live::Live;
use crate::events::Timestamp;
use crate::http::{self, Http, HttpOptions, Server, ServerLimits};
use crate::journal::{Durability, JournalHandle, MicroService, StatusAnswer};
use crate::maintenance::{import_state, import_unfinished};
use crate::settings::{NatsSettings, Settings};
use crate::telemetry::{Metrics, whole};

mod data_folder;
mod error;
mod journals;
mod listen;
mod options;

pub use data_folder::{DataFolder, DataFolderError};
pub use error::{AppError, FatalEnd};
pub use journals::{open_journal, read_jetstream, read_journal};
pub(crate) use options::{engine_options, jetstream_options};

/// How long requests at hand may take when the server stops.
const FINISH_REQUESTS_WITHIN: Duration = Duration::from_secs(2);

/// What answers clients: HTTP, metrics that listen elsewhere, live, and the service on NATS.
type Serving = (Server, Option<Server>, Live, Option<MicroService>);

/// Connections that `http.metrics_listen` serves at a time.
const METRICS_CONNECTIONS: usize = 64;

/// The running server.
#[derive(Debug)]
pub struct App {
    server: Server,
    metrics_server: Option<Server>,
    live: Live,
    tidings: Tidings,
    service: Option<MicroService>,
    // Given back last.
    _folder: DataFolder,
}

/// The sockets of a server that is being started.
struct Listeners {
    main: TcpListener,
    metrics: Option<TcpListener>,
}

impl App {
    /// Starts all parts from the innermost out; HTTP answers when this returns, views may still be
    /// catching up. `serves` is set before the first answer is given: from then on the server has
    /// to be [stopped](Self::stop) in order.
    ///
    /// # Errors
    /// [`AppError`].
    pub async fn start(settings: &Settings, serves: &AtomicBool) -> Result<Self, AppError> {
        // A wrong list of hosts is found before anything on disk is touched.
        let http_options = options::http_options(settings)?;
        let folder = DataFolder::take(&settings.data)?;
        check_clock();
        if settings.nats.is_none() && import_unfinished(&folder.journal()) {
            return Err(AppError::UnfinishedImport {
                folder: folder.path().to_owned(),
                state: import_state(&folder.journal()),
            });
        }
        // Before the journal is opened: a wrong address is found at once.
        let listeners = Listeners::bind(settings).await?;
        let journal = open_journal(settings, &folder).await?;
        let parts = (folder, journal, listeners);
        Self::start_on(settings, parts, http_options, serves).await
    }

    /// Starts what stands on a journal, for tests that bring their own.
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

    /// Starts what stands on the journal.
    async fn start_on(
        settings: &Settings,
        (folder, journal, listeners): (DataFolder, JournalHandle, Listeners),
        http_options: HttpOptions,
        serves: &AtomicBool,
    ) -> Result<Self, AppError> {
        log_durability(journal.durability());
        let limits = options::server_limits(settings, listen::allow_files());
        let metrics = Metrics::new();
        let options = engine_options(settings, folder.path());
        let tidings = Tidings::start(options, journal, metrics.clone()).await?;
        let started = Self::start_serving(settings, &tidings, (listeners, limits), http_options);
        serves.store(true, Ordering::Release);
        match started.await {
            Ok((server, metrics_server, live, service)) => Ok(Self {
                server,
                metrics_server,
                live,
                tidings,
                service,
                _folder: folder,
            }),
            Err(error) => {
                // What is folded by now is committed, and the journal gets its end mark.
                if let Err(reason) = tidings.shutdown().await {
                    tracing::error!(error = %whole(&reason), "the engine could not stop");
                }
                Err(error)
            }
        }
    }

    /// Starts what answers clients.
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

    /// Where HTTP answers.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Waits until a part has ended that nothing in the process starts again. The process then has
    /// to end, so that it is started again as a whole.
    pub async fn ended(&self) -> FatalEnd {
        tokio::select! {
            reason = self.tidings.ended() => FatalEnd::Engine(reason),
            reason = self.live.ended() => FatalEnd::Live(reason),
        }
    }

    /// Stops all parts from the outermost in: takes in nothing more, finishes what was taken in,
    /// commits it, and closes the journal.
    ///
    /// # Errors
    /// [`AppError::Shutdown`].
    pub async fn stop(self) -> Result<(), AppError> {
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

/// Shows the server among the services of NATS. A failure is not fatal.
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

/// Logs a wrong clock at the start: with one, the server answers but takes in nothing.
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
