//! The views of a stopped server, open for a command.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::replay::Replay;
use super::unfolded::UnfoldedEvents;
use crate::actors::engine::open_views::{open_unhealed, open_unless_outdated};
use crate::actors::engine::previous_views;
use crate::actors::engine::{OpenedViews, OpeningError};
use crate::events::{Checkpoint, Keyword, Sequence};
use crate::journal::Journal;
use crate::projections::FoldContext;
use crate::store::{Store, StoreError, Views};

/// Views opened for a command, with the checkpoint of each shard.
#[derive(Debug)]
pub struct OpenViews {
    /// The read side of the views.
    pub views: Views,
    pub(super) store: Arc<Store>,
    pub(super) checkpoints: Vec<Checkpoint>,
}

/// Views that were opened without healing.
#[derive(Debug)]
pub enum UnhealedViews {
    /// The views can be read.
    Readable(OpenViews),
    /// The views cannot be read; the text says why. They were not changed.
    Unusable(String),
}

impl OpenViews {
    /// Opens the views unchanged: nothing is healed or folded.
    ///
    /// # Errors
    /// [`OpeningError`].
    pub async fn open_unhealed(
        data: &Path,
        cache_bytes: u64,
        fold: &FoldContext,
        journal: &dyn Journal,
    ) -> Result<UnhealedViews, OpeningError> {
        let opened = open_unhealed(data, cache_bytes, fold, journal).await?;
        Ok(match opened {
            Ok(opened) => UnhealedViews::Readable(Self::of(opened)),
            Err(what) => UnhealedViews::Unusable(what),
        })
    }

    /// Counts the journaled events beyond the checkpoints.
    ///
    /// # Errors
    /// [`OpeningError`] when the journal cannot be read.
    pub async fn unfolded(
        &self,
        journal: &dyn Journal,
        progress: impl FnMut(Sequence),
    ) -> Result<UnfoldedEvents, OpeningError> {
        Ok(UnfoldedEvents::count(journal, &self.checkpoints, progress).await?)
    }

    /// Opens the views and heals them as a server does, without folding anything. Views of another
    /// version, or of other settings, are refused and stay unchanged.
    ///
    /// # Errors
    /// [`OpeningError`].
    pub async fn open(
        data: &Path,
        cache_bytes: u64,
        fold: &FoldContext,
        journal: &dyn Journal,
    ) -> Result<Self, OpeningError> {
        let opened = open_unless_outdated(data, cache_bytes, fold, journal).await?;
        Ok(Self::of(opened))
    }

    fn of(opened: OpenedViews) -> Self {
        let views = Views::default();
        views.show(&opened.store);
        Self {
            views,
            store: opened.store,
            checkpoints: opened.checkpoints,
        }
    }

    /// Folds the records after the checkpoints. Lagging keywords stay lagging.
    ///
    /// # Errors
    /// [`OpeningError`].
    pub async fn catch_up(
        &mut self,
        journal: &dyn Journal,
        progress: impl FnMut(Sequence),
    ) -> Result<(), OpeningError> {
        let head = *journal.head().borrow();
        let behind = self.behind()?;
        let limit = |keyword: &Keyword| {
            behind
                .get(keyword)
                .copied()
                .unwrap_or(Sequence::new(u64::MAX))
        };
        let replay = Replay {
            journal,
            store: &self.store,
            after: &self.checkpoints,
            until: head,
        };
        replay.run(limit, progress).await?;
        for (shard, checkpoint) in self.store.shards().iter().zip(&mut self.checkpoints) {
            if let Some(record) = shard.record()? {
                *checkpoint = record.checkpoint;
            }
        }
        // The views have caught up, so the previous views are no longer needed.
        let data = self.store.dir().parent().and_then(Path::parent);
        if let Some(data) = data {
            previous_views::retire(data)?;
            previous_views::remove_retired(data)?;
        }
        Ok(())
    }

    /// The lagging keywords, with their own positions.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn behind(&self) -> Result<BTreeMap<Keyword, Sequence>, StoreError> {
        let mut behind = BTreeMap::new();
        for shard in self.store.shards() {
            for keyword in shard.behind()? {
                let summary = self.views.summary(&keyword)?;
                behind.insert(
                    keyword,
                    summary.map_or(Sequence::ZERO, |summary| summary.as_of),
                );
            }
        }
        Ok(behind)
    }

    /// Closes and seals the views.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn close(self) -> Result<(), StoreError> {
        self.views.hide();
        match Arc::try_unwrap(self.store) {
            Ok(store) => store.close(),
            Err(shared) => shared.flush(),
        }
    }
}
