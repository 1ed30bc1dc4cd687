//! Sends lines directly to JetStream, each to the subject of its keyword.
//!
//! NATS does not match texts, so each line must name its keyword. Unacknowledged records are sent
//! again. This is safe: a tweet that is journaled twice is folded once, by its id.

use std::time::Duration;

use indicatif::ProgressBar;
use tokio::time::{Instant, sleep};

use super::refusals::{Notes, Rejected};
use super::sender::{PublishBody, PublishReport};
use super::source::MAX_LINE_BYTES;
use crate::cli::output::Output;
use crate::events::{Form, Keyword, Record, Timestamp, json};
use crate::journal::{Appended, JetStreamPublisher, JournalError};

/// Time limit for the retries of unacknowledged records.
const PATIENCE: Duration = Duration::from_secs(30);
/// First pause between two tries. Each further pause is twice as long, up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Sends bodies one after the other, so that events stay in order.
#[derive(Debug)]
pub(super) struct NatsSender {
    publisher: JetStreamPublisher,
    notes: Notes,
    started: Instant,
    report: PublishReport,
}

impl NatsSender {
    pub(super) fn new(publisher: JetStreamPublisher, output: Output, bar: ProgressBar) -> Self {
        Self {
            publisher,
            notes: Notes::new(output, bar),
            started: Instant::now(),
            report: PublishReport::default(),
        }
    }

    /// Finishes the report. Rejected lines are in the order of the input.
    pub(super) fn finish(mut self) -> PublishReport {
        self.report.rejected.sort();
        self.report.seconds = self.started.elapsed().as_secs_f64();
        self.report
    }

    /// Counts a line as rejected without sending it, because it is too long.
    pub(super) fn refuse_here(&mut self, number: u64) {
        self.report.lines = self.report.lines.saturating_add(1);
        let reason = format!("the line has more than {MAX_LINE_BYTES} bytes");
        self.reject(number, reason);
    }

    /// Sends a body until all its valid lines are acknowledged.
    ///
    /// # Errors
    /// Names the unacknowledged records and the last cause, when the time limit is over.
    pub(super) async fn send(&mut self, body: &PublishBody) -> anyhow::Result<()> {
        let mut records = Vec::new();
        let lines = (0..body.lines()).filter_map(|index| body.line(index));
        for (number, line) in lines {
            self.report.lines = self.report.lines.saturating_add(1);
            match record_of(line) {
                Ok(record) => records.push(record),
                Err(reason) => self.reject(number, reason),
            }
        }
        let first_sent = Instant::now();
        let mut pause = PAUSE;
        while !records.is_empty() {
            match self.publisher.publish(&records).await {
                Ok(Appended { count, last }) => {
                    self.report.accepted = self.report.accepted.saturating_add(count);
                    self.report.journaled = self.report.journaled.saturating_add(count);
                    self.report.seq = self.report.seq.max(last.get());
                    break;
                }
                Err(JournalError::Unacknowledged {
                    acknowledged,
                    records: count,
                    reason,
                }) if first_sent.elapsed() <= PATIENCE => {
                    self.report.resent = self.report.resent.saturating_add(1);
                    self.notes.say_trying_again(&format!(
                        "NATS acknowledged {acknowledged} of {count} events ({reason}); sending \
                        all of them again, which is safe: a repeated event is counted once"
                    ));
                    sleep(pause).await;
                    pause = LONGEST_PAUSE.min(pause * 2);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn reject(&mut self, line: u64, reason: String) {
        let rejected = Rejected::here(line, reason);
        self.report.rejected.push(rejected, &mut self.notes);
    }
}

/// A line as a record, or the reason why it cannot be one.
fn record_of(line: &[u8]) -> Result<Record, String> {
    let now = Timestamp::now();
    let line = json::decode_line(line, now).map_err(|rejection| rejection.to_string())?;
    let Some(keyword) = line.keyword else {
        return Err(
            "it names no keyword, and NATS does not match texts: give it a \"keyword\", publish \
            with --keyword, or publish to a server with --server"
                .into(),
        );
    };
    let keyword = Keyword::new(&keyword).map_err(|error| format!("field \"keyword\": {error}"))?;
    Record::of_event_in(Form::Wire, &keyword, &line.event, now).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_without_keyword_is_refused_with_a_remedy() {
        let line = br#"{"type":"tweet.deleted","id":"a","at":"2026-01-01T00:00:00Z"}"#;
        assert!(record_of(line).unwrap_err().contains("--keyword"));
        let line =
            br#"{"type":"tweet.deleted","id":"a","at":"2026-01-01T00:00:00Z","keyword":"A.B"}"#;
        assert_eq!(&record_of(line).unwrap().token[..], b"a%2Eb");
    }
}
