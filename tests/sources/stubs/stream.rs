//! One open stream: sends the records of a feed, keep-alives, and whatever fault is switched on.

use std::io;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_tungstenite::WebSocketStream;
use tungstenite::Message;
use tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame};

use super::Base;
use super::faults::{Fault, OpenStream};
use super::http::{Wire, reset};
use crate::common::chance::Chance;

/// Size of a record that is too large, in bytes.
const HUGE_BYTES: usize = 2 * 1024 * 1024;

/// What a stream sends.
pub trait Feed: Send {
    /// The records that are due and were not taken yet.
    fn take(&mut self) -> Vec<Outgoing>;

    /// Wraps the content of a record as the protocol does.
    fn wrap(&self, content: &str) -> Vec<u8>;

    /// What is sent while there are no records; empty for a ping of the WebSocket protocol.
    fn keep_alive(&self) -> &'static [u8];

    /// The record that announces the end of the stream, if the protocol has one.
    fn disconnect(&self) -> Option<Vec<u8>> {
        None
    }

    /// Frees what the stream holds, before the client sees its end.
    fn leave(&mut self) {}

    /// Two events that run into each other, if the protocol has events.
    fn run_together(&self) -> Option<Vec<u8>> {
        None
    }
}

/// A record to be sent.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The position in the world's log, for what is a post or its change.
    pub position: Option<usize>,
    pub bytes: Vec<u8>,
}

/// Where a stream goes.
#[derive(Debug)]
pub enum Output {
    /// The chunks of an HTTP answer.
    Chunks(Wire),
    /// The messages of a WebSocket.
    Messages(Box<WebSocketStream<TcpStream>>),
}

impl Output {
    /// Sends a record, sometimes in several pieces.
    async fn record(&mut self, bytes: &[u8], chance: &mut Chance) -> io::Result<()> {
        let middle = match chance.below(4) {
            0 if bytes.len() > 2 => 1 + chance.below(bytes.len() as u64 - 1) as usize,
            _ => bytes.len(),
        };
        let (first, rest) = bytes.split_at(middle);
        match self {
            Self::Chunks(wire) => {
                chunk(wire, first).await?;
                chunk(wire, rest).await
            }
            Self::Messages(socket) => {
                let text = OpCode::Data(Data::Text);
                let whole = Frame::message(first.to_vec(), text, rest.is_empty());
                socket.send(Message::Frame(whole)).await.map_err(other)?;
                if rest.is_empty() {
                    return Ok(());
                }
                let more = OpCode::Data(Data::Continue);
                let last = Frame::message(rest.to_vec(), more, true);
                socket.send(Message::Frame(last)).await.map_err(other)
            }
        }
    }

    /// Sends the first bytes of a stream of chunks.
    pub async fn greet(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Chunks(wire) => chunk(wire, bytes).await,
            Self::Messages(_) => Ok(()),
        }
    }

    async fn keep_alive(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Chunks(wire) => chunk(wire, bytes).await,
            Self::Messages(socket) => {
                let ping = Message::Ping(bytes.to_vec().into());
                socket.send(ping).await.map_err(other)
            }
        }
    }

    /// Sends the first half of a record, and resets the connection.
    async fn cut(mut self, bytes: &[u8]) {
        let half = &bytes[..bytes.len() / 2];
        match &mut self {
            Self::Chunks(wire) => drop(chunk(wire, half).await),
            Self::Messages(socket) => {
                let mut frame = vec![0x81, 127];
                frame.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
                frame.extend_from_slice(half);
                drop(socket.get_mut().write_all(&frame).await);
            }
        }
        self.reset();
    }

    /// Ends the stream cleanly.
    async fn close(self) {
        match self {
            Self::Chunks(mut wire) => {
                drop(wire.socket.write_all(b"0\r\n\r\n").await);
                drop(wire.socket.shutdown().await);
            }
            Self::Messages(mut socket) => {
                let frame = CloseFrame {
                    code: CloseCode::Away,
                    reason: "restart".into(),
                };
                drop(WebSocketStream::close(&mut socket, Some(frame)).await);
            }
        }
    }

    fn reset(self) {
        match self {
            Self::Chunks(wire) => wire.reset(),
            Self::Messages(socket) => reset(socket.get_ref()),
        }
    }

    /// Waits until the client closes the connection.
    async fn gone(&mut self) {
        match self {
            Self::Chunks(wire) => {
                let mut buffer = [0; 256];
                while matches!(wire.socket.read(&mut buffer).await, Ok(1..)) {}
            }
            Self::Messages(socket) => {
                while let Some(Ok(message)) = socket.next().await {
                    if message.is_close() {
                        return;
                    }
                }
            }
        }
    }
}

