//! Faults of a stub: what goes wrong on streams and requests, and when.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::http::Reply;
use crate::common::chance::Chance;

/// What goes wrong on an open stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The stream ends cleanly.
    Close,
    /// The connection is reset.
    Reset,
    /// Nothing is sent any more, not even keep-alives.
    Stall,
    /// Keep-alives are sent, and no record.
    Deaf,
    /// The next record is sent by half; then the connection is reset.
    Cut,
    /// A record that is no JSON.
    Garbage,
    /// A record of 2 MiB.
    Huge,
    /// A record that is JSON and no object.
    NotObject,
    /// The next record is sent twice.
    Duplicate,
    /// The next record is sent after the one that follows it.
    Reorder,
    /// The stream says that it ends, as the source does, and ends.
    Disconnect,
    /// Two events run into each other, and one of them has no content (Mastodon).
    RunTogether,
}

impl Fault {
    /// The faults that every source can have.
    pub const ALL: [Self; 11] = [
        Self::Close,
        Self::Reset,
        Self::Stall,
        Self::Deaf,
        Self::Cut,
        Self::Garbage,
        Self::Huge,
        Self::NotObject,
        Self::Duplicate,
        Self::Reorder,
        Self::Disconnect,
    ];
}

/// How a request is refused.
#[derive(Debug, Clone)]
pub enum Refusal {
    /// The connection is reset without an answer.
    Network,
    /// This is answered.
    Reply(Reply),
    /// The request is answered as usual, after this time.
    Late(Duration),
}

impl Refusal {
    /// An answer with this status, and the body that all three sources can be asked for.
    pub fn status(status: u16) -> Self {
        let body = json!({
            "title": format!("Refused with {status}"), "detail": "The stub refuses this request.",
            "error": "The stub refuses this request.", "type": "about:blank", "status": status,
        });
        Self::Reply(Reply::json(status, &body))
    }

    /// An answer with this status and `Retry-After`, in seconds.
    pub fn retry_after(status: u16, seconds: u64) -> Self {
        Self::status(status).with("retry-after", seconds)
    }

    /// The answer of X while it counts another connection of the client as open.
    pub fn too_many_connections() -> Self {
        Self::Reply(Reply::json(429, &too_many_connections()))
    }

    /// The answer with one more header.
    pub fn with(self, name: &str, value: impl ToString) -> Self {
        match self {
            Self::Reply(reply) => Self::Reply(reply.with(name, value)),
            other => other,
        }
    }
}

/// The body of X's refusal of a second connection.
pub fn too_many_connections() -> Value {
    json!({
        "title": "ConnectionException",
        "detail": "This stream is currently at the maximum allowed connection limit.",
        "connection_issue": "TooManyConnections",
        "type": "https://api.x.com/2/problems/streaming-connection",
    })
}

/// The switches of a stub's faults; a clone switches the same faults.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Switches>);

#[derive(Debug, Default)]
struct Switches {
    down: AtomicBool,
    streams: Mutex<BTreeMap<u64, UnboundedSender<Fault>>>,
    opened: AtomicU64,
    /// Faults that reached a stream, and refusals that were served.
    disturbances: AtomicU64,
    /// Refusals in order, each with the start of the paths that it is for.
    refusals: Mutex<VecDeque<(String, Refusal)>>,
    /// A refusal until it is lifted, with the start of its paths.
    lasting: Mutex<Option<(String, Refusal)>>,
}

impl Faults {
    /// Resets every new connection and every request until it is switched off.
    pub fn set_down(&self, down: bool) {
        self.0.down.store(down, Ordering::SeqCst);
    }

    pub(super) fn is_down(&self) -> bool {
        self.0.down.load(Ordering::SeqCst)
    }

    /// Refuses the next `times` requests whose path begins with `path`, or is what follows a `=`.
    pub fn refuse(&self, path: &str, times: usize, refusal: &Refusal) {
        let mut refusals = self.0.refusals.lock().unwrap();
        refusals.extend((0..times).map(|_| (path.to_owned(), refusal.clone())));
    }

