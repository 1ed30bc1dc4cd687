//! A tweet page: neighbouring tweets of a timeline in one row.
//!
//! A page has the same bytes in memory and on disk (`entry.rs`). So keeping the newest page in
//! memory needs no decoding, and writing it needs no encoding. A row is its version, the sequence
//! of the event that changed it last, the lower bound of the page, and the tweets. Closed pages are
//! read and written rarely, so a store compresses bound and tweets with zstd and puts their
//! uncompressed length in front.

use std::cmp::Ordering;

use bytes::Bytes;

use super::entry::{PageEntry, parse_entry, upcast_entries, write_entry};
use super::page_compression::{COMPRESSED, PLAIN, pack_page, unpack};
use crate::events::{Sequence, Timestamp};
use crate::projections::{
    FoldedTweet, RowFormat, RowKey, RowKind, Rows, RowsError, Seek, TweetKey,
};

/// A page that grows beyond this size is split. Rows then stay small in comparison with what a
/// store rewrites at a time.
pub const MAX_PAGE_BYTES: usize = 6 * 1024;

/// The memory of a page grows by this many bytes: room for one or two tweets.
const GROWTH_BYTES: usize = 768;

/// The earlier versions, whose rows have neither `changed_at` nor the records of the tweets.
const BARE_PLAIN: u8 = 1;
const BARE_COMPRESSED: u8 = 2;

/// The row of the open page, the newest one of the timeline. Most tweets are added to it.
pub const OPEN_PAGE_FORMAT: RowFormat = RowFormat {
    kind: RowKind::new(b'o'),
    name: "open page",
    versions: &[PLAIN],
    pack: None,
};

/// Rows of closed pages. A page has the tweets from the key that names its row up to the key of the
/// next page.
pub const PAGE_FORMAT: RowFormat = RowFormat {
    kind: RowKind::new(b'p'),
    name: "page",
    versions: &[PLAIN, COMPRESSED],
    pack: Some(pack_page),
};

/// The tweets from `lower` up to the next page, in key order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TweetPage {
    lower: TweetKey,
    /// The sequence of the event that changed the page last.
    changed_at: Sequence,
    bytes: Vec<u8>,
    /// Where each tweet starts in `bytes`.
    starts: Vec<u32>,
}

impl TweetPage {
    /// An empty page.
    pub const fn new(lower: TweetKey) -> Self {
        Self {
            lower,
            changed_at: Sequence::ZERO,
            bytes: Vec::new(),
            starts: Vec::new(),
        }
    }

    /// The key of the row of the open page.
    pub fn open_key() -> RowKey {
        RowKey::of_kind(OPEN_PAGE_FORMAT.kind)
    }

    /// The key of the row of the closed page with this lower bound.
    pub fn key(lower: &TweetKey) -> RowKey {
        lower.row(PAGE_FORMAT.kind)
    }

