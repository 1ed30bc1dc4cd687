//! Plain TCP connections to a server, without an HTTP client. A benchmark controls exactly which
//! bytes are sent and how many are read.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// The local end of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct From {
    /// The client's own address.
    pub(super) address: IpAddr,
    /// Size of the receive buffer, in bytes; `None`: the system's default.
    pub(super) receive: Option<u32>,
}

/// The answer to a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answered {
    pub(super) status: u16,
    /// Size of head and body, in bytes.
    pub(super) bytes: u64,
}

/// Time limit for connecting.
const CONNECTED_WITHIN: Duration = Duration::from_secs(20);

/// Opens a connection.
pub(super) async fn connect(to: SocketAddr, from: From) -> anyhow::Result<TcpStream> {
    let socket = match to {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if to.is_ipv4() == from.address.is_ipv4() {
        socket.bind(SocketAddr::new(from.address, 0))?;
    }
    if let Some(bytes) = from.receive {
        socket.set_recv_buffer_size(bytes)?;
    }
    let stream = tokio::time::timeout(CONNECTED_WITHIN, socket.connect(to))
        .await
        .context("a client could not connect in time")??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The head of a GET request for `path`. The server closes the connection after the answer.
pub(super) fn get(to: SocketAddr, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n\r\n")
}

/// Sends a request and reads until the server closes the connection.
pub(super) async fn exchange(
    to: SocketAddr,
    from: From,
    request: &[u8],
) -> anyhow::Result<Answered> {
    let mut stream = connect(to, from).await?;
    stream.write_all(request).await?;
    let mut buffer = vec![0; 256 * 1024];
    let mut head = Vec::new();
    let mut bytes = 0_u64;
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            break;
        }
        if head.len() < STATUS_BYTES {
            head.extend_from_slice(buffer.get(..count).unwrap_or_default());
        }
        bytes = bytes.saturating_add(u64::try_from(count)?);
    }
    let status = head.get(..STATUS_BYTES).and_then(status_of);
    Ok(Answered {
        status: status.context("the server ended a connection without an answer")?,
        bytes,
    })
}

/// Length of `HTTP/1.1 200`, in bytes.
const STATUS_BYTES: usize = 12;

fn status_of(head: &[u8]) -> Option<u16> {
    std::str::from_utf8(head)
        .ok()?
        .rsplit(' ')
        .next()?
        .parse()
        .ok()
}

/// Upgrades a connection to a WebSocket of the live protocol.
pub(super) async fn upgrade(stream: &mut TcpStream, to: SocketAddr) -> anyhow::Result<()> {
    let handshake = format!(
        "GET /api/v1/live HTTP/1.1\r\nHost: {to}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: tidings.v1\r\n\r\n"
    );
    stream.write_all(handshake.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    if !head.starts_with(b"HTTP/1.1 101") {
        bail!(
            "the server refused a WebSocket: {}",
            String::from_utf8_lossy(&head)
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_from_the_first_line() {
        assert_eq!(status_of(b"HTTP/1.1 503"), Some(503));
        assert_eq!(status_of(b"HTTP/1.1 OK "), None);
    }
}
