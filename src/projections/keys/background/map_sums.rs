//! Sums of the counts of words in the map of a background, which rows can keep for later queries.

use std::ops::Range;
use std::sync::Arc;

use super::{BACKGROUND_FORMAT, words_of};
use crate::projections::kept;
use crate::projections::keys::bucket::{EntryKey, Width, parse_entry};
use crate::projections::keys::buckets::Buckets;
use crate::projections::keys::kept_sums::{BucketSums, WindowSums};
use crate::projections::keys::key_sums::KeySums;
use crate::projections::keys::ranking::Span;
use crate::projections::keys::window_parts::{Costs, parts};
use crate::projections::rows::{Rows, RowsError};
use crate::projections::tree::TreeReader;

/// The counts of the words of the map in a window and in the window before.
pub(super) fn window_sums(rows: &dyn Rows, span: &Span) -> Result<Arc<WindowSums>, RowsError> {
    let number = words_of(span.width, 0).number();
    kept(rows, span.whole(), number, || {
        let mut sums = KeySums::default();
        for part in parts(span, &mut HourCosts { rows, span })? {
            for buckets in part.buckets.pieces() {
                for (key, count) in bucket_sums(rows, &buckets)?.iter() {
                    sums.add(key, part.changes(count));
                }
            }
        }
        Ok(WindowSums::of_windows(&sums, Vec::new()))
    })
}

/// The counts of the words in buckets of the map, added up.
pub(super) fn bucket_sums(
    rows: &dyn Rows,
    buckets: &Buckets,
) -> Result<Arc<BucketSums>, RowsError> {
    let first = words_of(buckets.width, buckets.numbers.start);
    kept(rows, buckets.span(), first.number(), || {
        let mut sums = KeySums::default();
        let reader = TreeReader::new(rows, &BACKGROUND_FORMAT);
        reader.visit(&first.prefix(), |name, count| {
            let found = entry_in(buckets, name);
            if let Some((_, key)) = found {
                sums.add(key, [count.cast_signed(), 0]);
            }
            found.is_some()
        })?;
        Ok(BucketSums::of_buckets(&sums, Vec::new()))
    })
}

/// The bucket and the key of an entry of the map, if it belongs to these buckets.
pub(super) fn entry_in<'n>(buckets: &Buckets, name: &'n [u8]) -> Option<(u32, &'n [u8])> {
    let (bucket, _, EntryKey::Key(key)) = parse_entry(buckets.width, name)? else {
        return None;
    };
    buckets.numbers.contains(&bucket).then_some((bucket, key))
}

/// The costs of reading the background. An hour costs 1. The background has no limit of words, so a
/// day is always the sum of its hours.
pub(super) struct HourCosts<'r> {
    pub(super) rows: &'r dyn Rows,
    pub(super) span: &'r Span,
}

impl Costs for HourCosts<'_> {
    /// A day has about as many different words as three hours together.
    fn of_day(&mut self, _: u32) -> Result<Option<u64>, RowsError> {
        Ok(Some(3))
    }

    fn of_hours(&mut self, hours: &Range<u32>) -> Result<u64, RowsError> {
        let [.., end] = self.span.bounds;
        // If the window ends now, the hours after it have no tweets yet.
        if hours.start >= end && self.is_empty(hours)? {
            return Ok(0);
        }
        Ok(hours.len().try_into().unwrap_or(u64::MAX))
    }
}

impl HourCosts<'_> {
    /// Whether the map has no entry in these hours.
    fn is_empty(&self, hours: &Range<u32>) -> Result<bool, RowsError> {
        let mut is_empty = true;
        let reader = TreeReader::new(self.rows, &BACKGROUND_FORMAT);
        reader.visit(&words_of(Width::Hour, hours.start).prefix(), |name, _| {
            let parsed = parse_entry(Width::Hour, name);
            is_empty = parsed.is_none_or(|(hour, ..)| !hours.contains(&hour));
            false
        })?;
        Ok(is_empty)
    }
}
