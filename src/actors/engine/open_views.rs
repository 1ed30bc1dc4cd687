//! Opens the views for a journal: heals damaged views, rebuilds views that do not fit.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::found_views::{Found, Outdated, look};
use super::opening_error::OpeningError;
use super::previous_views::PreviousViews;
use crate::events::Checkpoint;
use crate::journal::Journal;
use crate::projections::FoldContext;
use crate::store::{Contradiction, Generation, Seal, Store, StoreError, StoreOptions, ViewsFolder};
use crate::telemetry::whole;

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

impl OpenedViews {
    fn of(store: Store, checkpoints: Vec<Checkpoint>) -> Self {
        Self {
            store: Arc::new(store),
            checkpoints,
            old: None,
        }
    }
}

/// The folder of the views, below the data folder.
pub fn views_dir(data: &Path) -> PathBuf {
    ViewsFolder::of(data).current()
}

/// The state of the current views in `data`, and how they were opened.
async fn look_at_current(
    data: &Path,
    cache_bytes: u64,
    fold: &FoldContext,
    journal: &dyn Journal,
) -> Result<(StoreOptions, Found), OpeningError> {
    ViewsFolder::of(data).prepare()?;
    let options = StoreOptions {
        dir: views_dir(data),
        cache_bytes,
        shards: journal.shards(),
        incarnation: journal.incarnation(),
        generation: Generation::load(data)?,
        context: fold.clone(),
    };
    let found = look(options.clone(), journal).await?;
    Ok((options, found))
}

/// Opens the views in `data`, for this fold and this journal.
///
/// Rows that cannot be read are moved aside and rebuilt in the same epoch, because the journal
/// still holds the events that they were made from. Rows whose checkpoint belongs to another
/// journal (re-created, shortened, re-used sequences) are rebuilt in a new epoch. A crash between
/// the start of the epoch and the rebuild leaves rows of the earlier generation; these are rebuilt
/// in the new epoch.
///
/// Rows of an older version, or of other settings, become the previous views, and the views are
/// folded again. If the previous views are of the settings of `fold`, they become the current views
/// again.
///
/// # Errors
/// [`OpeningError`] when even empty views cannot be opened, or the journal cannot be read.
pub async fn open_views(
    data: &Path,
    cache_bytes: u64,
    fold: &FoldContext,
    journal: &dyn Journal,
) -> Result<OpenedViews, OpeningError> {
    let (options, found) = look_at_current(data, cache_bytes, fold, journal).await?;
    heal(data, options, found, journal).await
}

/// Opens the views in `data` like [`open_views`], but leaves views of another version, or of other
/// settings, unchanged. A command with the wrong settings then does no harm.
///
/// # Errors
/// [`OpeningError::Outdated`], and those of [`open_views`].
pub(crate) async fn open_unless_outdated(
    data: &Path,
    cache_bytes: u64,
    fold: &FoldContext,
    journal: &dyn Journal,
) -> Result<OpenedViews, OpeningError> {
    let (options, found) = look_at_current(data, cache_bytes, fold, journal).await?;
    let found = refuse_outdated(found).await?;
    heal(data, options, found, journal).await
}

/// Checks that [`open_unless_outdated`] does not refuse the views in `data`. Changes no views.
///
/// # Errors
/// [`OpeningError::Outdated`], or the views or the journal cannot be read.
pub(crate) async fn check_not_outdated(
    data: &Path,
    cache_bytes: u64,
    fold: &FoldContext,
    journal: &dyn Journal,
) -> Result<(), OpeningError> {
    let (_, found) = look_at_current(data, cache_bytes, fold, journal).await?;
    match refuse_outdated(found).await? {
        Found::Fitting(store, _) | Found::Empty(store, _) => close(store).await,
        Found::Outdated(_) | Found::Damaged(_) | Found::Foreign(..) => Ok(()),
    }
}

/// Refuses views of another epoch. Lets views of an earlier generation through: they contradict the
/// journal, so they have to be rebuilt with any settings.
async fn refuse_outdated(found: Found) -> Result<Found, OpeningError> {
    match found {
        Found::Outdated(outdated) if !outdated.is_superseded => {
            close(outdated.store).await?;
            Err(OpeningError::Outdated)
        }
        found => Ok(found),
    }
}

/// Closes a store and seals it again.
async fn close(store: Store) -> Result<(), OpeningError> {
    Ok(tokio::task::spawn_blocking(move || store.close()).await??)
}

