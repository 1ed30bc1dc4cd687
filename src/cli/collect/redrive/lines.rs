//! The lines of a rejected log while their records are sent again.
//!
//! A line can have several records: those of a page of a file. It leaves the log when none of its
//! records is rejected any more. Only then its records are counted, so that a line that stays
//! counts as one rejected record and as nothing else.

use crate::cli::collect::reporting::count;
use crate::sources::{Ledger, Outcome, RejectedEntry};

/// The lines of a log.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<Line>);

#[derive(Debug)]
struct Line {
    text: String,
    /// The number of records that are not settled.
    unsettled: usize,
    /// Why the line stays.
    reason: Option<String>,
    /// The records that are settled, the rejected ones excepted.
    settled: Ledger,
}

impl Lines {
    /// Adds a line of which nothing is sent. It stays, with its own reason when none is given.
    pub(super) fn keep(&mut self, text: String, reason: Option<&str>) {
        let text = match reason {
            Some(reason) => with_reason(&text, reason),
            None => text,
        };
        self.0.push(Line {
            text,
            unsettled: 1,
            reason: None,
            settled: Ledger::default(),
        });
    }

    /// Adds a line with so many records. Returns its number for [`Self::settle`].
    pub(super) fn send(&mut self, text: String, records: usize) -> usize {
        self.0.push(Line {
            text,
            unsettled: records,
            reason: None,
            settled: Ledger::default(),
        });
        self.0.len().saturating_sub(1)
    }

    /// Notes what became of a record of a line.
    pub(super) fn settle(&mut self, line: usize, outcome: Outcome) {
        let Some(line) = self.0.get_mut(line) else {
            return;
        };
        line.unsettled = line.unsettled.saturating_sub(1);
        match outcome {
            Outcome::Rejected(reason) => line.reason = Some(reason),
            other => count(&mut line.settled, &other),
        }
    }

    /// The lines that stay, the number of the others, and what their records came to.
    pub(super) fn outcome(self) -> (Vec<String>, u64, Ledger) {
        let (mut kept, mut gone, mut sum) = (Vec::new(), 0_u64, Ledger::default());
        for line in self.0 {
            match line.reason {
                Some(reason) => kept.push(with_reason(&line.text, &reason)),
                None if line.unsettled > 0 => kept.push(line.text),
                None => {
                    gone = gone.saturating_add(1);
                    add(&mut sum, line.settled);
                }
            }
        }
        (kept, gone, sum)
    }
}

/// Adds the counts of a ledger to another one.
pub(super) fn add(sum: &mut Ledger, counts: Ledger) {
    sum.journaled = sum.journaled.saturating_add(counts.journaled);
    sum.unmatched = sum.unmatched.saturating_add(counts.unmatched);
    sum.duplicate = sum.duplicate.saturating_add(counts.duplicate);
    sum.rejected = sum.rejected.saturating_add(counts.rejected);
    sum.control = sum.control.saturating_add(counts.control);
}

/// The line with the reason of this time. A line that is no entry stays as it is.
fn with_reason(line: &str, reason: &str) -> String {
    let entry = serde_json::from_str::<RejectedEntry>(line).ok();
    let renewed = entry.and_then(|entry| {
        let reason = reason.to_owned();
        serde_json::to_string(&RejectedEntry { reason, ..entry }).ok()
    });
    renewed.unwrap_or_else(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Timestamp;

    fn line(reason: &str) -> String {
        let now = Timestamp::from_millis(0);
        serde_json::to_string(&RejectedEntry::new(now, reason, "a.json:1", b"{}")).unwrap()
    }

    fn rejected(reason: &str) -> Outcome {
        Outcome::Rejected(reason.to_owned())
    }

    #[test]
    fn page_is_one_line_whatever_becomes_of_its_records() {
        let mut lines = Lines::default();
        let (whole, partly) = (lines.send(line("whole"), 3), lines.send(line("partly"), 3));
        for outcome in [Outcome::Sent, Outcome::Unmatched, Outcome::Control] {
            lines.settle(whole, outcome);
        }
        for outcome in [Outcome::Sent, rejected("first"), rejected("no text")] {
            lines.settle(partly, outcome);
        }
        let (kept, gone, sum) = lines.outcome();
        assert_eq!((kept, gone), (vec![line("no text")], 1));
        let expected = Ledger {
            journaled: 1,
            unmatched: 1,
            control: 1,
            ..Ledger::default()
        };
        assert_eq!(sum, expected);
    }

    #[test]
    fn line_without_records_and_a_line_that_waits_stay() {
        let mut lines = Lines::default();
        lines.keep("{\"at\":\"to".to_owned(), None);
        lines.keep(line("a row"), Some("needs --map"));
        let waits = lines.send(line("waits"), 2);
        lines.settle(waits, Outcome::Duplicate);
        let (kept, gone, sum) = lines.outcome();
        let expected = [
            "{\"at\":\"to".to_owned(),
            line("needs --map"),
            line("waits"),
        ];
        assert_eq!((kept.as_slice(), gone), (&expected[..], 0));
        assert_eq!(sum, Ledger::default());
    }
}
