//! The folded position of every shard, to be read and waited for.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::watch;

use crate::events::{Keyword, Sequence, ShardCount, ShardId};

/// The state of a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeywordStatus {
    /// Folds new records as they arrive.
    Live,
    /// Still folds earlier records.
    CatchingUp,
    /// Failed too often; folds nothing until it is released.
    Quarantined,
}

/// A lagging keyword: its rows are behind its shard's position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::actors) struct Behind {
    pub(super) quarantined: bool,
    /// The position through which the rows of the keyword are folded.
    pub(crate) position: Sequence,
}

/// Positions of all shards; cheap to clone.
///
/// The shown position of a shard is its folded position, except while previous views answer: then
/// the shown position is fixed until the new views have caught up.
#[derive(Debug, Clone)]
pub(in crate::actors) struct FoldProgress {
    /// The shown position of each shard.
    shards: Arc<[watch::Sender<Sequence>]>,
    /// The folded position of each shard.
    folded: Arc<[watch::Sender<Sequence>]>,
    /// True while previous views answer: the shown positions are fixed.
    frozen: Arc<watch::Sender<bool>>,
    behind: Arc<RwLock<BTreeMap<Keyword, Behind>>>,
    /// Counts changes of `behind`.
    behind_changes: Arc<watch::Sender<u64>>,
    /// The journal head when folding began; a shard below it is catching up.
    target: Arc<watch::Sender<Sequence>>,
}

impl FoldProgress {
    pub(crate) fn new(count: ShardCount) -> Self {
        let zeros = || {
            count
                .all()
                .map(|_| watch::Sender::new(Sequence::ZERO))
                .collect()
        };
        Self {
            shards: zeros(),
            folded: zeros(),
            frozen: Arc::new(watch::Sender::new(false)),
            behind: Arc::default(),
            behind_changes: Arc::new(watch::Sender::new(0)),
            target: Arc::new(watch::Sender::new(Sequence::ZERO)),
        }
    }

    /// Restarts from these positions, with the journal head to catch up to.
    pub(super) fn restart(&self, positions: impl IntoIterator<Item = Sequence>, head: Sequence) {
        self.target.send_replace(head);
        let both = self.shards.iter().zip(self.folded.iter());
        for ((shown, folded), position) in both.zip(positions) {
            folded.send_replace(position);
            shown.send_replace(position);
        }
        self.frozen.send_replace(false);
        self.behind.write().clear();
        self.behind_changes.send_modify(|count| *count += 1);
    }

    /// Shows these positions instead of the folded ones, until [`Self::thaw`].
    pub(crate) fn freeze(&self, positions: impl IntoIterator<Item = Sequence>) {
        self.frozen.send_replace(true);
        for (shard, position) in self.shards.iter().zip(positions) {
            shard.send_replace(position);
        }
    }

    /// Shows the folded positions from now on.
    pub(super) fn thaw(&self) {
        // `reach` shows positions that are reached from now on; the loop below shows earlier ones.
        self.frozen.send_replace(false);
        for (shown, folded) in self.shards.iter().zip(self.folded.iter()) {
            shown.send_modify(|shown| *shown = *folded.borrow());
        }
    }

    /// True while previous views answer.
    pub(in crate::actors) fn is_frozen(&self) -> bool {
        *self.frozen.borrow()
    }

    pub(super) fn reach(&self, shard: ShardId, position: Sequence) {
        if let Some(folded) = self.folded.get(shard.index()) {
            folded.send_replace(position);
        }
        if let (false, Some(shown)) = (self.is_frozen(), self.shards.get(shard.index())) {
            shown.send_modify(|shown| *shown = position.max(*shown));
        }
    }

    /// The position through which a shard has folded, shown or not.
    pub(crate) fn folded(&self, shard: ShardId) -> Sequence {
        self.folded
            .get(shard.index())
            .map_or(Sequence::ZERO, |shard| *shard.borrow())
    }

    /// Waits until the folded positions of all shards are `sequence` or later, shown or not.
    pub(super) async fn all_fold(&self, sequence: Sequence) {
        for shard in self.folded.iter() {
            let _ = shard
                .subscribe()
                .wait_for(|position| *position >= sequence)
                .await;
        }
    }

