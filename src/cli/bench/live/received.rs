//! Updates the state of a client from the bytes that the client receives.

use std::sync::atomic::Ordering;
use std::time::Duration;

use memchr::memmem;

use super::client::{Client, RETRY};
use crate::cli::bench::frames::{self, Frame, Said};

impl Client {
    /// Handles the bytes of a read; returns the pause before the reconnect after a close frame.
    pub(super) fn take(
        &mut self,
        finder: &memmem::Finder<'_>,
        read: &[u8],
        is_fresh: &mut bool,
    ) -> Option<Duration> {
        let count = u64::try_from(read.len()).unwrap_or(u64::MAX);
        self.tally.bytes.fetch_add(count, Ordering::Relaxed);
        if self.rest.is_empty() {
            let (taken, retry) = self.frames(finder, read, is_fresh);
            self.rest
                .extend_from_slice(read.get(taken..).unwrap_or_default());
            return retry;
        }
        let mut bytes = std::mem::take(&mut self.rest);
        bytes.extend_from_slice(read);
        let (taken, retry) = self.frames(finder, &bytes, is_fresh);
        bytes.drain(..taken);
        if !bytes.is_empty() {
            self.rest = bytes;
        }
        retry
    }

    /// Handles all complete frames; returns their length in bytes, and the pause before the
    /// reconnect if one was a close frame.
    fn frames(
        &mut self,
        finder: &memmem::Finder<'_>,
        bytes: &[u8],
        is_fresh: &mut bool,
    ) -> (usize, Option<Duration>) {
        let mut taken = 0;
        while let Some((frame, length)) = frames::first(bytes.get(taken..).unwrap_or_default()) {
            match frame {
                Frame::Text(payload) => {
                    self.tally.frames.fetch_add(1, Ordering::Relaxed);
                    for line in payload.split(|byte| *byte == b'\n') {
                        self.hear(finder, line, is_fresh);
                    }
                }
                Frame::Close(_) => {
                    let reason = bytes.get(taken..).unwrap_or_default();
                    return (bytes.len(), Some(retry_of(reason)));
                }
                Frame::Ping(payload) => self.pongs.extend(frames::pong(payload)),
                Frame::Other => {}
            }
            taken += length;
        }
        (taken, None)
    }

    fn hear(&mut self, finder: &memmem::Finder<'_>, line: &[u8], is_fresh: &mut bool) {
        let tally = &self.tally;
        match frames::said(line) {
            Said::Snapshot { seq } => {
                if std::mem::take(is_fresh) {
                    tally.subscribed.fetch_add(1, Ordering::Relaxed);
                } else {
                    tally.resyncs.fetch_add(1, Ordering::Relaxed);
                }
                self.held = frames::epoch(line).map(|epoch| (epoch.to_owned(), seq));
                let newest = frames::numbers(finder, line).max();
                self.move_on(newest);
            }
            Said::Update { prev, seq } => {
                if let Some((_, held)) = &mut self.held {
                    if prev > *held {
                        tally.gaps.fetch_add(1, Ordering::Relaxed);
                    }
                    *held = seq.max(*held);
                }
                let numbers: Vec<u64> = frames::numbers(finder, line).collect();
                tally.received(&numbers);
                self.move_on(numbers.into_iter().max());
            }
            Said::Subscribed { recovered: true } => {
                tally.recovered.fetch_add(1, Ordering::Relaxed);
                tally.subscribed.fetch_add(1, Ordering::Relaxed);
                *is_fresh = false;
            }
            Said::Subscribed { recovered: false } => {
                // The resume was refused: the snapshot that follows sets a new state.
                self.held = None;
            }
            Said::Other => {}
        }
    }

    fn move_on(&mut self, newest: Option<u64>) {
        let Some(newest) = newest.map(|newest| newest + 1) else {
            return;
        };
        let before = self.newest.unwrap_or_default();
        if newest > before {
            self.tally
                .progress
                .fetch_add(newest - before, Ordering::Relaxed);
            self.newest = Some(newest);
        }
    }
}

/// The pause that the close frame of a restart names.
fn retry_of(frame: &[u8]) -> Duration {
    let name = b"\"retry_ms\":";
    let millis = memmem::find(frame, name).and_then(|at| {
        let digits = frame.get(at + name.len()..)?;
        let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
        std::str::from_utf8(digits.get(..end)?).ok()?.parse().ok()
    });
    millis.map_or(RETRY, Duration::from_millis)
}
