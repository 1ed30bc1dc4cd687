//! Previous views: views of an older version, or of other settings, which answer until the new ones
//! have caught up.
//!
//! The previous views are in the folder `old`, while the new views are folded in the folder
//! `current`. The folder `old` exists exactly as long as the previous views answer, also across
//! crashes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::tracked_keywords::TrackedKeywords;
use crate::events::Sequence;
use crate::store::{Store, StoreError, ViewsFolder};
use crate::telemetry::whole;

/// Time limit for running queries on the previous views.
const ANSWERS_WITHIN: Duration = Duration::from_secs(60);

/// Views of an older version, or of other settings, which no longer change.
#[derive(Debug)]
pub struct PreviousViews {
    /// The store of the previous views.
    pub store: Arc<Store>,
    /// The position through which each shard was folded, in shard order.
    pub positions: Vec<Sequence>,
}

impl PreviousViews {
    /// Makes the tracked keywords of the previous views the shown ones.
    pub(super) fn show_tracked(&self, tracked_keywords: &TrackedKeywords) {
        match self.store.tracked() {
            Ok(tracked) => tracked_keywords.freeze(tracked),
            // The next query meets the same damage, and the new views are then shown.
            Err(error) => {
                tracing::warn!(
                    error = %whole(&error),
                    "the tracked keywords of the previous views cannot be read"
                );
            }
        }
    }
}

/// Retires the previous views: the next start does not find them.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn retire(data: &Path) -> Result<(), StoreError> {
    let folder = ViewsFolder::of(data);
    folder.retire(&folder.old())
}

/// Removes [retired](retire) views; their store has to be closed.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn remove_retired(data: &Path) -> Result<(), StoreError> {
    ViewsFolder::of(data).remove_gone()
}

/// Removes retired views when their store is no longer in use. If that fails, the next start
/// removes them.
pub(super) async fn remove_when_unused(old: Arc<Store>, data: PathBuf) {
    let Some(old) = sole(old, ANSWERS_WITHIN).await else {
        return;
    };
    let removed = tokio::task::spawn_blocking(move || {
        drop(old);
        remove_retired(&data)
    });
    if let Ok(Err(error)) = removed.await {
        tracing::warn!(error = %whole(&error), "the previous views could not be removed");
    }
}

/// The store itself, once it has no other holder; `None` after the time limit `within`.
pub(super) async fn sole(mut store: Arc<Store>, within: Duration) -> Option<Store> {
    let deadline = tokio::time::Instant::now() + within;
    loop {
        match Arc::try_unwrap(store) {
            Ok(sole) => return Some(sole),
            Err(shared) if tokio::time::Instant::now() < deadline => {
                store = shared;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Err(_) => return None,
        }
    }
}
