//! Reports rejected lines: names the first ones and counts the others.
//!
//! An input may have any number of bad lines, so only a bounded number of them is kept or printed.

use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};

use crate::cli::output::{MAX_NAMED, Output, is_zero, plain};
use crate::ingest::TRY_AGAIN;

/// Maximum kept length of a reason, in bytes.
const MAX_REASON_BYTES: usize = 2_048;

/// A rejected line. In a server's answer, `line` is its number in the body. In a report, `line` is
/// its number in the input.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::cli) struct Rejected {
    pub(in crate::cli) line: u64,
    /// The code of the error, if the server sent one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) code: Option<String>,
    pub(in crate::cli) reason: String,
}

impl Rejected {
    /// A line that is rejected before it is sent.
    pub(super) fn here(line: u64, reason: String) -> Self {
        Self {
            line,
            code: None,
            reason,
        }
    }

    /// True when the server could not decide in time.
    pub(super) fn is_undecided(&self) -> bool {
        self.code.as_deref() == Some(TRY_AGAIN)
    }
}

/// Rejected lines; the first ones are named.
#[derive(Debug, Default, Serialize)]
pub(in crate::cli) struct Refusals {
    /// The rejected lines that came first, in the order of the input after `sort`.
    #[serde(rename = "rejected")]
    named: Vec<Rejected>,
    /// Number of rejected lines that are not in `named`.
    #[serde(rename = "rejected_unlisted", skip_serializing_if = "is_zero")]
    unnamed: u64,
}

impl Refusals {
    /// Number of rejected lines.
    pub(in crate::cli) fn count(&self) -> u64 {
        let named = u64::try_from(self.named.len()).unwrap_or(u64::MAX);
        named.saturating_add(self.unnamed)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// Adds a rejected line, and prints it while the limit of named lines is not reached.
    pub(super) fn push(&mut self, mut rejected: Rejected, notes: &mut Notes) {
        if self.named.len() >= MAX_NAMED {
            if self.unnamed == 0 {
                notes.say("further rejected lines are only counted");
            }
            self.unnamed = self.unnamed.saturating_add(1);
            return;
        }
        let reason = &mut rejected.reason;
        reason.truncate(reason.floor_char_boundary(MAX_REASON_BYTES));
        notes.say(&format!(
            "line {} was rejected: {}",
            rejected.line,
            plain(&rejected.reason)
        ));
        self.named.push(rejected);
    }

    /// Adds rejected lines of which only the number is known.
    pub(super) fn push_unnamed(&mut self, count: u64) {
        self.unnamed = self.unnamed.saturating_add(count);
    }

    /// Sorts the named lines into the order of the input.
    pub(super) fn sort(&mut self) {
        self.named.sort_by_key(|rejected| rejected.line);
    }
}

/// Prints notes on standard error beside a progress bar. With JSON output it prints none, because
/// the report has the same facts.
#[derive(Debug)]
pub(super) struct Notes {
    output: Output,
    bar: ProgressBar,
    tries: usize,
}

impl Notes {
    pub(super) fn new(output: Output, bar: ProgressBar) -> Self {
        Self {
            output,
            bar,
            tries: 0,
        }
    }

    /// Notes a retry. After [`MAX_NAMED`] such notes, further notes are omitted.
    pub(super) fn say_trying_again(&mut self, text: &str) {
        self.tries = self.tries.saturating_add(1);
        if self.tries <= MAX_NAMED {
            self.say(&plain(text));
        }
        if self.tries == MAX_NAMED {
            self.say("further retries are not mentioned");
        }
    }

    fn say(&self, text: &str) {
        if !self.output.is_json() {
            self.bar.suspend(|| self.output.note(text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::output::Format;

    #[test]
    fn first_lines_are_named_and_the_others_are_counted() {
        let mut notes = Notes::new(Output::new(Format::Json), ProgressBar::hidden());
        let mut refusals = Refusals::default();
        for line in (1..=1_000).rev() {
            refusals.push(Rejected::here(line, "가".repeat(5_000)), &mut notes);
        }
        refusals.push_unnamed(7);
        refusals.sort();
        assert_eq!(refusals.count(), 1_007);
        assert_eq!(refusals.named.len(), MAX_NAMED);
        assert_eq!(refusals.named.first().map(|first| first.line), Some(901));
        assert!(
            refusals
                .named
                .iter()
                .all(|one| one.reason.len() <= MAX_REASON_BYTES)
        );
        let json = serde_json::to_value(&refusals).unwrap();
        assert_eq!(json["rejected_unlisted"], 907);
    }
}
