//! The accept loop: HTTP/1.1 over TCP, with limits on connections, on the time a head takes, and on
//! the time in which a client takes nothing.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::Response;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use super::client_stream::ClientStream;
use super::problem::Problem;
use crate::telemetry::{CountedActor, Metrics, log_throttled, whole};

/// A head may have so many bytes, and a stream of events that the client doesn't take is held back
/// at so many. All connections together may hold as many times that.
const BUFFER_BYTES: usize = 64 * 1024;

/// What the system may keep for a client that doesn't read, in bytes; Linux takes twice that, its
/// own books included. By itself it would keep up to 4 MiB, so that 500 such clients took 2 GiB and
/// were noticed late.
const SEND_BUFFER_BYTES: usize = 128 * 1024;

/// Limits of a server.
#[derive(Debug, Clone, Copy)]
pub struct ServerLimits {
    /// Connections that may be open at a time; one more gets a 503 and is closed.
    pub connections: usize,
    /// How long the head of a request may take, the wait for it on an idle connection included.
    pub header_time: Duration,
    /// How long a client may take nothing of its answer.
    pub write_idle: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            header_time: Duration::from_secs(10),
            write_idle: Duration::from_secs(10),
        }
    }
}

/// The address of the client that a request came from, among the extensions of the request. Behind
/// a proxy it is the proxy's: headers that name another one can be forged and are not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// The address of a peer; an IPv4 address in IPv6 form counts as the IPv4 address.
    fn of(peer: SocketAddr) -> Self {
        Self(peer.ip().to_canonical())
    }
}

/// What connections are told about the server's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Serving,
    /// Finish the request at hand, take no other.
    Finishing,
    /// Close at once.
    Over,
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stage: watch::Sender<Stage>,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Serves `router` on `listener` until [`Server::stop`].
    ///
    /// # Errors
    /// When the listener has no address.
    pub fn start(
        listener: TcpListener,
        router: Router,
        limits: ServerLimits,
        metrics: Metrics,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (stage, _) = watch::channel(Stage::Serving);
        let accepting = tokio::spawn(accept(listener, router, limits, metrics, stage.clone()));
        Ok(Self {
            address,
            stage,
            accepting,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections and requests, lets those at hand finish for at most `within`,
    /// and closes what is left.
    pub async fn stop(self, within: Duration) {
        self.stage.send_replace(Stage::Finishing);
        // The loop's own receiver goes with it, those of connections with them.
        if timeout(within, self.stage.closed()).await.is_err() {
            tracing::warn!("closing connections whose requests did not finish in time");
            self.stage.send_replace(Stage::Over);
            self.stage.closed().await;
        }
        if let Err(error) = self.accepting.await {
            tracing::error!(error = %whole(&error), "the accept loop failed");
        }
    }
}

async fn accept(
    listener: TcpListener,
    router: Router,
    limits: ServerLimits,
    metrics: Metrics,
    stage: watch::Sender<Stage>,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let mut ended = stage.subscribe();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = ended.wait_for(|stage| *stage != Stage::Serving) => return,
        };
        let (stream, client) = match accepted {
            Ok((stream, peer)) => (stream, ClientAddress::of(peer)),
            Err(error) => {
                // A client that is gone already is no trouble; no file handles left is, and
                // passes when connections end.
                if !is_gone(&error) {
                    log_throttled("accept-failed", move |count| {
                        tracing::warn!(error = %whole(&error), count, "connections could not be \
                            accepted");
                    });
                    sleep(Duration::from_millis(100)).await;
                }
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            metrics.http_connections_refused.inc();
            refuse(&stream);
            continue;
        };
        let connection = Connection {
            _place: place,
            _counted: metrics.connection_opened(),
            client,
            metrics: metrics.clone(),
            stage: stage.subscribe(),
        };
        tokio::spawn(connection.serve(stream, router.clone(), limits));
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

/// Tells a client over the limit to come again, as far as one write goes.
fn refuse(stream: &TcpStream) {
    let problem = Problem::TryAgain("too many connections are open")
        .to_json()
        .to_string();
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: {}\r\nContent-Length: \
        {}\r\nRetry-After: 1\r\nConnection: close\r\n\r\n{problem}",
        super::problem::CONTENT_TYPE,
        problem.len(),
    );
    // A fresh socket's buffer takes this; a client that is gone needs no answer.
    let _ = stream.try_write(answer.as_bytes());
}

/// Takes away a `Content-Length` that says nothing of what a GET gets: axum gives one of 0 to every
/// answer without a body, also where the status says that there never is one.
fn without_length_where_there_is_no_body(mut response: Response) -> Response {
    let status = response.status();
    if status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
    {
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    response
}

struct Connection {
    _place: OwnedSemaphorePermit,
    _counted: CountedActor,
    client: ClientAddress,
    metrics: Metrics,
    stage: watch::Receiver<Stage>,
}

impl Connection {
    async fn serve(mut self, stream: TcpStream, router: Router, limits: ServerLimits) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(error = %whole(&error), "could not set TCP_NODELAY");
        }
        let socket = socket2::SockRef::from(&stream);
        if let Err(error) = socket.set_send_buffer_size(SEND_BUFFER_BYTES) {
            tracing::debug!(error = %whole(&error), "could not set SO_SNDBUF");
        }
        let stream = ClientStream::new(stream, limits.write_idle, self.metrics.clone());
        let (client, progress) = (self.client, stream.progress());
        let service = TowerToHyperService::new(
            router
                .map_request(move |mut request: hyper::Request<hyper::body::Incoming>| {
                    request.extensions_mut().insert(client);
                    request.extensions_mut().insert(Arc::clone(&progress));
                    request.map(Body::new)
                })
                .map_response(without_length_where_there_is_no_body),
        );
        let mut connection = std::pin::pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(limits.header_time)
                .max_buf_size(BUFFER_BYTES)
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades()
        );
        let mut finishing = false;
        loop {
            let awaited = if finishing {
                Stage::Over
            } else {
                Stage::Finishing
            };
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(error = %whole(&error), "a connection failed");
                    }
                    return;
                }
                told = self.stage.wait_for(|stage| *stage >= awaited) => {
                    if finishing || told.is_err() {
                        return;
                    }
                    finishing = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}
