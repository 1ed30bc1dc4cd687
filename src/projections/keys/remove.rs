//! Removes a deleted tweet from the map of counts.

use super::bucket::{Group, GroupState, Width};
use super::kind::{KeyKind, KeysOfTweet};
use super::merge::set_states;
use crate::events::{Sequence, Timestamp};
use crate::projections::rows::{Rows, RowsError};
use crate::projections::tree::{Change, Edit, Tree};

/// Takes a tweet with these keys out of its buckets, for the event at `sequence`.
pub(super) fn remove(
    counts: &mut Tree,
    rows: &dyn Rows,
    sequence: Sequence,
    at: Timestamp,
    keys: &KeysOfTweet<'_>,
) -> Result<(), RowsError> {
    for width in Width::ALL {
        for kind in KeyKind::ALL {
            let group = Group {
                width,
                bucket: width.bucket(at),
                kind,
            };
            let mut names = Vec::new();
            keys.visit(kind, |key| names.push(group.entry(key.as_bytes())));
            if !names.is_empty() {
                remove_from(counts, rows, sequence, group, &names)?;
            }
        }
    }
    Ok(())
}

fn remove_from(
    counts: &mut Tree,
    rows: &dyn Rows,
    sequence: Sequence,
    group: Group,
    names: &[Vec<u8>],
) -> Result<(), RowsError> {
    let before = GroupState::from_count(counts.get(rows, &group.state_entry())?);
    if before.is_uncounted {
        return Ok(());
    }
    let mut after = before;
    if before.is_cut {
        give_up(counts, rows, sequence, group)?;
        after = GroupState {
            keys: 0,
            is_uncounted: true,
            ..before
        };
    } else {
        let edits: Vec<Edit<'_>> = names
            .iter()
            .map(|name| Edit {
                key: name,
                change: -1,
            })
            .collect();
        counts.apply(rows, sequence, &edits, |_, change| {
            if change == Change::Removed {
                after.keys = after.keys.saturating_sub(1);
            }
        })?;
    }
    set_states(
        counts,
        rows,
        sequence,
        Some((group, before, after)).into_iter(),
    )
}

/// Removes all counts of a group.
fn give_up(
    counts: &mut Tree,
    rows: &dyn Rows,
    sequence: Sequence,
    group: Group,
) -> Result<(), RowsError> {
    let end = group.state_entry();
    let mut entries = Vec::new();
    counts.visit(rows, &group.prefix(), |key, count| {
        let is_inside = *key < *end;
        if is_inside {
            entries.push((key.to_vec(), count));
        }
        is_inside
    })?;
    let edits: Vec<Edit<'_>> = entries
        .iter()
        .map(|(key, count)| Edit {
            key,
            change: count.cast_signed().saturating_neg(),
        })
        .collect();
    counts.apply(rows, sequence, &edits, |_, _| ())
}
