//! Looks at views on disk: do they fit the journal, the fold and its settings?
//!
//! In: a folder with views, and the journal. Out: the open store, or what is wrong with it.

use std::time::Duration;

use super::opening_error::OpeningError;
use crate::events::Checkpoint;
use crate::journal::{Journal, JournalError};
use crate::store::{
    CheckpointRow, Contradiction, Epoch, EpochParts, Store, StoreError, StoreOptions,
};

/// Maximum number of tries to open the store while another process or a query holds it.
const TRIES: u32 = 50;
/// Pause between two tries to open the store.
const PAUSE: Duration = Duration::from_millis(100);

/// The state of views on disk.
pub(super) enum Found {
    /// The rows fit the journal.
    Fitting(Store, Vec<Checkpoint>),
    /// No shard has rows yet. All checkpoints are the start of the journal.
    Empty(Store, Vec<Checkpoint>),
    /// The rows are of another epoch: another version of tidings, or this version with other
    /// settings, wrote them.
    Outdated(Outdated),
    /// The rows cannot be read.
    Damaged(StoreError),
    /// The rows were made from another journal; the text says how the present journal differs.
    Foreign(String, Contradiction),
}

/// Rows of another epoch that contradict nothing in the journal.
pub(super) struct Outdated {
    pub(super) store: Store,
    /// The rows are of an earlier generation.
    pub(super) is_superseded: bool,
    /// The epoch of the rows with its parts, if an older version of tidings, or this version with
    /// other settings, wrote all rows.
    pub(super) made_in: Option<(Epoch, EpochParts)>,
    pub(super) checkpoints: Vec<Checkpoint>,
}

/// Opens the views in a folder and compares them with the journal. Creates the folder if it does
/// not exist.
///
/// # Errors
/// [`OpeningError`] when the folder or the journal cannot be read.
pub(super) async fn look(
    options: StoreOptions,
    journal: &dyn Journal,
) -> Result<Found, OpeningError> {
    let current = options.parts();
    let opened = tokio::task::spawn_blocking(move || open_patiently(&options)).await?;
    let read = opened.and_then(|store| {
        let records = store.shards().iter().map(|shard| shard.record());
        let records = records.collect::<Result<Vec<_>, _>>()?;
        Ok((store, records))
    });
    let (store, records) = match read {
        Ok(read) => read,
        Err(error) if error.is_damage() => return Ok(Found::Damaged(error)),
        Err(error) => return Err(error.into()),
    };
    let made_in: Vec<_> = records
        .iter()
        .flatten()
        .map(|record| (record.epoch, parts_of(record, &current)))
        .collect();
    let is_superseded = made_in
        .iter()
        .any(|(_, parts)| parts.is_some_and(|parts| parts.is_superseded_by(&current)));
    if !is_superseded
        && let Some((what, found)) = contradiction(&records, &current, journal).await?
    {
        return Ok(Found::Foreign(what, found));
    }
    let start = journal.start();
    let checkpoints = records.iter();
    let checkpoints = checkpoints
        .map(|record| record.map_or(start, |record| record.checkpoint))
        .collect();
    if made_in.is_empty() {
        return Ok(Found::Empty(store, checkpoints));
    }
    if made_in.iter().all(|(_, parts)| *parts == Some(current)) {
        return Ok(Found::Fitting(store, checkpoints));
    }
    let made_in = made_in.first().copied().and_then(|first| {
        let (epoch, parts) = (first.0, first.1?);
        let is_older = made_in.iter().all(|other| *other == first) && parts.is_older_than(&current);
        is_older.then_some((epoch, parts))
    });
    Ok(Found::Outdated(Outdated {
        store,
        is_superseded,
        made_in,
        checkpoints,
    }))
}

/// The contradiction between the journal and the checkpoints. If there are several, returns the one
/// with the highest position: other servers that have folded the same journal find it too.
async fn contradiction(
    records: &[Option<CheckpointRow>],
    current: &EpochParts,
    journal: &dyn Journal,
) -> Result<Option<(String, Contradiction)>, JournalError> {
    let mut highest: Option<(String, Contradiction)> = None;
    let mut seen = Vec::new();
    for record in records.iter().flatten() {
        let checkpoint = record.checkpoint;
        // Shards often have the same checkpoint.
        if seen.contains(&checkpoint) {
            continue;
        }
        seen.push(checkpoint);
        let comparable =
            parts_of(record, current).is_some_and(|parts| parts.has_versions_of(current));
        let Some(what) = mismatch(&checkpoint, comparable, journal).await? else {
            continue;
        };
        let is_higher = highest
            .as_ref()
            .is_none_or(|(_, highest)| checkpoint.sequence > highest.sequence);
        if is_higher {
            let found = Contradiction {
                of: checkpoint.incarnation,
                now: journal.incarnation(),
                sequence: checkpoint.sequence,
                hash: checkpoint.hash,
            };
            highest = Some((what, found));
        }
    }
    Ok(highest)
}

/// The epoch of a checkpoint row, as far as its parts are known.
fn parts_of(record: &CheckpointRow, current: &EpochParts) -> Option<EpochParts> {
    record
        .parts
        .or_else(|| EpochParts::of_bare(record.epoch, current.incarnation, current.generation))
}

/// The contradiction between the journal and one checkpoint. The decoder decides what a record's
/// hash covers, so hashes are compared only if the rows are `comparable`: of this version of fold
/// and analyser.
async fn mismatch(
    checkpoint: &Checkpoint,
    comparable: bool,
    journal: &dyn Journal,
) -> Result<Option<String>, JournalError> {
    if checkpoint.incarnation != journal.incarnation() {
        return Ok(Some("it was created again".into()));
    }
    let sequence = checkpoint.sequence;
    if *checkpoint == journal.start() {
        return Ok(None);
    }
    Ok(match journal.hash_at(sequence).await? {
        Some(hash) if hash == checkpoint.hash || !comparable => None,
        Some(_) => Some(format!("it holds another record at sequence {sequence}")),
        None if sequence > *journal.head().borrow() => Some(format!(
            "it ends before sequence {sequence}, which was folded"
        )),
        None => Some(format!("it holds nothing at sequence {sequence}")),
    })
}

/// Opens a store. Tries again while the store is in use, because a running query may still hold it
/// after a restart of the actors.
fn open_patiently(options: &StoreOptions) -> Result<Store, StoreError> {
    let mut tries = 0;
    loop {
        match Store::open(options) {
            Err(error) if error.is_in_use() && tries < TRIES => {
                tries += 1;
                std::thread::sleep(PAUSE);
            }
            opened => return opened,
        }
    }
}
