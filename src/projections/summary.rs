//! The summary of a keyword: one row with its position, its ledger and its totals.
//!
//! Rows are written in version 3. Version 2 has no `changed_at`. Version 1 has none either and ends
//! with `id_runs`. Both are still read, because views of an earlier version answer until the views
//! of this version have caught up.
//!
//! Every record changes the summary, so `changed_at` is `as_of`.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::fold::FoldOutcome;
use super::row_format::RowFormat;
use super::{RowKey, RowKind, RowsError};
use crate::events::{KeywordRules, RecordHash, Sequence, Timestamp, binary};

/// Position, ledger and totals of a keyword.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KeywordSummary {
    /// Whether the keyword is tracked. An untracked keyword keeps only its position and its ledger.
    pub tracked: bool,
    /// The sequence of the last record of this keyword that was folded (0 = none).
    pub as_of: Sequence,
    /// Counts of the outcomes of the records of this keyword.
    pub ledger: Ledger,
    /// Number of tweets in the views.
    pub tweets: u64,
    /// Time of the oldest tweet in the views.
    pub first_at: Option<Timestamp>,
    /// Time of the newest tweet in the views.
    pub last_at: Option<Timestamp>,
    /// The number of runs of ids on each level.
    pub id_runs: Vec<u8>,
    /// The hash of the record at `as_of`; [`RecordHash::default`] at sequence 0 and in rows of
    /// version 1.
    pub mark: RecordHash,
    /// When the journal received the record at `as_of`; 1970-01-01 if there is no mark.
    pub received_at: Timestamp,
    /// A client that resumes below this position gets a snapshot. Always 0 so far.
    pub resync_after: Sequence,
    /// The rules of the newest `keyword.tracked` that names rules; empty for an untracked keyword.
    /// The rules decide which later tweets match the keyword, and do not change what is folded.
    pub rules: KeywordRules,
    /// Reserved. Always 0 so far.
    pub flags: u32,
}

/// A row of version 1.
#[derive(Deserialize)]
struct SummaryV1 {
    tracked: bool,
    as_of: Sequence,
    ledger: Ledger,
    tweets: u64,
    first_at: Option<Timestamp>,
    last_at: Option<Timestamp>,
    id_runs: Vec<u8>,
}

impl From<SummaryV1> for KeywordSummary {
    fn from(row: SummaryV1) -> Self {
        Self {
            tracked: row.tracked,
            as_of: row.as_of,
            ledger: row.ledger,
            tweets: row.tweets,
            first_at: row.first_at,
            last_at: row.last_at,
            id_runs: row.id_runs,
            ..Self::default()
        }
    }
}

/// The number of records of a keyword with each outcome: `journaled = folded + duplicate + ignored
/// + rejected`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ledger {
    /// All records.
    pub journaled: u64,
    /// Records that took effect, or stated what was already true.
    pub folded: u64,
    /// Records with tweets that were seen before.
    pub duplicate: u64,
    /// Records that had nothing to act on, or came while the keyword was untracked.
    pub ignored: u64,
    /// Records that could not be decoded.
    pub rejected: u64,
    /// Tweets that were removed. Not a part of the sum.
    pub deleted: u64,
}

impl Ledger {
    /// Counts a record.
    pub(super) const fn count(&mut self, outcome: FoldOutcome) {
        let count = match outcome {
            FoldOutcome::Folded => &mut self.folded,
            FoldOutcome::Duplicate => &mut self.duplicate,
            FoldOutcome::Ignored => &mut self.ignored,
            FoldOutcome::Rejected => &mut self.rejected,
            FoldOutcome::Skipped => return,
        };
        *count = count.saturating_add(1);
        self.journaled = self.journaled.saturating_add(1);
    }

    /// Adds the ledger of another keyword.
    pub fn add(&mut self, other: &Self) {
        self.journaled += other.journaled;
        self.folded += other.folded;
        self.duplicate += other.duplicate;
        self.ignored += other.ignored;
        self.rejected += other.rejected;
        self.deleted += other.deleted;
    }
}

/// The tracking state in a summary. Rows store the index of the variant, so the order is fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tracking {
    /// The keyword is tracked and has no rules.
    Tracked,
    /// The keyword was untracked.
    Dropped,
    /// No record of the keyword is folded yet.
    Unfolded,
    /// The keyword is tracked and has rules, which are in the summary.
    TrackedByRules,
}

const VERSION_1: u8 = 1;
const VERSION_2: u8 = 2;
const VERSION: u8 = 3;

impl KeywordSummary {
    /// The format of the summary row.
    pub const FORMAT: RowFormat = RowFormat {
        kind: RowKind::new(b'h'),
        name: "summary",
        versions: &[VERSION],
        pack: None,
    };

