//! The hosts of Jetstream, tried in order: which one is connected next.
//!
//! In: whether a connection delivered an event. Out: the host of the next connection, and whether
//! the newest cursor is of that host.

use std::sync::Arc;

use parking_lot::Mutex;
use reqwest::{Client, Url};

use crate::settings::BlueskySettings;
use crate::sources::{ConnectError, web};

/// Number of failures in a row after which the next host is tried.
const MAX_FAILURES: u32 = 3;

/// The hosts, and the one in turn.
#[derive(Debug)]
pub(super) struct Hosts {
    all: Vec<Host>,
    turn: Arc<Mutex<Turn>>,
}

/// A host.
#[derive(Debug, Clone)]
pub(super) struct Host {
    /// The base URL for HTTP, without a slash at its end.
    pub(super) base: String,
    /// The client for the host.
    pub(super) client: Client,
}

#[derive(Debug, Default)]
struct Turn {
    index: usize,
    failures: u32,
    /// The host whose events were received last.
    heard: Option<usize>,
}

/// Whether the newest cursor is of the host that is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CursorHost {
    /// The cursor is of this host.
    Same,
    /// The cursor is of an earlier process, which may have been connected to another host.
    Unknown,
    /// The cursor is of another host.
    Other,
}

/// A connection to a host, or the try of one. It has failed when it is dropped before an event was
/// received.
#[derive(Debug)]
pub(super) struct Visit {
    index: usize,
    count: usize,
    turn: Arc<Mutex<Turn>>,
    is_heard: bool,
}

impl Hosts {
    /// The hosts of the settings.
    ///
    /// # Errors
    /// [`ConnectError::Unusable`] when there is none, or a URL may not be used.
    pub(super) fn new(settings: &BlueskySettings) -> Result<Self, ConnectError> {
        let all: Result<Vec<Host>, ConnectError> = settings
            .urls
            .iter()
            .map(|url| Host::new(url, settings.insecure))
            .collect();
        let all = all?;
        if all.is_empty() {
            let reason = "sources.bluesky.url is empty; give the address of a Jetstream server";
            return Err(ConnectError::Unusable(reason.to_owned()));
        }
        Ok(Self {
            all,
            turn: Arc::default(),
        })
    }

    /// Begins a connection to the host in turn.
    ///
    /// # Errors
    /// [`ConnectError::Unusable`] when there is no host.
    pub(super) fn visit(&self) -> Result<(Host, Visit), ConnectError> {
        let index = self.turn.lock().index;
        let host = self.all.get(index).cloned();
        let host = host.ok_or_else(|| ConnectError::Unusable("there is no host".to_owned()))?;
        let visit = Visit {
            index,
            count: self.all.len(),
            turn: Arc::clone(&self.turn),
            is_heard: false,
        };
        Ok((host, visit))
    }
}

impl Host {
    fn new(url: &str, insecure: bool) -> Result<Self, ConnectError> {
        let checked = web::check_url("sources.bluesky.url", url, insecure)?;
        let base = url.trim_end_matches('/').replacen("ws", "http", 1);
        let client = web::client(&checked)?;
        Ok(Self { base, client })
    }

    /// The URL of a path with its query.
    ///
    /// # Errors
    /// [`ConnectError::Unusable`] when it is no URL.
    pub(super) fn url(&self, path_and_query: &str) -> Result<Url, ConnectError> {
        Url::parse(&format!("{}{path_and_query}", self.base))
            .map_err(|error| ConnectError::Unusable(format!("sources.bluesky.url: {error}")))
    }
}

impl Visit {
    /// Whether the newest cursor is of this host.
    pub(super) fn cursor_host(&self) -> CursorHost {
        match self.turn.lock().heard {
            Some(index) if index == self.index => CursorHost::Same,
            Some(_) => CursorHost::Other,
            None if self.count == 1 => CursorHost::Same,
            None => CursorHost::Unknown,
        }
    }

    /// An event was received.
    pub(super) fn hear(&mut self) {
        if self.is_heard {
            return;
        }
        self.is_heard = true;
        let mut turn = self.turn.lock();
        turn.failures = 0;
        turn.heard = Some(self.index);
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if self.is_heard {
            return;
        }
        let mut turn = self.turn.lock();
        turn.failures = turn.failures.saturating_add(1);
        if turn.failures >= MAX_FAILURES {
            turn.failures = 0;
            turn.index = self.index.saturating_add(1) % self.count.max(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::bluesky::stub::settings_of_test;

    fn hosts(urls: &[&str]) -> Result<Hosts, ConnectError> {
        let mut settings = settings_of_test();
        settings.urls = urls.iter().map(|url| (*url).to_owned()).collect();
        Hosts::new(&settings)
    }

    fn base(hosts: &Hosts) -> String {
        hosts.visit().unwrap().0.base
    }

    #[test]
    fn next_host_is_tried_after_three_failures_in_a_row() {
        let hosts = hosts(&["ws://127.0.0.1:1", "ws://127.0.0.1:2/"]).unwrap();
        let mut first = hosts.visit().unwrap();
        assert_eq!(first.0.base, "http://127.0.0.1:1");
        assert_eq!(first.1.cursor_host(), CursorHost::Unknown);
        first.1.hear();
        drop(first);
        assert_eq!(base(&hosts), "http://127.0.0.1:1");
        assert_eq!(base(&hosts), "http://127.0.0.1:1");
        let (again, mut visit) = hosts.visit().unwrap();
        assert_eq!(again.base, "http://127.0.0.1:1");
        assert_eq!(visit.cursor_host(), CursorHost::Same);
        visit.hear();
        drop(visit);
        for _ in 0..3 {
            assert_eq!(base(&hosts), "http://127.0.0.1:1");
        }
        let (second, visit) = hosts.visit().unwrap();
        assert_eq!(second.base, "http://127.0.0.1:2");
        assert_eq!(visit.cursor_host(), CursorHost::Other);
        drop(visit);
        for _ in 0..2 {
            assert_eq!(base(&hosts), "http://127.0.0.1:2");
        }
        assert_eq!(base(&hosts), "http://127.0.0.1:1");
    }

    #[test]
    fn plain_connection_to_another_machine_is_refused() {
        assert!(hosts(&["wss://a.example"]).is_ok());
        for urls in [&["ws://a.example"][..], &[]] {
            let error = hosts(urls).unwrap_err().to_string();
            assert!(error.contains("sources.bluesky.url"), "{error}");
        }
    }
}
