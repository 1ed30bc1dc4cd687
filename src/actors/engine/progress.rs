//! How far every shard has come, for everybody to read and to wait on.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;

use crate::events::{Keyword, Sequence, ShardCount, ShardId};

/// What a keyword is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeywordStatus {
    /// Folds what comes.
    Live,
    /// Still folds what came earlier.
    CatchingUp,
    /// Failed too often; folds nothing until it is released.
    Quarantined,
}

/// A keyword whose rows are behind its shard's position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::actors) struct Behind {
    pub(super) quarantined: bool,
    /// Through which position its own rows have taken the journal into account.
    pub(crate) position: Sequence,
}

/// Positions of all shards; cheap to clone.
///
/// What a shard has folded and what is shown of it are the same, except while old views answer
/// for new ones that are not done yet: then what is shown stands still.
#[derive(Debug, Clone)]
pub(in crate::actors) struct FoldProgress {
    /// What is shown.
    shards: Arc<[watch::Sender<Sequence>]>,
    folded: Arc<[watch::Sender<Sequence>]>,
    frozen: Arc<watch::Sender<bool>>,
    behind: Arc<RwLock<BTreeMap<Keyword, Behind>>>,
    /// Counts changes of `behind`.
    behind_changes: Arc<watch::Sender<u64>>,
    /// What the journal held when folding began; below it, a shard is catching up.
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

    /// Begins anew from these positions, with `head` to catch up to.
    pub(super) fn restart(&self, positions: impl IntoIterator<Item = Sequence>, head: Sequence) {
        self.target.send_replace(head);
        let both = self.shards.iter().zip(self.folded.iter());
        for ((shown, folded), position) in both.zip(positions) {
            folded.send_replace(position);
            shown.send_replace(position);
        }
        self.frozen.send_replace(false);
        self.behind
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        self.behind_changes.send_modify(|count| *count += 1);
    }

    /// Shows these positions, whatever is folded, until [`Self::thaw`].
    pub(crate) fn freeze(&self, positions: impl IntoIterator<Item = Sequence>) {
        self.frozen.send_replace(true);
        for (shard, position) in self.shards.iter().zip(positions) {
            shard.send_replace(position);
        }
    }

    /// Shows what is folded from now on.
    pub(super) fn thaw(&self) {
        // Whoever reaches a position from here on shows it, now or below.
        self.frozen.send_replace(false);
        for (shown, folded) in self.shards.iter().zip(self.folded.iter()) {
            shown.send_modify(|shown| *shown = *folded.borrow());
        }
    }

    /// Old views answer for the time being.
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

    /// Through which position a shard has folded, shown or not.
    pub(crate) fn folded(&self, shard: ShardId) -> Sequence {
        self.folded
            .get(shard.index())
            .map_or(Sequence::ZERO, |shard| *shard.borrow())
    }

    /// Waits until every shard has folded through `sequence`, shown or not.
    pub(super) async fn all_fold(&self, sequence: Sequence) {
        for shard in self.folded.iter() {
            let _ = shard
                .subscribe()
                .wait_for(|position| *position >= sequence)
                .await;
        }
    }

    /// Waits until a shard shows what the journal held when folding began.
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
        let mut all = self.behind.write().unwrap_or_else(PoisonError::into_inner);
        match behind {
            Some(behind) => all.insert(keyword.clone(), behind),
            None => all.remove(keyword),
        };
        drop(all);
        self.behind_changes.send_modify(|count| *count += 1);
    }

    pub(crate) fn behind(&self, keyword: &Keyword) -> Option<Behind> {
        self.behind
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(keyword)
            .copied()
    }

    /// All keywords that are behind.
    pub(super) fn all_behind(&self) -> Vec<Keyword> {
        let all = self.behind.read().unwrap_or_else(PoisonError::into_inner);
        all.keys().cloned().collect()
    }

    pub(super) fn quarantined(&self) -> Vec<Keyword> {
        let all = self.behind.read().unwrap_or_else(PoisonError::into_inner);
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

    /// A keyword, or its shard where it isn't behind, has folded through `sequence`.
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

    /// Waits until a shard has folded through `sequence`.
    pub(super) async fn shard_reaches(&self, shard: ShardId, sequence: Sequence) {
        if let Some(shard) = self.shards.get(shard.index()) {
            // An error would mean that the sender is gone, which `self` keeps.
            let _ = shard
                .subscribe()
                .wait_for(|position| *position >= sequence)
                .await;
        }
    }

    /// Waits until a keyword, or its shard where it isn't behind, has folded through `sequence`.
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

    /// Waits until every shard has folded through `sequence`.
    pub(super) async fn all_reach(&self, sequence: Sequence) {
        for shard in self.shards.iter() {
            let _ = shard
                .subscribe()
                .wait_for(|position| *position >= sequence)
                .await;
        }
    }
}
