//! Opening the views against the journal: heal what is damaged, make anew what doesn't fit.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::events::Checkpoint;
use crate::journal::{Journal, JournalError};
use crate::store::{Epoch, Generation, Store, StoreError, StoreOptions};

/// How often, and how long apart, a store that somebody still holds is tried again.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// Why the views could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpeningError {
    /// The views cannot be opened, nor made anew.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal cannot be asked what it holds.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The thread that opened them ended early.
    #[error("opening the views was cut short")]
    Cut(#[from] tokio::task::JoinError),
}

/// A store that fits its journal.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: Arc<Store>,
    /// Where each shard goes on, in shard order.
    pub checkpoints: Vec<Checkpoint>,
}

/// What is known of the rows on disk.
enum Found {
    /// They fit.
    Fitting(Store, Vec<Checkpoint>),
    /// They are of another epoch: an older tidings made them.
    Outdated,
    /// They cannot be read.
    Damaged(StoreError),
    /// The journal is not the one they were made from.
    Foreign(String),
}

/// Where the views are, below the data folder.
pub fn views_dir(data: &Path) -> PathBuf {
    data.join("views")
}

/// Opens the views in `data`, for this journal.
///
/// Rows that cannot be read are moved aside and made anew in the same epoch, since the journal
/// still says what they were. Rows that a checkpoint shows to be of another journal (re-created,
/// shortened, re-used sequences) are made anew in a new epoch.
///
/// # Errors
/// [`OpeningError`] when even empty views cannot be opened, or the journal cannot be read.
pub async fn open_views(
    data: &Path,
    cache_bytes: u64,
    journal: &dyn Journal,
) -> Result<Opened, OpeningError> {
    let generation = Generation::load(data)?;
    let options = |generation| StoreOptions {
        dir: views_dir(data),
        cache_bytes,
        shards: journal.shards(),
        epoch: Epoch::of(journal.incarnation(), generation),
    };
    let first = options(generation);
    match look(first.clone(), journal).await? {
        Found::Fitting(store, checkpoints) => Ok(Opened {
            store: Arc::new(store),
            checkpoints,
        }),
        Found::Outdated => {
            tracing::warn!("the views are of another version; they are made anew");
            anew(first, journal).await
        }
        Found::Damaged(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the views are damaged; they are made anew from the journal"
            );
            anew(first, journal).await
        }
        Found::Foreign(what) => {
            tracing::error!(
                "the journal is not the one the views were made from ({what}); a new epoch begins, and they are made anew"
            );
            anew(options(Generation::renew(data)?), journal).await
        }
    }
}

/// Opens the views in `data` just as they are; the text says why that can't be done, and nothing
/// was changed then.
pub(super) async fn open_unhealed(
    data: &Path,
    cache_bytes: u64,
    journal: &dyn Journal,
) -> Result<Result<Opened, String>, OpeningError> {
    let generation = Generation::load(data)?;
    let options = StoreOptions {
        dir: views_dir(data),
        cache_bytes,
        shards: journal.shards(),
        epoch: Epoch::of(journal.incarnation(), generation),
    };
    Ok(match look(options, journal).await? {
        Found::Fitting(store, checkpoints) => Ok(Opened {
            store: Arc::new(store),
            checkpoints,
        }),
        Found::Outdated => Err("they are of another version of tidings".into()),
        Found::Damaged(error) => Err(format!("they are damaged: {error}")),
        Found::Foreign(what) => Err(format!(
            "the journal is not the one they were made from: {what}"
        )),
    })
}

/// Discards what is there and begins with nothing.
async fn anew(options: StoreOptions, journal: &dyn Journal) -> Result<Opened, OpeningError> {
    let dir = options.dir.clone();
    let store = tokio::task::spawn_blocking(move || {
        if let Some(aside) = Store::discard(&dir)? {
            tracing::warn!(kept_in = %aside.display(), "the old views were moved aside");
        }
        Store::open(&options)
    })
    .await??;
    let start = Checkpoint::start_of(journal.incarnation());
    let checkpoints = journal.shards().all().map(|_| start).collect();
    Ok(Opened {
        store: Arc::new(store),
        checkpoints,
    })
}

async fn look(options: StoreOptions, journal: &dyn Journal) -> Result<Found, OpeningError> {
    let epoch = options.epoch;
    let opened = tokio::task::spawn_blocking(move || open_patiently(&options)).await?;
    let store = match opened {
        Ok(store) => store,
        Err(error) if error.is_damage() => return Ok(Found::Damaged(error)),
        Err(error) => return Err(error.into()),
    };
    let mut checkpoints = Vec::new();
    for shard in store.shards() {
        let record = match shard.record() {
            Ok(record) => record,
            Err(error) if error.is_damage() => return Ok(Found::Damaged(error)),
            Err(error) => return Err(error.into()),
        };
        let start = Checkpoint::start_of(journal.incarnation());
        let checkpoint = record.map_or(start, |record| record.checkpoint);
        if let Some(what) = mismatch(&checkpoint, journal).await? {
            return Ok(Found::Foreign(what));
        }
        if record.is_some_and(|record| record.epoch != epoch) {
            return Ok(Found::Outdated);
        }
        checkpoints.push(checkpoint);
    }
    Ok(Found::Fitting(store, checkpoints))
}

/// What in the journal contradicts a checkpoint.
async fn mismatch(
    checkpoint: &Checkpoint,
    journal: &dyn Journal,
) -> Result<Option<String>, JournalError> {
    if checkpoint.incarnation != journal.incarnation() {
        return Ok(Some("it was created anew".into()));
    }
    let sequence = checkpoint.sequence;
    if *checkpoint == Checkpoint::start_of(checkpoint.incarnation) {
        return Ok(None);
    }
    Ok(match journal.hash_at(sequence).await? {
        Some(hash) if hash == checkpoint.hash => None,
        Some(_) => Some(format!("it holds another record at sequence {sequence}")),
        None if sequence > *journal.head().borrow() => Some(format!(
            "it ends before sequence {sequence}, which was folded"
        )),
        None => Some(format!("it holds nothing at sequence {sequence}")),
    })
}

/// After a restart of the actors the old store may still be held by an answer on its way.
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