    /// Finds the row of the closed page that `seek` describes by lower bounds. Returns it with its
    /// lower bound.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn seek(
        rows: &dyn Rows,
        seek: Seek<&TweetKey>,
    ) -> Result<Option<(TweetKey, Bytes)>, RowsError> {
        let Some((key, row)) = rows.seek(seek.map(Self::key).as_ref())? else {
            return Ok(None);
        };
        let lower = TweetKey::of_row(&key);
        let lower = lower.ok_or_else(|| RowsError::damaged(&key, "its key is cut"))?;
        Ok(Some((lower, row)))
    }

    /// The lower bound: the smallest key that belongs to this page.
    pub const fn lower(&self) -> &TweetKey {
        &self.lower
    }

    /// The sequence of the event that changed the page last. [`Sequence::ZERO`] for a new page, and
    /// in rows of earlier versions.
    pub const fn changed_at(&self) -> Sequence {
        self.changed_at
    }

    /// The number of tweets.
    pub const fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether the page has to be split: it is too large and has more than one tweet.
    pub const fn is_overfull(&self) -> bool {
        self.bytes.len() > MAX_PAGE_BYTES && self.len() > 1
    }

    /// The tweet at this index.
    pub fn entry(&self, index: usize) -> Option<PageEntry<'_>> {
        let start = usize::try_from(*self.starts.get(index)?).ok()?;
        parse_entry(self.bytes.get(start..)?).map(|(entry, _)| entry)
    }

    /// The oldest tweet.
    pub fn first(&self) -> Option<PageEntry<'_>> {
        self.entry(0)
    }

    /// The newest tweet.
    pub fn last(&self) -> Option<PageEntry<'_>> {
        self.entry(self.len().checked_sub(1)?)
    }

    /// Returns the index of the key, or the index at which it would be inserted.
    pub fn position(&self, key: &TweetKey) -> Result<usize, usize> {
        // Nearly every tweet is newer than all tweets of the page.
        if self.last().is_none_or(|last| last.compare(key).is_lt()) {
            return Err(self.len());
        }
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.entry(middle).map(|entry| entry.compare(key)) {
                Some(Ordering::Equal) => return Ok(middle),
                Some(Ordering::Less) => low = middle.saturating_add(1),
                Some(Ordering::Greater) | None => high = middle,
            }
        }
        Err(low)
    }

    /// Inserts a tweet, unless the page has its key.
    ///
    /// # Errors
    /// [`RowsError::Damaged`] when the tweet cannot be encoded.
    pub fn insert(&mut self, tweet: &FoldedTweet<'_>) -> Result<(), RowsError> {
        let Err(index) = self.position(&tweet.key) else {
            return Ok(());
        };
        self.changed_at = tweet.sequence;
        let appends = index == self.len();
        let start = self
            .starts
            .get(index)
            .map_or(self.bytes.len(), |start| *start as usize);
        let before = self.bytes.len();
        // Pages of many keywords are in memory. Doubling the capacity would leave half of it
        // unused.
        if self.bytes.capacity().saturating_sub(before) < GROWTH_BYTES {
            self.bytes.reserve_exact(GROWTH_BYTES);
        }
        write_entry(tweet, &mut self.bytes)
            .map_err(|error| RowsError::damaged(&Self::key(&self.lower), error))?;
        let grown = self.bytes.len().saturating_sub(before);
        if !appends && let Some(moved) = self.bytes.get_mut(start..) {
            moved.rotate_right(grown);
        }
        self.starts
            .insert(index, u32::try_from(start).unwrap_or(u32::MAX));
        let grown = u32::try_from(grown).unwrap_or(u32::MAX);
        for later in self.starts.iter_mut().skip(index.saturating_add(1)) {
            *later = later.saturating_add(grown);
        }
        Ok(())
    }

    /// Removes the tweet at this index. `sequence` is that of the event that removes it.
    pub fn remove(&mut self, index: usize, sequence: Sequence) {
        if index >= self.len() {
            return;
        }
        self.changed_at = sequence;
        let start = self.starts.remove(index);
        let end = self
            .starts
            .get(index)
            .map_or(self.bytes.len(), |next| *next as usize);
        self.bytes.drain(start as usize..end);
        let gone = u32::try_from(end).unwrap_or(u32::MAX).saturating_sub(start);
        for later in self.starts.iter_mut().skip(index) {
            *later = later.saturating_sub(gone);
        }
    }

    /// Splits a page that an insertion has made overfull, and returns the upper part. If the page
    /// grew at its end, the upper part is its last tweet only, so that timelines written in order
    /// have full pages.
    pub fn split(&mut self, grew_at_end: bool) -> Self {
        let at = if grew_at_end {
            self.len().saturating_sub(1)
        } else {
            self.len().div_ceil(2)
        };
        let lower = self
            .entry(at)
            .map_or_else(|| self.lower.clone(), |entry| entry.key());
        let cut = self
            .starts
            .get(at)
            .map_or(self.bytes.len(), |start| *start as usize);
        let bytes = self.bytes.split_off(cut);
        let moved = u32::try_from(cut).unwrap_or(u32::MAX);
        let starts = self
            .starts
            .split_off(at)
            .into_iter()
            .map(|start| start.saturating_sub(moved))
            .collect();
        self.bytes.shrink_to_fit();
        Self {
            lower,
            changed_at: self.changed_at,
            bytes,
            starts,
        }
    }

    /// Encodes the row.
    pub fn encode(&self) -> Bytes {
        let body_bytes = self.bytes.len().saturating_add(160);
        let mut row = PAGE_FORMAT.begin_as(PLAIN, self.changed_at, body_bytes);
        write_key(&self.lower, &mut row);
        row.extend_from_slice(&self.bytes);
        row.into()
    }

    /// Reads a row.
    ///
    /// # Errors
    /// [`RowsError::Damaged`] when the row is not what [`TweetPage::encode`] or `pack_page` wrote.
    pub fn decode(key: &RowKey, row: &[u8]) -> Result<Self, RowsError> {
        let damaged = |what: &str| RowsError::damaged(key, what);
        let bare = [BARE_PLAIN, BARE_COMPRESSED];
        let (version, changed_at, body) = PAGE_FORMAT.open_or_bare(&bare, key, row)?;
        let decompressed;
        let content = if version == COMPRESSED || version == BARE_COMPRESSED {
            decompressed = unpack(body).map_err(|error| RowsError::damaged(key, error))?;
            &decompressed
        } else {
            body
        };
        let (lower, bytes) = read_key(content).ok_or_else(|| damaged("no lower bound"))?;
        let bytes = if bare.contains(&version) {
            upcast_entries(bytes).ok_or_else(|| damaged("a tweet is cut"))?
        } else {
            bytes.to_vec()
        };
        let mut starts = Vec::with_capacity(16);
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let start = bytes.len().saturating_sub(rest.len());
            starts.push(u32::try_from(start).map_err(|_| damaged("too long"))?);
            let (_, behind) = parse_entry(rest).ok_or_else(|| damaged("a tweet is cut"))?;
            rest = behind;
        }
        Ok(Self {
            lower,
            changed_at,
            bytes,
            starts,
        })
    }
}

