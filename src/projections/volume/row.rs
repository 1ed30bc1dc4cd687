//! The rows of counts: which minute is in which row, and when a span changes from minutes to hours.
//!
//! A [`RowSpan`] is the row of sixteen days. While few of its minutes have tweets, it holds counts
//! of minutes. After that it holds counts of hours, and the minutes are in rows of [`Minutes`], one
//! for each six hours. So a keyword with few tweets has one row for sixteen days, and not up to 65.
//! This matters because a store has a cost for each row.

use super::block::Block;
use crate::events::{Sequence, Timestamp};
use crate::projections::{RowFormat, RowKey, RowKind, Rows, RowsError};

/// Minutes of a [`Minutes`] row.
const MINUTES: u16 = 360;

/// Hours of a [`RowSpan`].
const SPAN_HOURS: u16 = 384;
const SPAN_MINUTES: u16 = SPAN_HOURS * 60;

/// Maximum number of minutes with tweets in a [`RowSpan`] of minutes. Most of these minutes take
/// two or three bytes.
const FEW: usize = 128;

/// The versions of rows of minutes, of spans with counts of hours, and of spans with counts of
/// minutes.
const MINUTES_VERSION: u8 = 2;
const HOURS_VERSION: u8 = 3;
const FEW_VERSION: u8 = 4;

/// The earlier versions of these rows, which have no `changed_at`.
const BARE_MINUTES_VERSION: u8 = 1;
const BARE_HOURS_VERSION: u8 = 1;
const BARE_FEW_VERSION: u8 = 2;

/// Rows of [`Minutes`]. The key has the row number in big-endian order.
pub(super) const MINUTES_FORMAT: RowFormat = RowFormat {
    kind: RowKind::new(b'm'),
    name: "minutes",
    versions: &[MINUTES_VERSION],
    pack: None,
};

/// Rows of [`RowSpan`]. The key has the row number in big-endian order.
pub(super) const SPAN_FORMAT: RowFormat = RowFormat {
    kind: RowKind::new(b'r'),
    name: "span",
    versions: &[HOURS_VERSION, FEW_VERSION],
    pack: None,
};

/// Counts that are one row of a kind. Rows of the kind are numbered by time.
pub(super) trait CountRow: Sized {
    /// The format of the rows.
    const FORMAT: RowFormat;

    /// The versions whose rows have no `changed_at`.
    const BARE_VERSIONS: &'static [u8];

    /// The counts of a row that does not exist: all zero.
    fn empty() -> Self;

    /// Decodes the body of a row of this version; `None` when it is not exactly what
    /// [`CountRow::encode`] writes.
    fn decode(version: u8, body: &[u8]) -> Option<Self>;

    /// The version of the row.
    fn version(&self) -> u8;

    /// The counts.
    fn block(&self) -> &Block;

    /// Frees unused memory.
    fn shrink(&mut self);

    /// The key of the row with this number.
    fn key(number: u32) -> RowKey {
        RowKey::of_kind(Self::FORMAT.kind).with(&number.to_be_bytes())
    }

    /// Encodes the row; `None` when all counts are zero. `changed_at` is the sequence of the last
    /// event that changed the row.
    fn encode(&self, changed_at: Sequence) -> Option<Vec<u8>> {
        let block = self.block();
        if block.len() == 0 {
            return None;
        }
        let bytes = block.encoded_bytes();
        let mut row = Self::FORMAT.begin_as(self.version(), changed_at, bytes);
        block.encode(&mut row);
        Some(row)
    }

    /// Reads a row.
    fn read(rows: &dyn Rows, number: u32) -> Result<Self, RowsError> {
        let key = Self::key(number);
        let Some(row) = rows.get(&key)? else {
            return Ok(Self::empty());
        };
        let (version, _, body) = Self::FORMAT.open_or_bare(Self::BARE_VERSIONS, &key, &row)?;
        Self::decode(version, body).ok_or_else(|| RowsError::damaged(&key, "it holds no counts"))
    }
}

/// Minutes since 1970. No event is outside 1970..=[`Timestamp::LATEST`]; a time outside is clamped
/// to this range.
fn minutes_since_epoch(at: Timestamp) -> u32 {
    let millis = at.millis().clamp(0, Timestamp::LATEST.millis());
    u32::try_from(millis / Timestamp::MINUTE).unwrap_or(u32::MAX)
}

/// The number of the row that has a minute, and the slot of the minute in that row. Rows have
/// `slots` slots.
fn row_and_slot(minute: u32, slots: u16) -> (u32, u16) {
    let slot = minute % u32::from(slots);
    (
        minute / u32::from(slots),
        u16::try_from(slot).unwrap_or(u16::MAX),
    )
}

/// The start of a slot, in rows of `slots` slots that are `width` milliseconds wide.
fn start(number: u32, slots: u16, slot: u16, width: i64) -> Timestamp {
    Timestamp::from_millis((i64::from(number) * i64::from(slots) + i64::from(slot)) * width)
}