    /// Refuses all requests whose path begins with `path`; `None` ends it.
    pub fn refuse_always(&self, refused: Option<(&str, Refusal)>) {
        *self.0.lasting.lock().unwrap() = refused.map(|(path, refusal)| (path.to_owned(), refusal));
    }

    /// The number of planned refusals that are left.
    pub fn refusals_left(&self) -> usize {
        self.0.refusals.lock().unwrap().len()
    }

    pub(super) fn refusal_of(&self, path: &str) -> Option<Refusal> {
        let refusal = self.planned(path)?;
        self.0.disturbances.fetch_add(1, Ordering::SeqCst);
        Some(refusal)
    }

    fn planned(&self, path: &str) -> Option<Refusal> {
        let mut refusals = self.0.refusals.lock().unwrap();
        let found = refusals.iter().position(|(begin, _)| covers(begin, path));
        if let Some((_, refusal)) = found.and_then(|found| refusals.remove(found)) {
            return Some(refusal);
        }
        let lasting = self.0.lasting.lock().unwrap();
        let lasting = lasting.as_ref().filter(|(begin, _)| covers(begin, path));
        lasting.map(|(_, refusal)| refusal.clone())
    }

    /// The number of faults that reached a stream, and of refusals that were served.
    pub fn disturbances(&self) -> u64 {
        self.0.disturbances.load(Ordering::SeqCst)
    }

    /// Lets a fault happen on every open stream. Returns the number of streams.
    pub fn inject(&self, fault: Fault) -> usize {
        let streams = self.0.streams.lock().unwrap();
        let sent = streams.values().filter(|stream| stream.send(fault).is_ok());
        let count = sent.count();
        self.0
            .disturbances
            .fetch_add(count as u64, Ordering::SeqCst);
        count
    }

    /// The number of open streams.
    pub fn open_streams(&self) -> usize {
        self.0.streams.lock().unwrap().len()
    }

    /// The number of streams that were opened so far.
    pub fn opened_streams(&self) -> u64 {
        self.0.opened.load(Ordering::SeqCst)
    }

    /// Adds a stream; it leaves when the returned value is dropped.
    pub(super) fn enter(&self) -> OpenStream {
        let number = self.0.opened.fetch_add(1, Ordering::SeqCst);
        let (send, faults) = unbounded_channel();
        self.0.streams.lock().unwrap().insert(number, send);
        OpenStream {
            number,
            faults,
            switches: Arc::clone(&self.0),
        }
    }
}

fn covers(pattern: &str, path: &str) -> bool {
    match pattern.strip_prefix('=') {
        Some(whole) => path == whole,
        None => path.starts_with(pattern),
    }
}

/// An open stream.
#[derive(Debug)]
pub struct OpenStream {
    /// The number of the stream in the stub.
    pub number: u64,
    /// The faults of the stream.
    pub faults: UnboundedReceiver<Fault>,
    switches: Arc<Switches>,
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.switches.streams.lock().unwrap().remove(&self.number);
    }
}

/// A seeded order of faults: one after every `every` posts on average.
#[derive(Debug)]
pub struct Script {
    chance: Chance,
    faults: Vec<Fault>,
    refusals: Vec<(String, Refusal)>,
    every: u64,
}

impl Script {
    pub fn new(seed: u64, every: u64, faults: &[Fault]) -> Self {
        Self {
            chance: Chance::of(seed),
            faults: faults.to_vec(),
            refusals: Vec::new(),
            every,
        }
    }

    /// Refuses, now and then, the connect that follows a fault.
    pub fn refusing(mut self, path: &str, refusals: &[Refusal]) -> Self {
        let more = refusals.iter();
        self.refusals
            .extend(more.map(|refusal| (path.to_owned(), refusal.clone())));
        self
    }

    /// One step, after each post.
    pub fn step(&mut self, faults: &Faults) {
        if self.chance.below(self.every) != 0 {
            return;
        }
        let has_refusal = !self.refusals.is_empty() && self.chance.below(2) == 0;
        if has_refusal && faults.refusals_left() == 0 {
            let (path, refusal) = self.chance.pick(&self.refusals).clone();
            faults.refuse(&path, 1, &refusal);
        }
        faults.inject(*self.chance.pick(&self.faults));
    }
}