    /// Waits until a shard shows the journal head of the time when folding began.
    pub(super) async fn shard_is_current(&self, shard: ShardId) {
        let _ = self.frozen.subscribe().wait_for(|frozen| !frozen).await;
        self.shard_reaches(shard, self.target()).await;
    }

    pub(crate) fn position(&self, shard: ShardId) -> Sequence {
        self.shards
            .get(shard.index())
            .map_or(Sequence::ZERO, |shard| *shard.borrow())
    }

    pub(super) fn positions(&self) -> impl Iterator<Item = Sequence> + '_ {
        self.shards.iter().map(|shard| *shard.borrow())
    }

    pub(in crate::actors) fn lowest(&self) -> Sequence {
        self.positions().min().unwrap_or_default()
    }

    pub(super) fn highest(&self) -> Sequence {
        self.positions().max().unwrap_or_default()
    }

    pub(in crate::actors) fn target(&self) -> Sequence {
        *self.target.borrow()
    }

    pub(super) fn set_behind(&self, keyword: &Keyword, behind: Option<Behind>) {
        let mut all = self.behind.write();
        match behind {
            Some(behind) => all.insert(keyword.clone(), behind),
            None => all.remove(keyword),
        };
        drop(all);
        self.behind_changes.send_modify(|count| *count += 1);
    }

    pub(crate) fn behind(&self, keyword: &Keyword) -> Option<Behind> {
        self.behind.read().get(keyword).copied()
    }

    /// All lagging keywords.
    pub(super) fn all_behind(&self) -> Vec<Keyword> {
        let all = self.behind.read();
        all.keys().cloned().collect()
    }

    pub(super) fn quarantined(&self) -> Vec<Keyword> {
        let all = self.behind.read();
        all.iter()
            .filter(|(_, behind)| behind.quarantined)
            .map(|(keyword, _)| keyword.clone())
            .collect()
    }

    pub(crate) fn status(&self, keyword: &Keyword, shard: ShardId) -> KeywordStatus {
        match self.behind(keyword) {
            Some(Behind {
                quarantined: true, ..
            }) => KeywordStatus::Quarantined,
            Some(_) => KeywordStatus::CatchingUp,
            None if self.is_frozen() || self.position(shard) < self.target() => {
                KeywordStatus::CatchingUp
            }
            None => KeywordStatus::Live,
        }
    }

    /// True when a keyword has folded through `sequence`; for a keyword that does not lag, the
    /// shown position of its shard counts.
    pub(in crate::actors) fn has_folded(
        &self,
        keyword: &Keyword,
        shard: ShardId,
        sequence: Sequence,
    ) -> bool {
        let position = self
            .behind(keyword)
            .map_or_else(|| self.position(shard), |behind| behind.position);
        position >= sequence
    }

    /// Waits until the shown position of a shard is `sequence` or later.
    pub(super) async fn shard_reaches(&self, shard: ShardId, sequence: Sequence) {
        if let Some(shard) = self.shards.get(shard.index()) {
            // The wait cannot fail, because `self` keeps the sender.
            let _ = shard
                .subscribe()
                .wait_for(|position| *position >= sequence)
                .await;
        }
    }

    /// Waits until a keyword has folded through `sequence`; for a keyword that does not lag, the
    /// shown position of its shard counts.
    pub(super) async fn keyword_reaches(
        &self,
        keyword: &Keyword,
        shard: ShardId,
        sequence: Sequence,
    ) {
        let mut changes = self.behind_changes.subscribe();
        loop {
            self.shard_reaches(shard, sequence).await;
            changes.mark_unchanged();
            match self.behind(keyword) {
                Some(behind) if behind.position < sequence => {
                    if changes.changed().await.is_err() {
                        return;
                    }
                }
                _ => return,
            }
        }
    }

    /// Waits until the shown positions of all shards are `sequence` or later.
    pub(super) async fn all_reach(&self, sequence: Sequence) {
        for shard in self.shards.iter() {
            let _ = shard
                .subscribe()
                .wait_for(|position| *position >= sequence)
                .await;
        }
    }
}