/// Tweets per minute in six hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Minutes(Block);

impl Minutes {
    /// The number of the row that contains a time.
    pub(super) fn number(at: Timestamp) -> u32 {
        row_and_slot(minutes_since_epoch(at), MINUTES).0
    }

    fn slot(at: Timestamp) -> u16 {
        row_and_slot(minutes_since_epoch(at), MINUTES).1
    }

    /// Adds `more` to the count of the minute of `at`, which is in this row.
    pub(super) fn add(&mut self, at: Timestamp, more: u64) {
        self.0.add(Self::slot(at), more);
    }

    /// Subtracts one from the count of the minute of `at`; returns false when the count is zero.
    pub(super) fn remove(&mut self, at: Timestamp) -> bool {
        self.0.remove(Self::slot(at))
    }

    /// The start and count of each minute that has tweets, oldest first.
    pub(super) fn counts(&self, number: u32) -> impl Iterator<Item = (Timestamp, u64)> {
        let counts = self.0.counts();
        counts.map(move |(slot, count)| (start(number, MINUTES, slot, Timestamp::MINUTE), count))
    }
}

impl CountRow for Minutes {
    const FORMAT: RowFormat = MINUTES_FORMAT;
    const BARE_VERSIONS: &'static [u8] = &[BARE_MINUTES_VERSION];

    fn empty() -> Self {
        Self(Block::default())
    }

    fn decode(version: u8, body: &[u8]) -> Option<Self> {
        match version {
            MINUTES_VERSION | BARE_MINUTES_VERSION => Block::decode(body, MINUTES).map(Self),
            _ => None,
        }
    }

    fn version(&self) -> u8 {
        MINUTES_VERSION
    }

    fn block(&self) -> &Block {
        &self.0
    }

    fn shrink(&mut self) {
        self.0.shrink();
    }
}

/// The counts of sixteen days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RowSpan {
    /// Counts per minute, while few minutes have tweets. The span then has no [`Minutes`] rows.
    Few(Block),
    /// Counts per hour. The counts per minute are in rows of [`Minutes`].
    Many(Block),
}

/// What has to be counted in rows of [`Minutes`] after a change of a [`RowSpan`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Besides {
    /// Nothing.
    Nowhere,
    /// The minute of the tweet.
    Minute,
    /// All minutes of the span, including that of the tweet, with these counts.
    All(Vec<(Timestamp, u64)>),
}

impl RowSpan {
    /// The number of the row that contains a time.
    pub(super) fn number(at: Timestamp) -> u32 {
        row_and_slot(minutes_since_epoch(at), SPAN_MINUTES).0
    }

    fn slot(at: Timestamp) -> u16 {
        row_and_slot(minutes_since_epoch(at), SPAN_MINUTES).1
    }

    /// Counts one tweet with the time `at` in this row. `number` is the number of the row.
    pub(super) fn add(&mut self, number: u32, at: Timestamp) -> Besides {
        let slot = Self::slot(at);
        match self {
            Self::Many(hours) => {
                hours.add(slot / 60, 1);
                Besides::Minute
            }
            Self::Few(minutes) => {
                minutes.add(slot, 1);
                if minutes.len() <= FEW {
                    return Besides::Nowhere;
                }
                let mut hours = Block::default();
                let mut all = Vec::with_capacity(minutes.len());
                for (slot, count) in minutes.counts() {
                    hours.add(slot / 60, count);
                    all.push((start(number, SPAN_MINUTES, slot, Timestamp::MINUTE), count));
                }
                *self = Self::Many(hours);
                Besides::All(all)
            }
        }
    }

    /// Removes one tweet with the time `at` from this row; `None` when the count is zero.
    pub(super) fn remove(&mut self, at: Timestamp) -> Option<Besides> {
        let slot = Self::slot(at);
        match self {
            Self::Few(minutes) => minutes.remove(slot).then_some(Besides::Nowhere),
            Self::Many(hours) => {
                if !hours.remove(slot / 60) {
                    return None;
                }
                // A row without counts is removed, and a later read gives an empty span of minutes.
                // The span in memory becomes the same.
                if hours.len() == 0 {
                    *self = Self::empty();
                }
                Some(Besides::Minute)
            }
        }
    }

    /// The start, width in milliseconds, and count of each slot that has tweets, oldest first.
    pub(super) fn counts(&self, number: u32) -> impl Iterator<Item = (Timestamp, i64, u64)> {
        let (block, slots, width) = match self {
            Self::Few(minutes) => (minutes, SPAN_MINUTES, Timestamp::MINUTE),
            Self::Many(hours) => (hours, SPAN_HOURS, Timestamp::HOUR),
        };
        let counts = block.counts();
        counts.map(move |(slot, count)| (start(number, slots, slot, width), width, count))
    }
}