/// Repairs, replaces or rebuilds the views that were found, and opens them.
async fn heal(
    data: &Path,
    options: StoreOptions,
    mut found: Found,
    journal: &dyn Journal,
) -> Result<OpenedViews, OpeningError> {
    let folder = ViewsFolder::of(data);
    let mut old = match found {
        Found::Foreign(..) => None,
        _ => look_at_old(&folder, &options, journal).await?,
    };
    // The old views are of the present settings, and the views that were being folded are of
    // other settings.
    if matches!(old, Some(Found::Fitting(..))) && !matches!(found, Found::Fitting(..)) {
        drop((found, old.take()));
        tracing::info!("the previous views fit again; they replace the views that were unfinished");
        folder.restore_old()?;
        found = look(options.clone(), journal).await?;
    }
    let mut opened = match found {
        Found::Fitting(store, checkpoints) | Found::Empty(store, checkpoints) => {
            OpenedViews::of(store, checkpoints)
        }
        Found::Outdated(outdated) => {
            old = set_aside(outdated, old, &folder, &options, journal).await?;
            empty(options, journal).await?
        }
        Found::Damaged(error) => {
            tracing::error!(
                error = %whole(&error),
                "the views are damaged; they are rebuilt from the journal"
            );
            empty(options, journal).await?
        }
        Found::Foreign(what, found) => {
            tracing::error!(
                "the journal is not the one the views were made from ({what}); a new epoch begins, \
                and they are rebuilt"
            );
            drop(old.take());
            Store::remove(&folder.old())?;
            let generation = begin_generation(data, journal, &found)?;
            let options = StoreOptions {
                generation,
                ..options
            };
            empty(options, journal).await?
        }
    };
    opened.old = match old {
        Some(found) => previous_views(found, &folder)?,
        None => None,
    };
    Ok(opened)
}

/// Moves outdated views to the folder of the old views. If there are old views already, removes the
/// outdated ones instead: the old views are complete, and the outdated ones are not. Returns the
/// state of the old views.
async fn set_aside(
    outdated: Outdated,
    old: Option<Found>,
    folder: &ViewsFolder,
    options: &StoreOptions,
    journal: &dyn Journal,
) -> Result<Option<Found>, OpeningError> {
    outdated.warn();
    let were_right = outdated.made_in.is_some();
    drop(outdated);
    if old.is_some() || !were_right {
        Store::remove(&options.dir)?;
        return Ok(old);
    }
    Seal::rename(&options.dir, &folder.old())?;
    look_at_old(folder, options, journal).await
}

impl Outdated {
    /// Logs that the views are folded again.
    fn warn(&self) {
        if self.is_superseded {
            tracing::warn!(
                "the views are of an earlier generation; they are rebuilt from the journal"
            );
        } else {
            tracing::warn!(
                "the views are of another version, or of other settings; they are rebuilt from the \
                journal"
            );
        }
    }
}

/// The state of the old views, if they exist.
async fn look_at_old(
    folder: &ViewsFolder,
    options: &StoreOptions,
    journal: &dyn Journal,
) -> Result<Option<Found>, OpeningError> {
    let dir = folder.old();
    if !dir.exists() {
        return Ok(None);
    }
    let options = StoreOptions {
        dir,
        ..options.clone()
    };
    Ok(Some(look(options, journal).await?))
}

/// The previous views, if the old views can answer; otherwise removes the old views.
fn previous_views(old: Found, folder: &ViewsFolder) -> Result<Option<PreviousViews>, OpeningError> {
    match old {
        Found::Outdated(Outdated {
            store,
            made_in: Some((epoch, parts)),
            checkpoints,
            ..
        }) => Ok(Some(PreviousViews {
            store: Arc::new(store.of_earlier(epoch, &parts)),
            positions: checkpoints.iter().map(|at| at.sequence).collect(),
        })),
        unusable => {
            drop(unusable);
            tracing::warn!("the previous views cannot answer meanwhile");
            Store::remove(&folder.old())?;
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
    let (_, found) = look_at_current(data, cache_bytes, fold, journal).await?;
    Ok(match found {
        Found::Fitting(store, checkpoints) | Found::Empty(store, checkpoints) => {
            Ok(OpenedViews::of(store, checkpoints))
        }
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
    Ok(OpenedViews::of(store, checkpoints))
}
