//! The keys of rows in sled.
//!
//! A key has four parts: the kind of the row (one byte), the keyword in normal form, a zero byte
//! (which no keyword has), and the suffix that tells rows of one kind apart. Suffixes sort as bytes
//! in the order of the numbers in them. The kind comes first, so that the rows that change all the
//! time (summaries, open pages, newest ids) are neighbours: sled rewrites a leaf of sixteen
//! neighbours at a time.

use crate::events::{Keyword, Timestamp};
use crate::projections::{KeywordSummary, RowKey, RowKind, ids, row_formats};

/// The checkpoint and epoch of the shard.
pub(super) const SHARD: &[u8] = b"c";
/// The number of records with invalid tokens in the shard.
pub(super) const UNADDRESSED: &[u8] = b"u";
/// Marks of lagging keywords, whose rows are behind the checkpoint.
const BEHIND: u8 = b'b';
/// The log of which keywords are tracked.
pub(super) const TRACKED_LOG: u8 = b'l';
/// The time index of the shard.
pub(super) const TIME_INDEX: u8 = b't';

/// The prefix of the keys of one kind and keyword.
pub(super) fn start(kind: RowKind, keyword: &Keyword) -> Vec<u8> {
    numbered_start(kind.number(), keyword)
}

fn numbered_start(kind: u8, keyword: &Keyword) -> Vec<u8> {
    let text = keyword.as_str().as_bytes();
    let mut key = Vec::with_capacity(text.len().saturating_add(32));
    key.push(kind);
    key.extend_from_slice(text);
    key.push(0);
    key
}

/// The key of a row of a keyword.
pub(super) fn key(keyword: &Keyword, row: &RowKey) -> Vec<u8> {
    let mut key = start(row.kind(), keyword);
    key.extend_from_slice(row.suffix());
    key
}

/// The row key in a key of sled that starts with `start`, the prefix of its kind and keyword.
pub(super) fn row_key(kind: RowKind, start: &[u8], key: &[u8]) -> Option<RowKey> {
    let suffix = key.strip_prefix(start)?;
    Some(RowKey::of_kind(kind).with(suffix))
}

/// The prefixes of all rows of a keyword, one for each kind.
pub(super) fn all_of(keyword: &Keyword) -> impl Iterator<Item = Vec<u8>> + '_ {
    row_formats().map(|format| start(format.kind, keyword))
}

/// The key of a row of the background, which belongs to no keyword.
pub(super) fn background(row: &RowKey) -> Vec<u8> {
    let mut key = vec![row.kind().number()];
    key.extend_from_slice(row.suffix());
    key
}

/// The key of the mark of a lagging keyword.
pub(super) fn behind(keyword: &Keyword) -> Vec<u8> {
    numbered_start(BEHIND, keyword)
}

/// The key of a row of a log. The row with the number of rows has the kind alone as its key.
pub(super) fn log_row(kind: u8, number: u32) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// The key of the row of the time index for this running maximum.
pub(super) fn time_index(received_at: Timestamp) -> Vec<u8> {
    let mut key = vec![TIME_INDEX];
    key.extend_from_slice(&received_at.millis().max(0).to_be_bytes());
    key
}

/// The prefix of the marks of all lagging keywords.
pub(super) const ALL_BEHIND: &[u8] = &[BEHIND];
/// The prefix of all rows of newest ids.
pub(super) const ALL_RECENT_IDS: &[u8] = &[ids::RECENT_IDS.number()];
/// The prefix of all summaries.
pub(super) const ALL_SUMMARIES: &[u8] = &[KeywordSummary::FORMAT.kind.number()];

