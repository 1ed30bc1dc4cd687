//! One live client of a benchmark: connects, subscribes and reads.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use anyhow::{Context as _, bail};
use memchr::memmem;
use parking_lot::Mutex;
use tokio::io::{AsyncRead as _, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};

use super::clients::Crowd;
use super::tally::Tally;
use crate::cli::bench::{frames, raw};

/// Size of the receive buffer of a client that never reads, in bytes. It is soon full.
const STUCK_BYTES: u32 = 4096;
/// Time limit for connecting and for the WebSocket handshake.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// Pause before a reconnect when the server names none.
pub(super) const RETRY: Duration = Duration::from_millis(100);

/// A client, and the state that it holds.
pub(super) struct Client {
    pub(super) keyword: String,
    pub(super) crowd: Crowd,
    pub(super) tally: Arc<Tally>,
    pub(super) permits: Arc<tokio::sync::Semaphore>,
    /// The read buffer, shared: all clients run on one thread.
    pub(super) shared: Arc<Mutex<Vec<u8>>>,
    /// The beginning of an incomplete frame.
    pub(super) rest: Vec<u8>,
    /// Pongs to send. Without them the server closes the connection as dead.
    pub(super) pongs: Vec<u8>,
    /// The epoch and sequence of the client's state.
    pub(super) held: Option<(String, u64)>,
    pub(super) newest: Option<u64>,
}

impl Client {
    pub(super) async fn live(mut self) -> anyhow::Result<()> {
        loop {
            let stream = {
                let _permit = self.permits.acquire().await?;
                match self.connect().await {
                    Ok(stream) => stream,
                    Err(_) if self.crowd.come_back && self.held.is_some() => {
                        tokio::time::sleep(Duration::from_millis(200)).await;
                        continue;
                    }
                    Err(error) => return Err(error),
                }
            };
            let retry = self.listen(stream).await?;
            self.tally.closed.fetch_add(1, Ordering::Relaxed);
            if !self.crowd.come_back {
                bail!("the server ended the connection of a client that had done nothing wrong");
            }
            self.tally.subscribed.fetch_sub(1, Ordering::Relaxed);
            tokio::time::sleep(retry).await;
        }
    }

    async fn connect(&self) -> anyhow::Result<TcpStream> {
        let address = self.crowd.address;
        let joining = async {
            let socket = match address {
                SocketAddr::V4(_) => TcpSocket::new_v4()?,
                SocketAddr::V6(_) => TcpSocket::new_v6()?,
            };
            if self.crowd.are_stuck {
                socket.set_recv_buffer_size(STUCK_BYTES)?;
            }
            let mut stream = socket.connect(address).await?;
            stream.set_nodelay(true)?;
            raw::upgrade(&mut stream, address).await?;
            let since = self
                .held
                .as_ref()
                .map(|(epoch, seq)| format!(",\"since\":{{\"epoch\":\"{epoch}\",\"seq\":{seq}}}"));
            let subscribe = format!(
                "{{\"type\":\"subscribe\",\"id\":1,\"keyword\":\"{}\",\"topics\":[\"timeline\"]{}}}",
                self.keyword,
                since.unwrap_or_default()
            );
            stream.write_all(&frames::text(&subscribe)).await?;
            anyhow::Ok(stream)
        };
        tokio::time::timeout(HANDSHAKE_WITHIN, joining)
            .await
            .context("a client could not connect in time")?
    }

    /// Reads until the connection ends; returns the pause before the reconnect.
    async fn listen(&mut self, mut stream: TcpStream) -> anyhow::Result<Duration> {
        let finder = memmem::Finder::new(frames::TWEET);
        if self.crowd.are_stuck {
            self.tally.subscribed.fetch_add(1, Ordering::Relaxed);
            std::future::pending::<()>().await;
        }
        self.rest.clear();
        let shared = Arc::clone(&self.shared);
        let mut is_fresh = true;
        loop {
            let ended = poll_fn(|context| {
                let mut shared = shared.lock();
                let mut buffer = ReadBuf::new(&mut shared);
                match Pin::new(&mut stream).poll_read(context, &mut buffer) {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                        Poll::Ready(self.take(&finder, buffer.filled(), &mut is_fresh))
                    }
                    Poll::Ready(_) => Poll::Ready(Some(RETRY)),
                }
            })
            .await;
            if let Some(retry) = ended {
                return Ok(retry);
            }
            if !self.pongs.is_empty() {
                let pongs = std::mem::take(&mut self.pongs);
                if stream.write_all(&pongs).await.is_err() {
                    return Ok(RETRY);
                }
            }
        }
    }
}
