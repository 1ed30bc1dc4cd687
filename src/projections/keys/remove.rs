//! Removes a deleted tweet from the map of counts.

use super::bucket::{Group, GroupState, Width};
use super::group_edits::GroupEdits;
use super::kind::{KeyKind, KeysOfTweet};
use crate::events::{Sequence, Timestamp};
use crate::projections::rows::{Rows, RowsError};
use crate::projections::tree::Tree;

/// Takes a tweet with these keys out of its buckets, for the event at `sequence`.
pub(super) fn remove(
    counts: &mut Tree,
    rows: &dyn Rows,
    sequence: Sequence,
    at: Timestamp,
    keys: &KeysOfTweet<'_>,
) -> Result<(), RowsError> {
    let mut edits = GroupEdits::default();
    for width in Width::ALL {
        for kind in KeyKind::ALL {
            if !keys.has(kind) {
                continue;
            }
            let group = Group {
                width,
                bucket: width.bucket(at),
                kind,
            };
            let state = GroupState::from_count(counts.get(rows, &group.state_entry())?);
            if state.is_uncounted {
                continue;
            }
            edits.begin(group, state, false);
            if state.is_cut {
                edits.give_up();
                for_each_entry(counts, rows, group, |key, count| {
                    edits.add(key, count.cast_signed().saturating_neg());
                })?;
            } else {
                keys.visit(kind, |key| edits.add(key.as_bytes(), -1));
            }
        }
    }
    edits.apply(counts, rows, sequence)
}

/// Calls `visit` with every key of a group and its count.
fn for_each_entry(
    counts: &mut Tree,
    rows: &dyn Rows,
    group: Group,
    mut visit: impl FnMut(&[u8], u64),
) -> Result<(), RowsError> {
    let (prefix, end) = (group.prefix(), group.state_entry());
    counts.visit(rows, &prefix, |name, count| {
        let is_inside = *name < *end;
        if is_inside {
            visit(name.strip_prefix(&prefix).unwrap_or(name), count);
        }
        is_inside
    })
}
