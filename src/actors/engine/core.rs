//! The state that the actors of the engine share.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::causes::Causes;
use super::change_sink::ChangeSinkSlot;
use super::keyword::FoldStep;
use super::options::Options;
use super::progress::FoldProgress;
use super::tracked_keywords::TrackedKeywords;
use crate::events::{Keyword, Sequence, ShardId, Token};
use crate::journal::JournalHandle;
use crate::store::Views;
use crate::telemetry::Metrics;

/// The parts of one running engine; cheap to clone.
#[derive(Debug, Clone)]
pub(in crate::actors) struct Core(Arc<CoreParts>);

/// The shared state behind [`Core`].
pub(in crate::actors) struct CoreParts {
    /// The options, including the clock.
    pub(in crate::actors) options: Options,
    pub(in crate::actors) journal: JournalHandle,
    /// The read side of the store that is shown at present.
    pub(in crate::actors) views: Views,
    /// How far every shard has folded.
    pub(in crate::actors) progress: FoldProgress,
    pub(in crate::actors) metrics: Metrics,
    /// Receives the changes of folds.
    pub(in crate::actors) changes: ChangeSinkSlot,
    pub(super) tracked_keywords: TrackedKeywords,
    /// The causes for which parts of the engine wait at present.
    pub(super) causes: Causes,
    /// The fold step; tests may replace it.
    pub(super) fold: FoldStep,
}

impl Core {
    /// The parts of an engine that has folded nothing and shows no views.
    pub(super) fn new(
        options: Options,
        journal: JournalHandle,
        metrics: Metrics,
        fold: FoldStep,
    ) -> Self {
        Self(Arc::new(CoreParts {
            options,
            views: Views::default(),
            progress: FoldProgress::new(journal.shards()),
            changes: ChangeSinkSlot::default(),
            tracked_keywords: TrackedKeywords::default(),
            causes: Causes::new(metrics.clone()),
            journal,
            metrics,
            fold,
        }))
    }
}

impl Deref for Core {
    type Target = CoreParts;

    fn deref(&self) -> &CoreParts {
        &self.0
    }
}

impl CoreParts {
    /// The journal head.
    pub(in crate::actors) fn head(&self) -> Sequence {
        *self.journal.head().borrow()
    }

    /// The shard of a keyword.
    pub(in crate::actors) fn shard_of(&self, keyword: &Keyword) -> ShardId {
        let shards = self.journal.shards();
        shards.shard_of(Token::of(keyword).as_str().as_bytes())
    }
}

impl fmt::Debug for CoreParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoreParts")
            .field("options", &self.options)
            .field("journal", &self.journal)
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
impl Core {
    /// The parts of an engine over an empty journal in memory.
    pub(super) fn of_test(options: Options) -> Self {
        use crate::events::Incarnation;
        use crate::journal::MemoryJournal;

        let journal = Arc::new(MemoryJournal::new(Incarnation(1)));
        Self::new(options, journal, Metrics::new(), super::fold_step())
    }
}
