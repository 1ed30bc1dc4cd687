//! [`SocketTransport`]: writes messages to a WebSocket, joined into frames. It never waits for the
//! client.
//!
//! A frame of a server is a header of up to ten bytes and the payload. Only clients mask their
//! payloads. This file writes the server's frames itself. [`tungstenite`] reads those of clients.

use std::collections::VecDeque;
use std::io::{ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use crate::actors::live::{Close, Gone, Message, Transport};
use crate::telemetry::Metrics;

/// Messages are joined into a frame up to this many bytes.
const FRAME_BYTES: usize = 16 * 1024;
/// Time limit for sending the close frame. The client then has the same time to close.
const GOODBYE_WITHIN: Duration = Duration::from_secs(1);
/// The longest reason that fits into a close frame, in bytes.
const MAX_REASON_BYTES: usize = 123;

/// The longest header of an unmasked frame, in bytes.
const MAX_HEADER_BYTES: usize = 10;
const FINAL_TEXT: u8 = 0x81;
const FINAL_CLOSE: u8 = 0x88;
const EMPTY_PING: [u8; 2] = [0x89, 0];

/// Writes to one WebSocket.
#[derive(Debug)]
pub(super) struct SocketTransport {
    stream: Arc<TcpStream>,
    /// The frame that is being written; only its header when `payload` holds the payload.
    frame: Vec<u8>,
    /// A message that is the whole payload of the frame. It is not copied, because all subscribers
    /// share it.
    payload: Option<Message>,
    /// Bytes of `frame` and `payload` that are written.
    written: usize,
    /// Control frames to send before the next frame: pings, and answers to the client's frames.
    control: Vec<u8>,
    completed: u64,
    metrics: Metrics,
    /// The task that reads from the connection. It is aborted when the transport is dropped.
    reader: Arc<OnceLock<AbortHandle>>,
}

impl SocketTransport {
    /// A transport to this connection. Dropping it aborts the task in `reader`.
    pub(super) fn new(
        stream: Arc<TcpStream>,
        reader: Arc<OnceLock<AbortHandle>>,
        metrics: Metrics,
    ) -> Self {
        Self {
            stream,
            frame: Vec::new(),
            payload: None,
            written: 0,
            control: Vec::new(),
            completed: 0,
            metrics,
            reader,
        }
    }

    /// Writes a frame of one message from the bytes that all subscribers share. If the connection
    /// takes only a part, the frame stays the one that is being written.
    fn write_one(&mut self, message: Message) -> Result<(), Gone> {
        let mut header = Vec::with_capacity(MAX_HEADER_BYTES);
        push_header(&mut header, FINAL_TEXT, message.len());
        let length = header.len() + message.len();
        let slices = [IoSlice::new(&header), IoSlice::new(message.text())];
        let count = match self.stream.try_write_vectored(&slices) {
            Ok(0) => return Err(Gone),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(_) => return Err(Gone),
        };
        self.metrics.live_lines.inc();
        if count == length {
            self.complete(length);
        } else {
            self.frame = header;
            self.payload = Some(message);
            self.written = count;
        }
        Ok(())
    }

    fn complete(&mut self, bytes: usize) {
        self.completed += 1;
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.metrics.live_bytes.inc_by(bytes);
    }

    /// Begins the next frame. Returns false when there is nothing to write.
    fn begin(&mut self, messages: &mut VecDeque<Message>) -> bool {
        self.written = 0;
        self.frame.clear();
        self.frame.append(&mut self.control);
        let mut payload = 0_usize;
        let mut count = 0_usize;
        for message in messages.iter() {
            let more = message.len() + usize::from(count > 0);
            if count > 0 && payload + more > FRAME_BYTES {
                break;
            }
            payload += more;
            count += 1;
        }
        if count == 1
            && payload > FRAME_BYTES
            && let Some(message) = messages.pop_front()
        {
            push_header(&mut self.frame, FINAL_TEXT, payload);
            self.payload = Some(message);
            self.metrics.live_lines.inc();
        } else if count > 0 {
            self.frame.reserve(payload + MAX_HEADER_BYTES);
            push_header(&mut self.frame, FINAL_TEXT, payload);
            for (index, message) in messages.drain(..count).enumerate() {
                if index > 0 {
                    self.frame.push(b'\n');
                }
                self.frame.extend_from_slice(message.text());
            }
            self.metrics
                .live_lines
                .inc_by(u64::try_from(count).unwrap_or(u64::MAX));
        }
        !self.frame.is_empty()
    }

    /// Length of the frame that is being written, with its payload, in bytes.
    fn length(&self) -> usize {
        self.frame.len() + self.payload.as_ref().map_or(0, Message::len)
    }

    /// The unwritten bytes of the frame, and of the payload after it.
    fn rest(&self) -> [&[u8]; 2] {
        let of_payload = self.written.saturating_sub(self.frame.len());
        let payload = self.payload.as_ref();
        let payload = payload.map_or(&[][..], |message| &message.text()[..]);
        [
            self.frame.get(self.written..).unwrap_or_default(),
            payload.get(of_payload..).unwrap_or_default(),
        ]
    }

    /// Continues to write the frame. Returns false when the connection takes no more now.
    fn continue_frame(&mut self) -> Result<bool, Gone> {
        while self.written < self.length() {
            let rest = self.rest().map(IoSlice::new);
            match self.stream.try_write_vectored(&rest) {
                Ok(0) => return Err(Gone),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(_) => return Err(Gone),
            }
        }
        Ok(true)
    }
}

impl Transport for SocketTransport {
    fn write(&mut self, messages: &mut VecDeque<Message>) -> Result<bool, Gone> {
        loop {
            if self.written < self.length() {
                if !self.continue_frame()? {
                    return Ok(false);
                }
                self.complete(self.length());
                self.frame = Vec::new();
                self.payload = None;
                self.written = 0;
            }
            if self.control.is_empty()
                && messages.len() == 1
                && let Some(message) = messages.pop_front()
            {
                self.write_one(message)?;
                return Ok(self.frame.is_empty());
            }
            if !self.begin(messages) {
                // Frees the buffer while the session is idle.
                self.frame = Vec::new();
                return Ok(true);
            }
        }
    }

    fn control(&mut self, bytes: &[u8]) {
        self.control.extend_from_slice(bytes);
    }

    fn probe(&mut self) {
        self.control.extend_from_slice(&EMPTY_PING);
    }

    fn completed(&self) -> u64 {
        self.completed
    }

    fn writable(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let stream = Arc::clone(&self.stream);
        Box::pin(async move {
            // An error is ignored here: the next write returns it.
            let _ = stream.writable().await;
        })
    }

    fn close(mut self: Box<Self>, why: Close) {
        let stream = Arc::clone(&self.stream);
        let mut rest = self.rest().concat();
        rest.append(&mut self.control);
        if let Some((code, reason)) = close_frame(&why) {
            push_close(&mut rest, code, &reason);
        }
        if let Some(reader) = self.reader.get() {
            reader.abort();
        }
        tokio::spawn(async move {
            let sent = tokio::time::timeout(GOODBYE_WITHIN, send(&stream, &rest));
            let is_sent = matches!(sent.await, Ok(Ok(())));
            if !is_sent || why == Close::TooSlow {
                // With zero linger the system drops its unsent bytes and resets the connection.
                let _ = stream.set_zero_linger();
                return;
            }
            // Closing with unread bytes would reset the connection, and the close frame could be
            // lost.
            let _ = tokio::time::timeout(GOODBYE_WITHIN, drain(&stream)).await;
        });
    }
}

impl Drop for SocketTransport {
    fn drop(&mut self) {
        if let Some(reader) = self.reader.get() {
            reader.abort();
        }
    }
}

async fn send(stream: &TcpStream, mut rest: &[u8]) -> std::io::Result<()> {
    while !rest.is_empty() {
        stream.writable().await?;
        match stream.try_write(rest) {
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads and discards until the client closes the connection, as it does after a close frame.
async fn drain(stream: &TcpStream) {
    let mut unread = [0_u8; 4096];
    while stream.readable().await.is_ok() {
        match stream.try_read(&mut unread) {
            Ok(0) => return,
            Err(error) if error.kind() != ErrorKind::WouldBlock => return,
            Ok(_) | Err(_) => {}
        }
    }
}

/// The code and reason of the close frame. `None` when the client is gone already.
fn close_frame(why: &Close) -> Option<(u16, String)> {
    Some(match why {
        Close::Gone => return None,
        Close::Restart(retry) => (1012, format!("{{\"retry_ms\":{}}}", retry.as_millis())),
        Close::TooSlow => (4408, "the client read nothing for too long".to_owned()),
        Close::BadMessage(why) => (4400, (*why).to_owned()),
        Close::TooLarge => (
            1009,
            "a line may have 16 KiB, and a frame 64 KiB".to_owned(),
        ),
        Close::Protocol(code, why) => (*code, why.clone()),
        Close::TooMany(why) => (4429, (*why).to_owned()),
        Close::Silent => (4408, "no sign of life".to_owned()),
        Close::Finished => (1000, String::new()),
    })
}

fn push_close(out: &mut Vec<u8>, code: u16, reason: &str) {
    let mut end = reason.len().min(MAX_REASON_BYTES);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let reason = reason.get(..end).unwrap_or_default();
    push_header(out, FINAL_CLOSE, reason.len() + 2);
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(reason.as_bytes());
}

/// The header of an unmasked frame (RFC 6455, 5.2).
fn push_header(out: &mut Vec<u8>, first: u8, length: usize) {
    out.push(first);
    if let Some(short) = u8::try_from(length).ok().filter(|length| *length < 126) {
        out.push(short);
    } else if let Ok(middle) = u16::try_from(length) {
        out.push(126);
        out.extend_from_slice(&middle.to_be_bytes());
    } else {
        out.push(127);
        let long = u64::try_from(length).unwrap_or(u64::MAX);
        out.extend_from_slice(&long.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use tungstenite::protocol::frame::FrameSocket;
    use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

    use super::*;

    #[test]
    fn frames_are_read_by_tungstenite() {
        for length in [0, 1, 125, 126, 65_535, 65_536, 300_000] {
            let mut bytes = Vec::new();
            push_header(&mut bytes, FINAL_TEXT, length);
            bytes.resize(bytes.len() + length, b'x');
            push_close(&mut bytes, 1012, "come again");
            let mut socket = FrameSocket::new(std::io::Cursor::new(bytes));
            let text = socket.read(None).unwrap().unwrap();
            assert_eq!(text.header().opcode, OpCode::Data(Data::Text));
            assert_eq!(text.payload().len(), length);
            let close = socket.read(None).unwrap().unwrap();
            assert_eq!(close.header().opcode, OpCode::Control(Control::Close));
            assert_eq!(close.payload(), b"\x03\xf4come again");
        }
    }

    #[test]
    fn long_reason_is_cut_between_characters() {
        let mut bytes = Vec::new();
        push_close(&mut bytes, 4400, &"가".repeat(100));
        let reason = std::str::from_utf8(&bytes[4..]).unwrap();
        assert_eq!(reason.chars().count(), 41);
    }
}
