//! Opens the views for a journal: heals damaged views, rebuilds views that do not fit.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::previous_views::{self, PreviousViews};
use crate::events::Checkpoint;
use crate::journal::{Journal, JournalError};
use crate::projections::FoldContext;
use crate::store::{
    CheckpointRow, Contradiction, Epoch, EpochParts, Generation, Seal, Store, StoreError,
    StoreOptions, ViewsFolder,
};
use crate::telemetry::whole;

/// Number of tries, and the pause between them, while another process or a query holds the store.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// Why the views could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpeningError {
    /// The views can neither be opened nor rebuilt.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The thread that opened the views panicked or was cancelled.
    #[error("opening the views was cut short")]
    Cut(#[from] tokio::task::JoinError),
}

/// A store that fits its journal.
#[derive(Debug)]
pub struct OpenedViews {
    /// The store.
    pub store: Arc<Store>,
    /// The checkpoint from which each shard folds on, in shard order.
    pub checkpoints: Vec<Checkpoint>,
    /// The previous views, which answer until this store has caught up.
    pub old: Option<PreviousViews>,
}

/// The state of the views on disk.
enum Found {
    /// The rows fit the journal.
    Fitting(Store, Vec<Checkpoint>),
    /// The rows are of another epoch: another version of tidings, or this one with other settings,
    /// wrote them.
    Outdated(Outdated),
    /// The rows cannot be read.
    Damaged(StoreError),
    /// The rows were made from another journal; the text says what contradicts this one.
    Foreign(String, Contradiction),
}

/// Rows of another epoch that contradict nothing in the journal.
struct Outdated {
    store: Store,
    /// The rows are of an earlier generation.
    is_superseded: bool,
    /// The epoch of the rows with its parts, if an older version wrote all of them.
    made_in: Option<(Epoch, EpochParts)>,
    checkpoints: Vec<Checkpoint>,
}

/// The folder of the views, below the data folder.
pub fn views_dir(data: &Path) -> PathBuf {
    ViewsFolder::of(data).current()
}

/// Opens the views in `data`, for this fold and this journal.
///
/// Rows that cannot be read are moved aside and rebuilt in the same epoch, because the journal
/// still holds the events that they were made from. Rows whose checkpoint belongs to another
/// journal (re-created, shortened, re-used sequences) are rebuilt in a new epoch. A crash between
/// the start of the epoch and the rebuild leaves rows of the earlier generation; these are rebuilt
/// in the new epoch.
///
/// # Errors
/// [`OpeningError`] when even empty views cannot be opened, or the journal cannot be read.
pub async fn open_views(
    data: &Path,
    cache_bytes: u64,
    fold: &FoldContext,
    journal: &dyn Journal,
) -> Result<OpenedViews, OpeningError> {
    let generation = Generation::load(data)?;
    let options = |generation| StoreOptions {
        dir: views_dir(data),
        cache_bytes,
        shards: journal.shards(),
        incarnation: journal.incarnation(),
        generation,
        context: fold.clone(),
    };
    let first = options(generation);
    ViewsFolder::of(data).prepare()?;
    let mut opened = match look(first.clone(), journal).await? {
        Found::Fitting(store, checkpoints) => OpenedViews {
            store: Arc::new(store),
            checkpoints,
            old: None,
        },
        Found::Outdated(outdated) => {
            if outdated.is_superseded {
                tracing::warn!(
                    "the views are of an earlier generation; they are rebuilt from the journal"
                );
            } else {
                tracing::warn!(
                    "the views are of another version, or of other settings; they are rebuilt from \
                    the journal"
                );
            }
            let kept = previous_views::dir(data);
            let were_right = outdated.made_in.is_some();
            drop(outdated);
            // Views of a still older version are complete; these views were not.
            if were_right && !kept.exists() {
                Seal::rename(&first.dir, &kept)?;
            } else {
                Store::remove(&first.dir)?;
            }
            empty(first.clone(), journal).await?
        }
        Found::Damaged(error) => {
            tracing::error!(
                error = %whole(&error),
                "the views are damaged; they are rebuilt from the journal"
            );
            empty(first.clone(), journal).await?
        }
        Found::Foreign(what, found) => {
            tracing::error!(
                "the journal is not the one the views were made from ({what}); a new epoch begins, \
                and they are rebuilt"
            );
            Store::remove(&previous_views::dir(data))?;
            let generation = begin_generation(data, journal, &found)?;
            empty(options(generation), journal).await?
        }
    };
    opened.old = open_old(data, &first, journal).await?;
    Ok(opened)
}