fn write_key(key: &TweetKey, out: &mut Vec<u8>) {
    out.extend_from_slice(&key.at().millis().to_be_bytes());
    out.push(u8::try_from(key.id().len()).unwrap_or(u8::MAX));
    out.extend_from_slice(key.id());
}

fn read_key(bytes: &[u8]) -> Option<(TweetKey, &[u8])> {
    let (at, rest) = bytes.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first()?;
    let (id, rest) = rest.split_at_checked(usize::from(*length))?;
    let at = Timestamp::from_millis(i64::from_be_bytes(*at));
    Some((TweetKey::from_parts(at, id), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::TweetPosted;
    use proptest::prelude::*;

    fn tweet(at: i64, id: &str, text: &str) -> TweetPosted {
        TweetPosted::of_test(id, Timestamp::from_millis(at), text)
    }

    /// Inserts a tweet that the journal received 1.5 seconds after its time.
    fn insert(page: &mut TweetPage, tweet: &TweetPosted, sequence: u64) {
        let received_at = tweet.at.plus(1_500);
        let sequence = Sequence::new(sequence);
        let folded = FoldedTweet::of_test(sequence, received_at, tweet);
        page.insert(&folded).unwrap();
    }

    fn tweets(page: &TweetPage) -> Vec<TweetPosted> {
        (0..page.len())
            .map(|index| page.entry(index).unwrap().tweet().unwrap())
            .collect()
    }

    #[test]
    fn rows_of_both_versions_are_these_bytes() {
        const BODY: &[u8] = b"\0\x07someone\0\0\x02ai\0\0\0\0\0\0\0\0";
        let mut page = TweetPage::new(TweetKey::from_parts(Timestamp::from_millis(6), b"x:0"));
        let tweet = tweet(7, "x:1", "ai");
        insert(&mut page, &tweet, 0x0102);
        let row = page.encode();
        let lower = b"\0\0\0\0\0\0\0\x06\x03x:0";
        let start = b"\0\0\0\0\0\0\0\x07\x03x:1";
        let golden = [
            &b"\x03\0\0\0\0\0\0\x01\x02"[..],
            lower,
            start,
            b"\x1a\0\0\0\x82\x02\xb8\x17",
            BODY,
        ];
        assert_eq!(row, golden.concat());
        let key = TweetPage::open_key();
        assert_eq!(TweetPage::decode(&key, &row).unwrap(), page);

        let content = [lower, start, &b"\x16\0\0\0"[..], BODY].concat();
        let length = u32::try_from(content.len()).unwrap().to_le_bytes();
        let compressed = zstd::bulk::compress(&content, 1).unwrap();
        for row in [
            [&[1], &content[..]].concat(),
            [&[2], &length[..], &compressed].concat(),
        ] {
            let earlier = TweetPage::decode(&key, &row).unwrap();
            assert_eq!(earlier.lower(), page.lower());
            assert_eq!(earlier.changed_at(), Sequence::ZERO);
            assert_eq!(tweets(&earlier), std::slice::from_ref(&tweet));
            assert_eq!(earlier.first().unwrap().record().unwrap().received_at, None);
        }
    }

    #[test]
    fn page_is_packed_only_if_that_makes_it_shorter() {
        // The compressed text is shorter than the text by less than the length before it.
        for text in ["🕴\u{1b}🕴\u{1b}", "a", &"a".repeat(500)] {
            let mut page = TweetPage::new(TweetKey::first());
            insert(&mut page, &tweet(0, "t0", text), 1);
            let row = page.encode();
            let packed = pack_page(&row);
            assert!(
                packed.is_none_or(|packed| packed.len() < row.len()),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn page_keeps_its_tweets_in_order_through_any_change(
            changes in proptest::collection::vec((any::<bool>(), 0_i64..6, 0_u8..4, ".{1,20}"), 1..60),
            split in any::<bool>(),
        ) {
            let mut page = TweetPage::new(TweetKey::first());
            let mut model = std::collections::BTreeMap::new();
            for (sequence, (is_new, at, id, text)) in (1..).zip(changes) {
                let tweet = tweet(at, &format!("t{id}"), &text);
                let key = TweetKey::of(&tweet);
                let before = page.clone();
                if is_new {
                    insert(&mut page, &tweet, sequence);
                    model.entry(key).or_insert(tweet);
                } else if let Ok(index) = page.position(&key) {
                    page.remove(index, Sequence::new(sequence));
                    prop_assert!(model.remove(&key).is_some());
                } else {
                    prop_assert!(!model.contains_key(&key));
                }
                let is_changed = tweets(&page) != tweets(&before);
                prop_assert_eq!(page.changed_at().get() == sequence, is_changed);
            }
            let expected: Vec<_> = model.into_values().collect();
            prop_assert_eq!(&tweets(&page), &expected);
            let row = page.encode();
            for row in [pack_page(&row).map(Bytes::from), Some(row)].into_iter().flatten() {
                prop_assert_eq!(&TweetPage::decode(&TweetPage::open_key(), &row).unwrap(), &page);
                prop_assert!(pack_page(&row).is_none_or(|packed| packed.len() < row.len()));
            }
            if page.len() > 1 {
                let upper = page.split(split);
                prop_assert_eq!(upper.lower(), &upper.entry(0).unwrap().key());
                let mut both = tweets(&page);
                both.extend(tweets(&upper));
                prop_assert_eq!(both, expected);
            }
        }

        #[test]
        fn decoding_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = TweetPage::decode(&TweetPage::open_key(), &bytes);
        }
    }
}
