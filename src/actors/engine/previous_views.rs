//! Views of an older version, which answer until those of this version have caught up.
//!
//! They were right, so they are kept in a folder of their own while the new ones are folded in the
//! usual place. That folder is there exactly as long as they answer, also over crashes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::tracked_keywords::TrackedKeywords;
use crate::events::Sequence;
use crate::store::{Store, StoreError, ViewsFolder};
use crate::telemetry::whole;

/// How long answers on their way may take.
const ANSWERS_WITHIN: Duration = Duration::from_secs(60);

/// Views of an older version, which nobody changes any more.
#[derive(Debug)]
pub struct PreviousViews {
    /// Their store.
    pub store: Arc<Store>,
    /// Through which position each shard was folded, in shard order.
    pub positions: Vec<Sequence>,
}

impl PreviousViews {
    /// Lets the set of tracked keywords show the keywords that they track.
    pub(super) fn show_tracked(&self, tracked_keywords: &TrackedKeywords) {
        match self.store.tracked() {
            Ok(tracked) => tracked_keywords.freeze(tracked),
            // Whoever reads them meets it too, and they make way.
            Err(error) => {
                tracing::warn!(error = %whole(&error), "old views cannot say what they track");
            }
        }
    }
}

/// Where they are, below the data folder.
pub(crate) fn dir(data: &Path) -> PathBuf {
    ViewsFolder::of(data).old()
}

/// The views of an older version have had their time: no start finds them any more.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn retire(data: &Path) -> Result<(), StoreError> {
    let folder = ViewsFolder::of(data);
    folder.retire(&folder.old())
}

/// Removes the views that were [retired](retire), which nobody may hold any more.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn remove_retired(data: &Path) -> Result<(), StoreError> {
    ViewsFolder::of(data).remove_gone()
}

/// Removes retired views when nobody holds them any more. What stays is removed by the next start.
pub(super) async fn remove_when_unused(old: Arc<Store>, data: PathBuf) {
    let Some(old) = sole(old, ANSWERS_WITHIN).await else {
        return;
    };
    let removed = tokio::task::spawn_blocking(move || {
        drop(old);
        remove_retired(&data)
    });
    if let Ok(Err(error)) = removed.await {
        tracing::warn!(error = %whole(&error), "the views of the version before could not be \
            removed");
    }
}

/// A store, once nobody else holds it; `None` when somebody does for too long.
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