/// Opens the views of an older version, if they exist and are valid.
async fn open_old(
    data: &Path,
    options: &StoreOptions,
    journal: &dyn Journal,
) -> Result<Option<PreviousViews>, OpeningError> {
    let dir = previous_views::dir(data);
    if !dir.exists() {
        return Ok(None);
    }
    let options = StoreOptions {
        dir: dir.clone(),
        ..options.clone()
    };
    match look(options, journal).await? {
        Found::Outdated(Outdated {
            store,
            made_in: Some((epoch, parts)),
            checkpoints,
            ..
        }) => Ok(Some(PreviousViews {
            store: Arc::new(store.of_earlier(epoch, parts.fold)),
            positions: checkpoints.iter().map(|at| at.sequence).collect(),
        })),
        _ => {
            tracing::warn!("the previous views cannot answer meanwhile");
            Store::remove(&dir)?;
            Ok(None)
        }
    }
}

/// Opens the views in `data` without changing them. The text says why that is not possible.
pub(crate) async fn open_unhealed(
    data: &Path,
    cache_bytes: u64,
    fold: &FoldContext,
    journal: &dyn Journal,
) -> Result<Result<OpenedViews, String>, OpeningError> {
    ViewsFolder::of(data).prepare()?;
    let generation = Generation::load(data)?;
    let options = StoreOptions {
        dir: views_dir(data),
        cache_bytes,
        shards: journal.shards(),
        incarnation: journal.incarnation(),
        generation,
        context: fold.clone(),
    };
    Ok(match look(options, journal).await? {
        Found::Fitting(store, checkpoints) => Ok(OpenedViews {
            store: Arc::new(store),
            checkpoints,
            old: None,
        }),
        Found::Outdated(_) => {
            Err("they are of another version of tidings, or of other settings".into())
        }
        Found::Damaged(error) => Err(format!("they are damaged: {}", whole(&error))),
        Found::Foreign(what, _) => Err(format!(
            "the journal is not the one they were made from: {what}"
        )),
    })
}

/// Begins a new epoch, because the journal contradicts the views. The generation is random; if
/// other servers read the same journal, it is derived from the contradiction, so that all of them
/// get the same one.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn begin_generation(
    data: &Path,
    journal: &dyn Journal,
    found: &Contradiction,
) -> Result<Generation, StoreError> {
    if journal.is_shared() {
        Generation::next_after(data, found)
    } else {
        Generation::renew(data)
    }
}

/// Discards the rows on disk and opens an empty store.
async fn empty(options: StoreOptions, journal: &dyn Journal) -> Result<OpenedViews, OpeningError> {
    let dir = options.dir.clone();
    let store = tokio::task::spawn_blocking(move || {
        if let Some(aside) = Store::discard(&dir)? {
            tracing::warn!(kept_in = %aside.display(), "the views that cannot be used were moved \
                aside");
        }
        Store::open(&options)
    })
    .await??;
    let start = journal.start();
    let checkpoints = journal.shards().all().map(|_| start).collect();
    Ok(OpenedViews {
        store: Arc::new(store),
        checkpoints,
        old: None,
    })
}

async fn look(options: StoreOptions, journal: &dyn Journal) -> Result<Found, OpeningError> {
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

/// The contradiction between the journal and the checkpoints. Of several, the one with the highest
/// position is returned, because other servers that have folded the same journal find it too.
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

/// Opens a store. A running query may still hold it after a restart of the actors.
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
