//! Sends lines to a server in bodies, with retries, and keeps the report.
//!
//! Sending a body twice is safe: a tweet that is journaled twice is folded once, by its id.

use std::time::Duration;

use indicatif::ProgressBar;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::refusals::{Notes, Refusals, Rejected};
use super::source::MAX_LINE_BYTES;
use crate::cli::client::{ClientError, ServerClient};
use crate::cli::output::Output;

/// Maximum number of lines per body.
pub(in crate::cli) const MAX_LINES: usize = 1_000;
/// A body of at least this many bytes takes no further line.
const FULL_BYTES: usize = 3 * 1024 * 1024;
/// Time limit for retries when the server has answered before.
const PATIENCE: Duration = Duration::from_secs(30);
/// Time limit for retries when the server never answered.
const FIRST_PATIENCE: Duration = Duration::from_secs(5);
/// The first wait before a body is sent again. Each further wait is twice as long, up to
/// [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Maximum number of tries for lines that the server could not decide in time.
const UNDECIDED_TRIES: u32 = 5;

/// Lines that are sent together.
#[derive(Debug, Default)]
pub(in crate::cli) struct PublishBody {
    numbers: Vec<u64>,
    ends: Vec<usize>,
    bytes: Vec<u8>,
}

impl PublishBody {
    pub(in crate::cli) fn push(&mut self, number: u64, line: &[u8]) {
        self.bytes.extend_from_slice(line);
        self.bytes.push(b'\n');
        self.numbers.push(number);
        self.ends.push(self.bytes.len());
    }

    pub(in crate::cli) fn lines(&self) -> usize {
        self.numbers.len()
    }

    pub(in crate::cli) fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    pub(in crate::cli) fn is_full(&self) -> bool {
        self.bytes.len() >= FULL_BYTES
    }

    /// The line at `index` from 0, with its number in the input.
    pub(super) fn line(&self, index: usize) -> Option<(u64, &[u8])> {
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        let line = self.bytes.get(start..*self.ends.get(index)?)?;
        Some((*self.numbers.get(index)?, line.trim_ascii_end()))
    }
}

/// The server's answer to a body.
#[derive(Debug, Deserialize)]
struct Answer {
    accepted: u64,
    journaled: u64,
    unmatched: u64,
    rejected: Vec<Rejected>,
    #[serde(default)]
    rejected_unlisted: u64,
    seq: u64,
}

/// The result of publishing.
#[derive(Debug, Default, Serialize)]
pub(in crate::cli) struct PublishReport {
    /// Lines that were not blank.
    pub(in crate::cli) lines: u64,
    /// Lines that were journaled at least once.
    pub(in crate::cli) accepted: u64,
    /// Tweet events journaled; a line that concerns two keywords counts twice.
    pub(in crate::cli) journaled: u64,
    /// Lines that concern no tracked keyword.
    pub(in crate::cli) unmatched: u64,
    /// Lines that were rejected.
    #[serde(flatten)]
    pub(in crate::cli) rejected: Refusals,
    /// The last sequence written.
    pub(in crate::cli) seq: u64,
    /// Number of bodies that a server was sent more than once. For JetStream: number of times that
    /// a body was sent again.
    pub(in crate::cli) resent: u64,
    /// Duration of publishing, in seconds.
    pub(in crate::cli) seconds: f64,
}

/// Sends bodies one after the other, so that events stay in order.
#[derive(Debug)]
pub(in crate::cli) struct Sender<'a> {
    client: &'a ServerClient,
    notes: Notes,
    started: Instant,
    answered: bool,
    report: PublishReport,
}

impl<'a> Sender<'a> {
    pub(in crate::cli) fn new(client: &'a ServerClient, output: Output, bar: ProgressBar) -> Self {
        Self {
            client,
            notes: Notes::new(output, bar),
            started: Instant::now(),
            answered: false,
            report: PublishReport::default(),
        }
    }

    /// Finishes the report. Rejected lines are in the order of the input.
    pub(in crate::cli) fn finish(mut self) -> PublishReport {
        self.report.rejected.sort();
        self.report.seconds = self.started.elapsed().as_secs_f64();
        self.report
    }

    /// Counts a line as rejected without sending it, because it is too long.
    pub(in crate::cli) fn refuse_here(&mut self, number: u64) {
        self.report.lines = self.report.lines.saturating_add(1);
        let reason = format!("the line has more than {MAX_LINE_BYTES} bytes");
        self.reject(Rejected::here(number, reason));
    }

    /// Sends a body until it is answered.
    ///
    /// # Errors
    /// [`ClientError`] when the server refuses the body, or gives no answer within the time limit.
    pub(in crate::cli) async fn send(&mut self, mut body: PublishBody) -> Result<(), ClientError> {
        let lines = u64::try_from(body.lines()).unwrap_or(u64::MAX);
        self.report.lines = self.report.lines.saturating_add(lines);
        let mut tries_left = UNDECIDED_TRIES;
        while !body.is_empty() {
            let answer = self.answer_to(&body).await?;
            self.report.accepted = self.report.accepted.saturating_add(answer.accepted);
            self.report.journaled = self.report.journaled.saturating_add(answer.journaled);
            self.report.unmatched = self.report.unmatched.saturating_add(answer.unmatched);
            self.report.seq = self.report.seq.max(answer.seq);
            tries_left = tries_left.saturating_sub(1);
            self.report.rejected.push_unnamed(answer.rejected_unlisted);
            let mut undecided = PublishBody::default();
            for mut rejected in answer.rejected {
                let index = rejected.line.checked_sub(1);
                let index = index.and_then(|index| usize::try_from(index).ok());
                if let Some((number, line)) = index.and_then(|index| body.line(index)) {
                    if tries_left > 0 && rejected.is_undecided() {
                        undecided.push(number, line);
                        continue;
                    }
                    rejected.line = number;
                }
                self.reject(rejected);
            }
            body = undecided;
        }
        Ok(())
    }

    async fn answer_to(&mut self, body: &PublishBody) -> Result<Answer, ClientError> {
        let first_sent = Instant::now();
        let mut wait = FIRST_WAIT;
        loop {
            let bytes = Some(("application/x-ndjson", body.bytes.clone()));
            let asked = self.client.ask(Method::POST, "/api/v1/tweets", bytes);
            let error = match asked.await {
                Ok(answer) => {
                    self.answered = true;
                    return Ok(answer);
                }
                Err(error) => error,
            };
            self.answered |= matches!(error, ClientError::Refused { .. });
            let patience = if self.answered {
                PATIENCE
            } else {
                FIRST_PATIENCE
            };
            let pause = error.retry_after().unwrap_or(wait);
            if !error.is_passing() || first_sent.elapsed() + pause > patience {
                return Err(error);
            }
            if wait == FIRST_WAIT {
                self.report.resent = self.report.resent.saturating_add(1);
            }
            self.notes.say_trying_again(&format!(
                "{error}; sending again in {:.1} s, which is safe: repeated events count once",
                pause.as_secs_f64()
            ));
            sleep(pause).await;
            wait = wait.saturating_mul(2).min(LONGEST_WAIT);
        }
    }

    fn reject(&mut self, rejected: Rejected) {
        self.report.rejected.push(rejected, &mut self.notes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_body_are_found_by_index() {
        let mut body = PublishBody::default();
        body.push(3, b"abc");
        body.push(7, b"d");
        assert_eq!(body.line(0), Some((3, &b"abc"[..])));
        assert_eq!(body.line(1), Some((7, &b"d"[..])));
        assert_eq!(body.line(2), None);
        assert_eq!(body.bytes, b"abc\nd\n");
    }
}
