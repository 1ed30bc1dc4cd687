//! Access to the root, for the handle of the engine.

use ractor::{ActorRef, SpawnErr};
use tokio::sync::oneshot;

use super::{RootActor, RootMessage};
use crate::actors::engine::core::Core;
use crate::actors::engine::opening_error::OpeningError;
use crate::actors::engine::root_watch::RootWatch;
use crate::events::{Keyword, ShardId};
use crate::telemetry::whole;

/// Access to the root, for the handle of the engine.
#[derive(Debug, Clone)]
pub(in crate::actors::engine) struct RootHandle(ActorRef<RootMessage>);

impl RootHandle {
    /// Spawns the root; the watch reports its end.
    pub(in crate::actors::engine) async fn spawn(
        core: Core,
    ) -> Result<(Self, RootWatch), SpawnErr> {
        let (actor, watch) = RootWatch::spawn(RootActor, core).await?;
        Ok((Self(actor), watch))
    }

    /// Ends a keyword's quarantine; false when it was not quarantined, `None` while no shard runs.
    pub(in crate::actors::engine) async fn release(
        &self,
        shard: ShardId,
        keyword: Keyword,
    ) -> Option<bool> {
        let (found, answer) = oneshot::channel();
        let _ = self.0.cast(RootMessage::FindShard { shard, found });
        answer.await.ok()?.release(keyword).await
    }

    /// Folds the batches that the shards have received, commits, and closes the views. The error
    /// says why the views were not closed cleanly.
    pub(crate) async fn finish(&self) -> Result<(), String> {
        let (finished, answer) = oneshot::channel();
        let _ = self.0.cast(RootMessage::Finish { finished });
        answer
            .await
            .unwrap_or_else(|_| Err("the actors have ended".into()))
    }
}

/// Why the root could not be started.
pub(in crate::actors::engine) fn startup_error(error: SpawnErr) -> Result<OpeningError, String> {
    match error {
        SpawnErr::StartupFailed(error) => error
            .downcast::<OpeningError>()
            .map(|error| *error)
            .map_err(|error| whole(error.as_ref()).to_string()),
        other => Err(whole(&other).to_string()),
    }
}