async fn chunk(wire: &mut Wire, bytes: &[u8]) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    let mut framed = format!("{:x}\r\n", bytes.len()).into_bytes();
    framed.extend_from_slice(bytes);
    framed.extend_from_slice(b"\r\n");
    wire.socket.write_all(&framed).await
}

fn other(error: tungstenite::Error) -> io::Error {
    io::Error::other(error)
}

/// What is switched on for a stream.
#[derive(Debug, Default)]
struct Mood {
    is_stalled: bool,
    is_deaf: bool,
    cuts: bool,
    doubles: bool,
    holds: bool,
    held: Option<Outgoing>,
}

impl Mood {
    fn is_silent(&self) -> bool {
        self.is_stalled || self.is_deaf
    }
}

/// A stream that is being sent.
pub struct Streaming<F> {
    pub base: Base,
    /// Dropped before `open`: a stream that is not open any more holds no place.
    pub feed: F,
    pub open: OpenStream,
    /// Tells that the feed may have more.
    pub changed: watch::Receiver<usize>,
    pub keep_alive: Duration,
}

impl<F: Feed> Streaming<F> {
    /// Sends until the client leaves or a fault ends the stream.
    pub async fn run(mut self, mut output: Output) {
        let mut chance = Chance::of(self.open.number);
        let mut mood = Mood::default();
        let mut ticks = interval(self.keep_alive);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.changed.mark_unchanged();
            let mut due = match mood.is_silent() {
                true => Vec::new(),
                false => self.feed.take(),
            };
            // A fault that was switched on before a post was written happens before that post.
            while let Ok(fault) = self.open.faults.try_recv() {
                match self.suffer(fault, output, &mut mood, &mut chance).await {
                    Some(kept) => output = kept,
                    None => return,
                }
            }
            if mood.is_silent() {
                due.clear();
            }
            for outgoing in due {
                if mood.cuts {
                    self.feed.leave();
                    return output.cut(&outgoing.bytes).await;
                }
                if self
                    .send(&mut output, outgoing, &mut mood, &mut chance)
                    .await
                    .is_err()
                {
                    return;
                }
            }
            tokio::select! {
                fault = self.open.faults.recv() => {
                    let Some(fault) = fault else { return };
                    match self.suffer(fault, output, &mut mood, &mut chance).await {
                        Some(kept) => output = kept,
                        None => return,
                    }
                }
                () = output.gone() => return,
                changed = self.changed.changed(), if !mood.is_silent() => {
                    if changed.is_err() {
                        return;
                    }
                }
                _ = ticks.tick(), if !mood.is_stalled => {
                    if output.keep_alive(self.feed.keep_alive()).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    async fn send(
        &self,
        output: &mut Output,
        outgoing: Outgoing,
        mood: &mut Mood,
        chance: &mut Chance,
    ) -> io::Result<()> {
        if std::mem::take(&mut mood.holds) {
            mood.held = Some(outgoing);
            return Ok(());
        }
        let times = if std::mem::take(&mut mood.doubles) {
            2
        } else {
            1
        };
        for next in std::iter::repeat_n(outgoing, times).chain(mood.held.take()) {
            output.record(&next.bytes, chance).await?;
            if let Some(position) = next.position {
                self.base.world.note_sent(self.open.number, position);
            }
        }
        Ok(())
    }

    /// Lets a fault happen. Returns the output if the stream goes on.
    async fn suffer(
        &mut self,
        fault: Fault,
        mut output: Output,
        mood: &mut Mood,
        chance: &mut Chance,
    ) -> Option<Output> {
        if mood.is_stalled {
            return Some(output);
        }
        let bytes = match fault {
            Fault::Stall => {
                mood.is_stalled = true;
                return Some(output);
            }
            Fault::Deaf => {
                mood.is_deaf = true;
                return Some(output);
            }
            Fault::Cut => {
                mood.cuts = true;
                return Some(output);
            }
            Fault::Duplicate => {
                mood.doubles = true;
                return Some(output);
            }
            Fault::Reorder => {
                mood.holds = true;
                return Some(output);
            }
            Fault::Close => {
                self.feed.leave();
                output.close().await;
                return None;
            }
            Fault::Reset => {
                self.feed.leave();
                output.reset();
                return None;
            }
            Fault::Disconnect => {
                if let Some(bytes) = self.feed.disconnect() {
                    output.record(&bytes, chance).await.ok()?;
                }
                self.feed.leave();
                output.close().await;
                return None;
            }
            Fault::Garbage => self.feed.wrap("{\"garbage\":"),
            Fault::NotObject => self.feed.wrap("[1,2]"),
            Fault::Huge => self
                .feed
                .wrap(&format!("{{\"x\":\"{}\"}}", "x".repeat(HUGE_BYTES))),
            Fault::RunTogether => self.feed.run_together()?,
        };
        output.record(&bytes, chance).await.ok()?;
        Some(output)
    }
}
