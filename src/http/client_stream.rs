//! [`ClientStream`]: the TCP connection of one client, with a time-out for writes.
//!
//! hyper has time-outs for reading, but none for writing. A client that never reads its answers
//! would keep its connection, and the answers in memory, for ever. [`ClientStream`] resets the
//! connection of such a client. [`WriteProgress`] tells other code for how long a write has waited,
//! and lets it reset the connection earlier when memory is short.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::telemetry::Metrics;

/// Interval at which a waiting write is tried again.
///
/// The system reports room only when a third of the send buffer is free. A slow client may take
/// less than that within the time-out. Only another write shows that it makes progress.
const TRY_EVERY: Duration = Duration::from_millis(500);

/// Progress of the writes of one connection. It is shared with code outside the connection's task.
#[derive(Debug, Default)]
pub struct WriteProgress {
    state: Mutex<WriteState>,
}

#[derive(Debug, Default)]
struct WriteState {
    /// When the client last took something. `None` if no write waits.
    waiting_since: Option<Instant>,
    /// Whether the connection has to be reset.
    is_reset: bool,
    /// Wakes the connection's task.
    waker: Option<Waker>,
}

impl WriteProgress {
    fn state(&self) -> MutexGuard<'_, WriteState> {
        // A poisoned lock is safe here: the state is consistent after each statement.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Time since the client last took something. `None` if no write waits.
    pub fn stalled_for(&self, now: Instant) -> Option<Duration> {
        let since = self.state().waiting_since?;
        Some(now.saturating_duration_since(since))
    }

    /// Ends the connection with a reset.
    pub fn reset(&self) {
        let waker = {
            let mut state = self.state();
            state.is_reset = true;
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn is_reset(&self) -> bool {
        self.state().is_reset
    }

    fn moved(&self) {
        let mut state = self.state();
        state.waiting_since = None;
        state.waker = None;
    }

    /// Notes that a write waits. Returns the time since which it has waited.
    fn waits(&self, waker: &Waker) -> Instant {
        let mut state = self.state();
        match &mut state.waker {
            Some(held) => held.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        *state.waiting_since.get_or_insert_with(Instant::now)
    }
}

/// A connection that is reset when a write makes no progress for too long.
#[derive(Debug)]
pub struct ClientStream {
    stream: TcpStream,
    /// How long a write may wait without progress.
    idle: Duration,
    progress: Arc<WriteProgress>,
    /// Timer for the next try of a waiting write.
    next_try: Option<Pin<Box<Sleep>>>,
    metrics: Metrics,
}

impl ClientStream {
    /// Wraps a connection. It is reset when the client reads nothing for `idle`.
    pub fn new(stream: TcpStream, idle: Duration, metrics: Metrics) -> Self {
        bound_system_buffer(&stream, idle);
        Self {
            stream,
            idle,
            progress: Arc::default(),
            next_try: None,
            metrics,
        }
    }

    /// Progress of the writes of this connection.
    pub fn progress(&self) -> Arc<WriteProgress> {
        Arc::clone(&self.progress)
    }

    /// Returns the bare connection, for a protocol with its own limit on writes. That protocol
    /// notices within `gone` that a client is gone.
    pub fn into_bare(self, gone: Duration) -> TcpStream {
        bound_system_buffer(&self.stream, self.idle.max(gone));
        self.stream
    }

    /// Writes with `poll`. While `poll` is pending, tries `direct` at least every [`TRY_EVERY`].
    fn poll_write_by(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<usize>>,
        direct: impl Fn(SockRef<'_>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        if self.progress.is_reset() {
            return Poll::Ready(Err(self.reset(
                "memory_short",
                "the client took nothing of its answer while memory was short",
            )));
        }
        if let Poll::Ready(written) = poll(Pin::new(&mut self.stream), cx) {
            return Poll::Ready(self.wrote(written));
        }
        let since = self.progress.waits(cx.waker());
        let every = TRY_EVERY.min(self.idle / 4);
        loop {
            let next_try = self
                .next_try
                .get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + every)));
            if next_try.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            match direct(SockRef::from(&self.stream)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                written => return Poll::Ready(self.wrote(written)),
            }
            if since.elapsed() >= self.idle {
                return Poll::Ready(Err(self.reset(
                    "nothing_taken",
                    "the client took nothing of its answer for too long",
                )));
            }
            next_try.as_mut().reset(Instant::now() + every);
        }
    }

    fn wrote(&mut self, written: io::Result<usize>) -> io::Result<usize> {
        if self.next_try.take().is_some() || written.is_err() {
            self.progress.moved();
        }
        written
    }

    /// Sets zero linger, so that closing the connection resets it and frees the system's buffer.
    /// Returns the error that closes it.
    fn reset(&mut self, reason: &'static str, what: &'static str) -> io::Error {
        self.metrics.http_client_reset(reason);
        if let Err(error) = self.stream.set_zero_linger() {
            tracing::debug!(%error, "could not set SO_LINGER");
        }
        io::Error::new(io::ErrorKind::TimedOut, what)
    }
}

/// Limits the time for which the system keeps its buffer for a client that reads nothing, also
/// after the process has closed the connection. The limit is twice `idle`, so that the process
/// resets the connection first: the system would drop it without telling the client.
fn bound_system_buffer(stream: &TcpStream, idle: Duration) {
    let limit = idle.saturating_mul(2);
    if let Err(error) = SockRef::from(stream).set_tcp_user_timeout(Some(limit)) {
        tracing::debug!(%error, "could not set TCP_USER_TIMEOUT");
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_by(
            cx,
            |stream, cx| stream.poll_write(cx, bytes),
            |socket| socket.send(bytes),
        )
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_by(
            cx,
            |stream, cx| stream.poll_write_vectored(cx, slices),
            |socket| socket.send_vectored(slices),
        )
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