impl CountRow for RowSpan {
    const FORMAT: RowFormat = SPAN_FORMAT;
    const BARE_VERSIONS: &'static [u8] = &[BARE_HOURS_VERSION, BARE_FEW_VERSION];

    fn empty() -> Self {
        Self::Few(Block::default())
    }

    fn decode(version: u8, body: &[u8]) -> Option<Self> {
        match version {
            HOURS_VERSION | BARE_HOURS_VERSION => Block::decode(body, SPAN_HOURS).map(Self::Many),
            FEW_VERSION | BARE_FEW_VERSION => Block::decode(body, SPAN_MINUTES).map(Self::Few),
            _ => None,
        }
    }

    fn version(&self) -> u8 {
        match self {
            Self::Few(_) => FEW_VERSION,
            Self::Many(_) => HOURS_VERSION,
        }
    }

    fn block(&self) -> &Block {
        match self {
            Self::Few(block) | Self::Many(block) => block,
        }
    }

    fn shrink(&mut self) {
        match self {
            Self::Few(block) | Self::Many(block) => block.shrink(),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::projections::MemoryRows;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_millis(minute * Timestamp::MINUTE + 59_999)
    }

    /// The first minute of a span, in minutes since 1970.
    const FIRST: i64 = 1_299 * 23_040;

    /// Reads a row of these bytes; `None` when it is damaged.
    fn read<R: CountRow>(row: &[u8]) -> Option<R> {
        let mut rows = MemoryRows::default();
        rows.put(vec![(R::key(7), Some(Bytes::copy_from_slice(row)))]);
        R::read(&rows, 7).ok()
    }

    #[test]
    fn a_span_holds_minutes_while_they_are_few_then_hours() {
        let mut span = RowSpan::empty();
        for minute in 0..128 {
            assert_eq!(span.add(1_299, at(FIRST + minute)), Besides::Nowhere);
        }
        // Another tweet in a known minute makes no difference.
        assert_eq!(span.add(1_299, at(FIRST + 60)), Besides::Nowhere);
        let row = span.encode(Sequence::new(0x0102)).unwrap();
        assert_eq!(row.len(), 265);
        assert_eq!(row[..15], [4, 0, 0, 0, 0, 0, 0, 1, 2, 0, 1, 1, 1, 1, 1]);
        assert_eq!(read(&row), Some(span.clone()));
        let earlier = [&[2], &row[9..]].concat();
        assert_eq!(read(&earlier), Some(span.clone()));

        let Besides::All(minutes) = span.add(1_299, at(FIRST + 23_039)) else {
            panic!("the 129th minute is one too many");
        };
        assert_eq!(minutes.len(), 129);
        let start_of = |minute| Timestamp::from_millis(minute * Timestamp::MINUTE);
        assert_eq!(minutes[60], (start_of(FIRST + 60), 2));
        assert_eq!(minutes[128], (start_of(FIRST + 23_039), 1));
        // Hours 0, 1, 2 and 383.
        let row = span.encode(Sequence::new(0x0102)).unwrap();
        let body = [0, 60, 1, 61, 1, 8, 0xfd, 0x02, 1];
        assert_eq!(row, [&[3, 0, 0, 0, 0, 0, 0, 1, 2][..], &body].concat());
        for row in [row, [&[1][..], &body].concat()] {
            assert_eq!(read(&row), Some(span.clone()));
        }
        assert_eq!(span.add(1_299, at(FIRST + 7)), Besides::Minute);
        assert_eq!(span.remove(at(FIRST + 7)), Some(Besides::Minute));
        assert_eq!(span.remove(at(FIRST + 700)), None);
    }

    #[test]
    fn minutes_are_these_bytes() {
        let mut minutes = Minutes::empty();
        minutes.add(at(6 * 60 * 1_000 + 2), 3);
        let row = minutes.encode(Sequence::new(0x0102)).unwrap();
        assert_eq!(row, [2, 0, 0, 0, 0, 0, 0, 1, 2, 2, 3]);
        for row in [&row[..], &[1, 2, 3]] {
            assert_eq!(read(row), Some(minutes.clone()));
        }
    }

    #[test]
    fn rows_of_other_versions_are_refused() {
        for row in [
            &b""[..],
            b"\x05\0\0\0\0\0\0\0\x01\x01\x01",
            // Minute 23,040 is in the next span, hour 384 too.
            b"\x02\x80\xb4\x01\x01",
            b"\x01\x80\x03\x01",
        ] {
            assert_eq!(read::<RowSpan>(row), None, "{row:?}");
        }
        assert_eq!(read::<Minutes>(b"\x02\x01\x01"), None);
        assert_eq!(read::<Minutes>(b"\x03\0\0\0\0\0\0\0\x01\x01\x01"), None);
    }
}
