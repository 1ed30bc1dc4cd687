//! The lagging keywords of a shard: keywords whose rows are behind its position, after a failure or
//! because a fold takes long.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use tokio::time::Instant;

use super::core::Core;
use super::progress::Behind;
use super::restart_policy::{RestartDecision, RestartPolicy};
use crate::events::{Keyword, Sequence};
use crate::projections::{KeywordSummary, RowChanges, Rows};
use crate::store::{ShardRows, StoreError};

/// The lagging keywords. They are marked in the rows for the next start, and shown in
/// [`FoldProgress`](super::progress::FoldProgress).
pub(super) struct LaggingKeywords {
    core: Core,
    rows: Arc<ShardRows>,
    behind: BTreeSet<Keyword>,
    /// The recent failures of keywords, including keywords that have caught up since.
    failures: HashMap<Keyword, RestartPolicy>,
}

impl LaggingKeywords {
    /// The keywords that are marked as lagging in the rows.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn of(core: Core, rows: Arc<ShardRows>) -> Result<(Self, Vec<Keyword>), StoreError> {
        let marked = rows.behind()?;
        let lagging = Self {
            core,
            rows,
            behind: marked.iter().cloned().collect(),
            failures: HashMap::new(),
        };
        Ok((lagging, marked))
    }

    pub(crate) fn contains(&self, keyword: &Keyword) -> bool {
        self.behind.contains(keyword)
    }

    pub(super) fn is_quarantined(&self, keyword: &Keyword) -> bool {
        self.core
            .progress
            .behind(keyword)
            .is_some_and(|behind| behind.quarantined)
    }

    /// Marks a keyword as lagging. Its shard has folded through `position`.
    pub(super) fn fall_behind(
        &mut self,
        keyword: &Keyword,
        position: Sequence,
    ) -> Result<(), StoreError> {
        if !self.behind.insert(keyword.clone()) {
            return Ok(());
        }
        self.rows.mark_behind(keyword, true);
        self.show(keyword, false, position);
        if self.rows.of(keyword).get(&KeywordSummary::key())?.is_none() {
            // The keyword exists, although none of its records is folded.
            self.rows.put(keyword, RowChanges::existing()?)?;
        }
        Ok(())
    }

    /// Shows that a keyword catches up, at its last known position, or at 0 if none is known.
    pub(super) fn catches_up(&self, keyword: &Keyword) {
        self.show(keyword, false, Sequence::ZERO);
    }

    /// Removes the mark of a keyword that has caught up with its shard.
    pub(super) fn is_live(&mut self, keyword: &Keyword) {
        self.behind.remove(keyword);
        self.rows.mark_behind(keyword, false);
        self.core.progress.set_behind(keyword, None);
    }

    /// Counts a failure, and decides between a restart and quarantine.
    pub(super) fn failed(&mut self, keyword: &Keyword) -> RestartDecision {
        let failures = self.failures.entry(keyword.clone()).or_default();
        failures.add(Instant::now())
    }

    /// Quarantines a keyword: it folds nothing until it is released.
    pub(super) fn quarantine(
        &mut self,
        keyword: &Keyword,
        position: Sequence,
        reason: &str,
    ) -> Result<(), StoreError> {
        self.fall_behind(keyword, position)?;
        self.show(keyword, true, position);
        self.core.metrics.quarantined.inc();
        tracing::error!(
            %keyword, reason,
            "keyword is quarantined; fix the cause, then run `tidings keywords release`"
        );
        Ok(())
    }

    /// Ends the quarantine of a keyword, and clears its failures.
    pub(super) fn release(&mut self, keyword: &Keyword) {
        tracing::info!(%keyword, "keyword is released from quarantine");
        self.core.metrics.quarantined.dec();
        self.failures.remove(keyword);
    }

    fn show(&self, keyword: &Keyword, quarantined: bool, position: Sequence) {
        // Shows the position known so far until the keyword reads on.
        let known = self.core.progress.behind(keyword);
        let behind = Behind {
            quarantined,
            position: known.map_or(position, |behind| behind.position),
        };
        self.core.progress.set_behind(keyword, Some(behind));
    }
}
