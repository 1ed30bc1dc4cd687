//! [`Server`]: accepts connections and serves HTTP/1.1 on them. It limits the number of
//! connections, the time in which the head of a request arrives, and the time for which a client
//! reads nothing of its answer.

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

/// Size of hyper's buffers per connection, in bytes. It limits the head of a request, and the part
/// of an event stream that the client has not taken.
const BUFFER_BYTES: usize = 64 * 1024;

/// Size of the system's send buffer per connection, in bytes. Linux doubles it to make room for its
/// own bookkeeping. The default is up to 4 MiB: 500 clients that do not read would take 2 GiB, and
/// would be noticed late.
const SEND_BUFFER_BYTES: usize = 128 * 1024;

/// Limits of a server.
#[derive(Debug, Clone, Copy)]
pub struct ServerLimits {
    /// Connections that may be open at a time. A further one gets a 503 and is closed.
    pub connections: usize,
    /// Time in which the head of a request has to arrive, including the wait for it on an idle
    /// connection.
    pub header_time: Duration,
    /// Time after which a connection is reset if its client reads nothing of its answer.
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

/// The address that a request came from. It is in the extensions of the request. Behind a proxy it
/// is the proxy's address: headers that name another one can be forged, so they are not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// The address of a peer. An IPv4 address in IPv6 form becomes the IPv4 address.
    fn of(peer: SocketAddr) -> Self {
        Self(peer.ip().to_canonical())
    }
}

/// Stage of the server's shutdown, which all connections watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Serving,
    /// Connections finish their current request, and take no other.
    Finishing,
    /// Connections close at once.
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

    /// The address that the server listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting connections and requests, waits at most `within` for running requests, and
    /// closes the remaining connections.
    pub async fn stop(self, within: Duration) {
        self.stage.send_replace(Stage::Finishing);
        // The accept loop and each connection hold a receiver. The channel is closed when all have
        // ended.
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
    let permits = Arc::new(Semaphore::new(limits.connections));
    let mut ended = stage.subscribe();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = ended.wait_for(|stage| *stage != Stage::Serving) => return,
        };
        let (stream, client) = match accepted {
            Ok((stream, peer)) => (stream, ClientAddress::of(peer)),
            Err(error) => {
                // A client that is gone already is not worth a log line. Other errors are, such as
                // too few file handles, which passes when connections end.
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
        let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
            metrics.http_connections_refused.inc();
            refuse(&stream);
            continue;
        };
        let connection = Connection {
            _permit: permit,
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

/// Answers 503 to a client over the limit, with a single write that does not wait.
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
    // The empty buffer of a new socket takes the whole answer. An error means that the client has
    // left.
    let _ = stream.try_write(answer.as_bytes());
}

/// Removes the `Content-Length` of answers whose status never has a body: 1xx, 204 and 304. axum
/// adds a length of 0 to them, which on a 304 would contradict the length of the held body.
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
    _permit: OwnedSemaphorePermit,
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
