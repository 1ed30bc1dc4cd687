//! The children of the root: the reader and the shards, over one store.

use std::sync::Arc;

use futures_util::future::join_all;
use ractor::{ActorCell, ActorId, ActorProcessingErr};

use super::STOP_WAIT;
use crate::actors::engine::core::Core;
use crate::actors::engine::open_views::OpenedViews;
use crate::actors::engine::reader::{ReaderArguments, ReaderHandle};
use crate::actors::engine::residents::ResidentLimit;
use crate::actors::engine::shard::{ShardArguments, ShardHandle};
use crate::events::{Incarnation, ShardId};
use crate::store::Store;

pub(super) struct Children {
    pub(super) store: Arc<Store>,
    reader: ReaderHandle,
    shards: Vec<(ShardId, ShardHandle)>,
}

impl Children {
    /// Spawns the reader and the shards. They continue from the checkpoints of the opened views,
    /// which belong to the journal of this incarnation.
    pub(super) async fn spawn(
        core: &Core,
        incarnation: Incarnation,
        opened: &OpenedViews,
        root: &ActorCell,
    ) -> Result<Self, ActorProcessingErr> {
        let mut shards = Vec::new();
        let limit = ResidentLimit::new(core.options.keywords_resident);
        for (shard, checkpoint) in core.journal.shards().all().zip(&opened.checkpoints) {
            let arguments = ShardArguments {
                core: core.clone(),
                shard,
                checkpoint: *checkpoint,
                store: Arc::clone(&opened.store),
                limit: limit.clone(),
            };
            let handle = ShardHandle::spawn(arguments, root.clone()).await?;
            shards.push((shard, handle));
        }
        let lowest = opened.checkpoints.iter().map(|at| at.sequence).min();
        let reader = ReaderHandle::spawn(
            ReaderArguments {
                core: core.clone(),
                incarnation,
                after: lowest.unwrap_or_default(),
                shards: shards.clone(),
            },
            root.clone(),
        )
        .await?;
        Ok(Self {
            store: Arc::clone(&opened.store),
            reader,
            shards,
        })
    }

    pub(super) fn contains(&self, actor: ActorId) -> bool {
        self.reader.cell().get_id() == actor
            || self
                .shards
                .iter()
                .any(|(_, shard)| shard.cell().get_id() == actor)
    }

    pub(super) fn shard(&self, shard: ShardId) -> Option<&ShardHandle> {
        self.shards.get(shard.index()).map(|(_, handle)| handle)
    }

    /// Makes all shards fold their received batches and commit, in parallel. Returns the store, and
    /// the cause if a shard could not commit.
    pub(super) async fn finish(self) -> (Arc<Store>, Result<(), String>) {
        // The reader holds no records: batches that it has sent are in the shards' mailboxes.
        let _ = self.reader.cell().kill_and_wait(Some(STOP_WAIT)).await;
        let finished = self.shards.iter().map(|(shard, handle)| async move {
            let finished = handle.finish().await;
            finished.map_err(|reason| format!("shard {shard} could not commit: {reason}"))
        });
        let finished = join_all(finished).await;
        for (_, handle) in &self.shards {
            let _ = handle.cell().wait(Some(STOP_WAIT)).await;
        }
        (self.store, finished.into_iter().collect())
    }
}