/// The keyword in a key of a kind with one row per keyword.
pub(super) fn keyword_of(key: &[u8]) -> Option<Keyword> {
    let (_, rest) = key.split_first()?;
    let text = std::str::from_utf8(rest.strip_suffix(b"\0")?).ok()?;
    Keyword::new(text).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::projections::MemoryRows;
    use crate::projections::keys::background::{BACKGROUND_FORMAT, RUN_FORMAT};
    use crate::projections::test_history::{self, TestKeyword};
    use crate::projections::timeline::page::TweetPage;

    /// Returns for each kind the number of rows and the first digits of the hash over keys and
    /// rows. Packed pages are hashed in their unpacked form.
    fn by_kind(rows: &MemoryRows) -> BTreeMap<char, (usize, String)> {
        let keyword = Keyword::new("ai \u{ac00}").unwrap();
        let mut hashers: BTreeMap<char, (usize, blake3::Hasher)> = BTreeMap::new();
        for (name, row) in &rows.0 {
            let key = key(&keyword, name);
            let (count, hasher) = hashers.entry(char::from(key[0])).or_default();
            let row = match key[0] {
                b'p' => TweetPage::decode(name, row).unwrap().encode(),
                _ => row.clone(),
            };
            *count += 1;
            for part in [&key[..], &row] {
                hasher.update(&u32::try_from(part.len()).unwrap().to_be_bytes());
                hasher.update(part);
            }
        }
        let hashed = hashers.into_iter().map(|(kind, (count, hasher))| {
            (kind, (count, hasher.finalize().to_hex()[..16].to_owned()))
        });
        hashed.collect()
    }

    #[test]
    fn ranges_to_clear_hold_every_row_of_the_keyword_and_no_other() {
        let named = |text| Keyword::new(text).unwrap();
        let mut folded = TestKeyword::new();
        folded.fold(test_history::history());
        let is_cleared = |key: &[u8]| all_of(&named("ai")).any(|start| key.starts_with(&start));
        for row in folded.rows.0.keys() {
            assert!(is_cleared(&key(&named("ai"), row)), "{row}");
            for other in ["a", "aia", "ai ai", "bai"] {
                assert!(!is_cleared(&key(&named(other), row)), "{row} of {other}");
            }
        }
    }

    #[test]
    fn kinds_of_the_store_differ_from_kinds_of_projections() {
        let of_background = [BACKGROUND_FORMAT, RUN_FORMAT].map(|format| format.kind.number());
        let of_store = [SHARD[0], UNADDRESSED[0], BEHIND, TRACKED_LOG, TIME_INDEX];
        let of_store = [&of_store[..], &of_background].concat();
        for format in row_formats() {
            assert!(!of_store.contains(&format.kind.number()), "{}", format.name);
        }
    }

    /// The rows of these kinds.
    fn of_kinds(rows: &MemoryRows, kinds: &str) -> Vec<(char, usize, String)> {
        let found = by_kind(rows).into_iter();
        let found = found.map(|(kind, (count, hash))| (kind, count, hash));
        found.filter(|(kind, ..)| kinds.contains(*kind)).collect()
    }

    #[test]
    fn keys_and_rows_of_a_history_are_these_bytes() {
        let golden = [
            ('e', 9, "db6a4b908e0257c6"),
            ('f', 2, "8b38579994d29239"),
            ('h', 1, "c4518929d37a8c8e"),
            ('i', 1, "520d3c396a9ddd8e"),
            ('j', 2, "59f9d8d08c98f398"),
            ('m', 2, "d6c9d45d4eaa87b4"),
            ('o', 1, "901555616cde2f70"),
            ('p', 8, "d5f0f3cc5c329f06"),
            ('r', 1, "2f56f07559ee6b77"),
        ]
        .map(|(kind, count, hash)| (kind, count, hash.to_owned()));
        let mut folded = TestKeyword::new();
        folded.fold(test_history::history());
        assert_eq!(of_kinds(&folded.rows, "efhijmopr"), golden);
    }

    /// Decoding a page of fold version 4 upcasts it, so only the other kinds are compared.
    #[test]
    fn keys_and_rows_of_fold_version_4_are_these_bytes() {
        let golden = [
            ('e', 8, "dfeee5f6b543a725"),
            ('f', 2, "6c1e740a89461d25"),
            ('h', 1, "979d8af2549a00fd"),
            ('i', 1, "3ad12d1741129ab7"),
            ('j', 2, "a64f1609b5cbf90a"),
            ('m', 2, "c8f50f8313394cf5"),
            ('o', 1, "899c2988e8656a21"),
            ('r', 1, "e6551bd7dd624915"),
        ]
        .map(|(kind, count, hash)| (kind, count, hash.to_owned()));
        let rows = test_history::rows_of_fold_4();
        assert_eq!(of_kinds(&rows, "efhijmor"), golden);
    }
}