    /// The key of the summary row.
    pub fn key() -> RowKey {
        RowKey::of_kind(Self::FORMAT.kind)
    }

    /// The tracking state.
    pub fn tracking(&self) -> Tracking {
        match (self.as_of, self.tracked) {
            (Sequence::ZERO, _) => Tracking::Unfolded,
            (_, true) if self.rules.is_empty() => Tracking::Tracked,
            (_, true) => Tracking::TrackedByRules,
            (_, false) => Tracking::Dropped,
        }
    }

    /// Counts a tweet that was added to the views.
    pub(super) fn add_tweet(&mut self, at: Timestamp) {
        self.tweets = self.tweets.saturating_add(1);
        self.first_at = Some(self.first_at.map_or(at, |first| first.min(at)));
        self.last_at = Some(self.last_at.map_or(at, |last| last.max(at)));
    }

    /// Counts a tweet that was removed from the views. Returns whether it may have been the oldest
    /// or the newest one; `first_at` and `last_at` must then be found again.
    pub(super) fn remove_tweet(&mut self, at: Timestamp) -> bool {
        self.tweets = self.tweets.saturating_sub(1);
        self.ledger.deleted = self.ledger.deleted.saturating_add(1);
        self.first_at == Some(at) || self.last_at == Some(at)
    }

    /// Encodes the row.
    ///
    /// # Errors
    /// [`RowsError::Damaged`] when the summary does not fit in a row.
    pub fn encode(&self) -> Result<Bytes, RowsError> {
        let mut row = Self::FORMAT.begin_as(VERSION, self.as_of, 64);
        binary::encode_value(self, &mut row)
            .map_err(|error| RowsError::damaged(&Self::key(), error))?;
        Ok(row.into())
    }

    /// Reads the row.
    ///
    /// # Errors
    /// [`RowsError::Damaged`].
    pub fn decode(row: &[u8]) -> Result<Self, RowsError> {
        let key = Self::key();
        let (version, _, body) = Self::FORMAT.open_or_bare(&[VERSION_2, VERSION_1], &key, row)?;
        let decoded = match version {
            VERSION_1 => binary::decode_value::<SummaryV1>(body).map(Self::from),
            _ => binary::decode_value(body),
        };
        decoded.map_err(|error| RowsError::damaged(&key, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> KeywordSummary {
        KeywordSummary {
            tracked: true,
            as_of: Sequence::new(1593),
            ledger: Ledger {
                journaled: 300,
                folded: 250,
                duplicate: 40,
                ignored: 9,
                rejected: 1,
                deleted: 2,
            },
            tweets: 248,
            first_at: Some(Timestamp::from_millis(1_700_000_000_000)),
            last_at: None,
            id_runs: vec![1, 0, 2],
            ..KeywordSummary::default()
        }
    }

    #[test]
    fn rows_of_version_1_are_read_without_a_mark() {
        let golden = "0101fb3906fb2c01fa28090102f801fd00d0ca9f170300000003010002";
        let row = bytes_of(golden);
        assert_eq!(KeywordSummary::decode(&row).unwrap(), example());
    }

    #[test]
    fn rows_of_versions_2_and_3_are_these_bytes() {
        let summary = KeywordSummary {
            mark: RecordHash(0x0123_4567_89ab_cdef),
            received_at: Timestamp::from_millis(1_700_000_000_250),
            resync_after: Sequence::new(70_000),
            rules: KeywordRules::of_test(&["아이폰", "iphone"], &["case"]),
            flags: 5,
            ..example()
        };
        let body = "01fb3906fb2c01fa28090102f801fd00d0ca9f170300000003010002fdefcdab8967452301fdf4d1ca9f17030000fc701101000209ec9584ec9db4ed8fb0066970686f6e6501046361736505";
        let row = summary.encode().unwrap();
        assert_eq!(hex(&row), format!("030000000000000639{body}"));
        let earlier = bytes_of(&format!("02{body}"));
        for row in [&row[..], &earlier] {
            assert_eq!(KeywordSummary::decode(row).unwrap(), summary);
        }
    }

    #[test]
    fn rows_of_a_later_version_and_cut_rows_are_damaged() {
        let row = example().encode().unwrap();
        let later = [&[VERSION + 1], &row[1..]].concat();
        for damaged in [&later[..], &row[..row.len() - 1], &[]] {
            let error = KeywordSummary::decode(damaged).unwrap_err();
            assert!(matches!(error, RowsError::Damaged { .. }), "{damaged:?}");
        }
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn bytes_of(hex: &str) -> Vec<u8> {
        let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(digits).collect()
    }
}
