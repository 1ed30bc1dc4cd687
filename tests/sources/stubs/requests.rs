//! The requests that a stub received.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::http::Request;

/// A received request.
#[derive(Debug, Clone)]
pub struct Received {
    pub at: Instant,
    pub request: Request,
    /// The status of the answer; `None` while there is none, and when the connection was reset.
    pub status: Option<u16>,
}

/// The record of requests; a clone is the same record.
#[derive(Debug, Clone, Default)]
pub struct Requests(Arc<Mutex<Record>>);

#[derive(Debug, Default)]
struct Record {
    received: Vec<Received>,
    /// Connections that were reset before their request was read.
    refused: Vec<Instant>,
}

impl Requests {
    pub(super) fn received(&self, request: &Request) -> usize {
        let mut record = self.0.lock().unwrap();
        record.received.push(Received {
            at: Instant::now(),
            request: request.clone(),
            status: None,
        });
        record.received.len() - 1
    }

    pub(super) fn answered(&self, entry: usize, status: u16) {
        self.0.lock().unwrap().received[entry].status = Some(status);
    }

    pub(super) fn refused(&self) {
        self.0.lock().unwrap().refused.push(Instant::now());
    }

    /// All requests whose path begins with `path`.
    pub fn to(&self, path: &str) -> Vec<Received> {
        let record = self.0.lock().unwrap();
        let all = record.received.iter();
        all.filter(|one| one.request.path.starts_with(path))
            .cloned()
            .collect()
    }

    /// The times of all requests whose path is `path`, and of connections reset before a request.
    pub fn connects(&self, path: &str) -> Vec<Instant> {
        let record = self.0.lock().unwrap();
        let to_path = record
            .received
            .iter()
            .filter(|one| one.request.path == path);
        let mut times: Vec<Instant> = to_path.map(|one| one.at).collect();
        times.extend(&record.refused);
        times.sort_unstable();
        times
    }

    /// The waits between connects, in milliseconds.
    pub fn waits_ms(&self, path: &str) -> Vec<u128> {
        let times = self.connects(path);
        let pairs = times.windows(2);
        pairs.map(|pair| (pair[1] - pair[0]).as_millis()).collect()
    }
}
