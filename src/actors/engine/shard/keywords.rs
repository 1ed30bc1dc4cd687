//! How a shard starts, restarts, quarantines and releases the actors of its keywords.

use std::sync::Arc;

use ractor::{ActorId, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;

use super::{ShardHandle, ShardMessage, ShardState};
use crate::actors::engine::keyword::{KeywordArguments, KeywordHandle};
use crate::actors::engine::residents::ResidentPermit;
use crate::actors::engine::restart_policy::RestartDecision;
use crate::events::{Event, Keyword, KeywordEnvelope, KeywordRecord, Sequence};
use crate::projections::{KeywordSummary, Rows as _};
use crate::store::StoreError;
use crate::telemetry::whole;

/// A keyword with more tweets than this lags while the fold untracks it.
const MAX_TWEETS_TO_UNTRACK: u64 = 2_000;

impl ShardState {
    /// Lets a lagging keyword read its next batch, as soon as memory allows the batch; ends the lag
    /// when the keyword has caught up.
    pub(super) async fn on_read_on(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        keyword: Keyword,
        position: Sequence,
    ) -> Result<(), ActorProcessingErr> {
        if position >= self.position.sequence {
            self.lagging.is_live(&keyword);
            self.residents.has_caught_up(&keyword);
            tracing::info!(%keyword, %position, "keyword has caught up");
            self.start_lagging(myself).await?;
        } else {
            self.to_read_on.insert(keyword);
        }
        self.commit_if_due().await
    }

    pub(super) async fn on_restart(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        keyword: &Keyword,
    ) -> Result<(), ActorProcessingErr> {
        if self.lagging.contains(keyword) && !self.lagging.is_quarantined(keyword) {
            self.own.core.metrics.actor_restarted("keyword");
            self.start_catching_up(myself, keyword).await?;
        }
        Ok(())
    }

    pub(super) async fn on_release(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        keyword: &Keyword,
        released: oneshot::Sender<bool>,
    ) -> Result<(), ActorProcessingErr> {
        let is_quarantined = self.lagging.is_quarantined(keyword);
        if is_quarantined {
            self.lagging.release(keyword);
            self.start_catching_up(myself, keyword).await?;
        }
        let _ = released.send(is_quarantined);
        Ok(())
    }

    pub(super) fn on_keyword_failed(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        actor: ActorId,
        error: ActorProcessingErr,
    ) -> Result<(), ActorProcessingErr> {
        let Some(keyword) = self.residents.forget(actor) else {
            return Ok(());
        };
        if error.downcast_ref::<StoreError>().is_some() {
            return Err(error);
        }
        let position = self.position.sequence;
        self.lagging.fall_behind(&keyword, position)?;
        match self.lagging.failed(&keyword) {
            RestartDecision::Restart(pause) => {
                tracing::error!(%keyword, error = %whole(error.as_ref()), ?pause, "keyword failed; \
                    it is restarted after a pause");
                myself.send_after(pause, move || ShardMessage::Restart { keyword });
            }
            RestartDecision::Quarantine => {
                self.lagging
                    .quarantine(&keyword, position, &whole(error.as_ref()).to_string())?;
            }
        }
        Ok(())
    }

    /// True when the keyword's rows hold the result of at least one record.
    pub(super) fn has_folded(&self, keyword: &Keyword) -> Result<bool, StoreError> {
        let summary = self.summary_of(keyword)?;
        Ok(summary.is_some_and(|summary| summary.as_of > Sequence::ZERO))
    }

    /// True when the records untrack a keyword with many tweets: the fold then takes long, because
    /// it takes all these tweets out of the background.
    pub(super) fn takes_long(
        &self,
        keyword: &Keyword,
        records: &[KeywordEnvelope],
    ) -> Result<bool, StoreError> {
        let untracks = |one: &KeywordEnvelope| {
            let record = &one.record;
            matches!(record, KeywordRecord::Event(Event::KeywordUntracked { .. }))
        };
        if !records.iter().any(untracks) {
            return Ok(false);
        }
        let summary = self.summary_of(keyword)?;
        Ok(summary.is_some_and(|summary| summary.tweets > MAX_TWEETS_TO_UNTRACK))
    }

    fn summary_of(&self, keyword: &Keyword) -> Result<Option<KeywordSummary>, StoreError> {
        let row = self.rows.of(keyword).get(&KeywordSummary::key())?;
        Ok(row.map(|row| KeywordSummary::decode(&row)).transpose()?)
    }

    /// Lets a keyword lag because its fold takes long. Its actor, which has folded all earlier
    /// batches, reads the journal itself, and the shard goes on with its other keywords.
    pub(super) async fn lag(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        keyword: &Keyword,
    ) -> Result<(), ActorProcessingErr> {
        self.lagging.fall_behind(keyword, self.position.sequence)?;
        self.residents.end(keyword);
        self.start_catching_up(myself, keyword).await
    }

    /// Starts the actor of a keyword that has none.
    pub(super) async fn spawn(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        keyword: &Keyword,
        permit: ResidentPermit,
    ) -> Result<KeywordHandle, ActorProcessingErr> {
        let own = &self.own;
        let arguments = KeywordArguments {
            core: own.core.clone(),
            keyword: keyword.clone(),
            shard: own.shard,
            shard_handle: ShardHandle(myself.clone()),
            rows: Arc::clone(&self.rows),
            epoch: own.store.epoch(),
        };
        let actor = KeywordHandle::spawn(arguments, permit, myself.get_cell()).await?;
        self.residents.insert(keyword, actor.clone());
        Ok(actor)
    }

    /// Starts the catching up of a lagging keyword, as soon as there is a permit for its actor.
    pub(super) async fn start_catching_up(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        keyword: &Keyword,
    ) -> Result<(), ActorProcessingErr> {
        self.lagging.catches_up(keyword);
        self.to_start.push_back(keyword.clone());
        self.start_lagging(myself).await
    }

    /// Starts lagging keywords, as far as permits for their actors and memory for uncommitted rows
    /// allow. They read on with the next [`commit_if_due`](Self::commit_if_due).
    pub(super) async fn start_lagging(
        &mut self,
        myself: &ActorRef<ShardMessage>,
    ) -> Result<(), ActorProcessingErr> {
        while !self.commits.holds_back()
            && let Some(keyword) = self.to_start.front()
        {
            if self.residents.contains(keyword) || !self.lagging.contains(keyword) {
                self.to_start.pop_front();
                continue;
            }
            let Some((permit, catching_up)) = self.residents.room_to_catch_up().await? else {
                return Ok(());
            };
            if let Some(keyword) = self.to_start.pop_front() {
                self.spawn(myself, &keyword, permit).await?;
                self.residents.catches_up(&keyword, catching_up);
                self.to_read_on.insert(keyword);
            }
        }
        Ok(())
    }
}
