//! The checkpoint of a source.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::events::{Timestamp, TweetId};
use crate::sources::gaps::Gaps;
use crate::sources::ledger::Ledger;
use crate::sources::versions::KnownVersion;
use crate::sources::{Resume, Slice};

/// The version of the format.
const VERSION: u32 = 1;

/// How far a source is. Everything in it was acknowledged by the destination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// The version of the format.
    pub version: u32,
    /// The greatest cursor of an acknowledged record.
    #[serde(default)]
    pub cursor: Option<u64>,
    /// The id of the newest acknowledged post.
    #[serde(default)]
    pub newest_id: Option<TweetId>,
    /// The time of the newest acknowledged record.
    #[serde(default)]
    pub newest_at: Option<Timestamp>,
    /// The time of the first connection.
    #[serde(default)]
    pub connected_first_at: Option<Timestamp>,
    /// The counts of settled records.
    #[serde(default)]
    pub ledger: Ledger,
    /// The number of reconnects.
    #[serde(default)]
    pub reconnects: u64,
    /// What was read from a source that charges for it.
    #[serde(default)]
    pub costs: Costs,
    /// The gaps.
    #[serde(default)]
    pub gaps: Gaps,
    /// How keywords are packed into rules; only the source reads it.
    #[serde(default)]
    pub packing: Option<Value>,
    /// The keywords in the order in which they were seen to be tracked.
    #[serde(default)]
    pub keyword_order: Vec<String>,
    /// The back-fill, unfinished or finished.
    #[serde(default)]
    pub backfill: Option<Backfill>,
    /// The versions of edited posts, oldest first.
    #[serde(default)]
    pub versions: Vec<KnownVersion>,
    /// For files: the records that are done, by file.
    #[serde(default)]
    pub files: Vec<Value>,
}

/// What was read from a source that charges for it, since the first run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Costs {
    /// The number of posts.
    pub posts: u64,
    /// Millionths of a US dollar.
    pub micro_usd: u64,
    /// The month of `month_micro_usd`: its first moment in UTC.
    pub month: Timestamp,
    /// Millionths of a US dollar in that month.
    pub month_micro_usd: u64,
}

/// A back-fill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backfill {
    /// The arguments from which it was made. A run with other arguments begins another one.
    pub arguments: String,
    /// The start, inclusive.
    pub from: Timestamp,
    /// The end, exclusive.
    pub to: Timestamp,
    /// What remains to be fetched; `None` before it was planned.
    pub slices: Option<Vec<Slice>>,
    /// True while a connection sends a part of it.
    #[serde(default)]
    pub replays: bool,
    /// The number of slices at the beginning.
    pub planned: u64,
    /// The number of posts that the source announced.
    pub expected: Option<u64>,
    /// The number of posts that were fetched.
    pub posts: u64,
    /// The number of pages that were fetched.
    pub requests: u64,
    /// True when nothing remains.
    pub done: bool,
}

impl Default for Checkpoint {
    fn default() -> Self {
        Self {
            version: VERSION,
            cursor: None,
            newest_id: None,
            newest_at: None,
            connected_first_at: None,
            ledger: Ledger::default(),
            reconnects: 0,
            costs: Costs::default(),
            gaps: Gaps::default(),
            packing: None,
            keyword_order: Vec::new(),
            backfill: None,
            versions: Vec::new(),
            files: Vec::new(),
        }
    }
}

impl Checkpoint {
    /// Reads a checkpoint.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let checkpoint: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if checkpoint.version != VERSION {
            return Err(format!(
                "it has version {}, and this tidings reads version {VERSION}",
                checkpoint.version
            ));
        }
        Ok(checkpoint)
    }

    /// Where the next connection continues.
    pub fn resume(&self) -> Resume {
        Resume {
            cursor: self.cursor,
            since: self.newest_at.or(self.connected_first_at),
        }
    }
}

impl Costs {
    /// Adds costs at a time. The sum of the month begins again with each calendar month in UTC.
    pub fn add(&mut self, posts: u64, micro_usd: u64, now: Timestamp) {
        self.turn(now);
        self.posts = self.posts.saturating_add(posts);
        self.micro_usd = self.micro_usd.saturating_add(micro_usd);
        self.month_micro_usd = self.month_micro_usd.saturating_add(micro_usd);
    }

    /// Begins the month of `now`, if it is a later one: a clock that goes back changes nothing.
    pub fn turn(&mut self, now: Timestamp) {
        let month = month_of(now);
        if month > self.month {
            self.month = month;
            self.month_micro_usd = 0;
        }
    }
}

/// The first moment of the calendar month of a time, in UTC.
fn month_of(time: Timestamp) -> Timestamp {
    let text = time.to_string();
    let month = text.get(..7).unwrap_or_default();
    Timestamp::parse(&format!("{month}-01T00:00:00Z")).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoint_is_read_as_it_was_written() {
        let mut checkpoint = Checkpoint {
            cursor: Some(u64::MAX),
            newest_at: Some(Timestamp::from_millis(5)),
            keyword_order: vec!["아이폰".into()],
            ..Checkpoint::default()
        };
        checkpoint.ledger.journaled = 7;
        let bytes = serde_json::to_vec(&checkpoint).unwrap();
        assert_eq!(Checkpoint::decode(&bytes).unwrap(), checkpoint);
    }

    #[test]
    fn damaged_or_later_checkpoint_is_refused_with_the_reason() {
        for (text, part) in [
            ("{", "EOF"),
            (r#"{"version":2}"#, "version 2"),
            (r#"{"version":1,"curser":5}"#, "curser"),
        ] {
            let reason = Checkpoint::decode(text.as_bytes()).unwrap_err();
            assert!(reason.contains(part), "{reason}");
        }
    }

    #[test]
    fn costs_of_a_month_begin_again_with_the_next_one() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let mut costs = Costs::default();
        costs.add(2, 30, at("2026-11-30T23:59:59.999Z"));
        costs.add(1, 5, at("2026-11-30T23:59:59.999Z"));
        assert_eq!(
            (costs.posts, costs.micro_usd, costs.month_micro_usd),
            (3, 35, 35)
        );
        costs.add(1, 5, at("2026-12-01T00:00:00Z"));
        assert_eq!(
            (costs.posts, costs.micro_usd, costs.month_micro_usd),
            (4, 40, 5)
        );
        costs.turn(at("2027-01-01T00:00:00Z"));
        assert_eq!(costs.month_micro_usd, 0);
    }
}
