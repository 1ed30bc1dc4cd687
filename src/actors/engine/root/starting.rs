//! Opens the views, and starts the reader and the shards.

use ractor::{ActorProcessingErr, ActorRef};

use super::children::Children;
use super::{RootMessage, RootState, STOP_WAIT};
use crate::actors::engine::causes::Waiting;
use crate::actors::engine::open_views::{OpenedViews, open_views};
use crate::actors::engine::options::Options;
use crate::store::{RuledKeywords, ViewsFolder};
use crate::telemetry::whole;

impl RootState {
    pub(super) async fn on_start(&mut self, myself: &ActorRef<RootMessage>) {
        if self.children.is_some() {
            return;
        }
        drop(self.take_retired().await);
        let data = &self.core.options.data;
        self.recovery.discard_damaged(data);
        if let Err(error) = self.recovery.renew_epoch(data, &*self.core.journal) {
            let reason = format!("a new epoch could not begin: {}", whole(&error));
            self.core.causes.waits(Waiting::Opening, &reason);
            self.start_again(myself, false).await;
            return;
        }
        if let Err(error) = self.start(myself).await {
            let reason = whole(error.as_ref()).to_string();
            self.core.causes.waits(Waiting::Opening, &reason);
            self.start_again(myself, false).await;
        } else {
            self.core.causes.goes_on(Waiting::Opening);
        }
    }

    pub(super) async fn start(
        &mut self,
        myself: &ActorRef<RootMessage>,
    ) -> Result<(), ActorProcessingErr> {
        let incarnation = self.core.journal.incarnation();
        let (opened, tracked) = self.open().await?;
        let core = &self.core;
        let head = core.head();
        let seen = self.view_switch.seen(core, opened.store.epoch(), head);
        core.progress
            .restart(opened.checkpoints.iter().map(|at| at.sequence), head);
        if let Some(old) = &opened.old {
            core.progress.freeze(old.positions.iter().copied());
        }
        core.tracked_keywords.replace(tracked);
        if let Some(old) = &opened.old {
            old.show_tracked(&core.tracked_keywords);
        }
        core.metrics.quarantined.set(0);
        let children = Children::spawn(core, incarnation, &opened, &myself.get_cell()).await?;
        self.view_switch
            .begin(core, myself, &opened.store, opened.old, (seen, head));
        self.recovery.started();
        self.children = Some(children);
        Ok(())
    }

    /// Opens the views and reads the tracked keywords. Damage to the tracked keywords alone is also
    /// a reason to move the views aside and rebuild them.
    async fn open(&mut self) -> Result<(OpenedViews, RuledKeywords), ActorProcessingErr> {
        let Options {
            data,
            cache_bytes,
            fold,
            ..
        } = &self.core.options;
        let journal = &*self.core.journal;
        ViewsFolder::of(data).remove_unfinished()?;
        let opened = open_views(data, *cache_bytes, fold, journal).await?;
        match opened.store.tracked_compacting() {
            Err(error) if error.is_damage() => {
                tracing::error!(
                    error = %whole(&error),
                    "the views are damaged; they are rebuilt from the journal"
                );
                drop(opened);
                self.recovery.damaged();
                self.recovery.discard_damaged(data);
                let opened = open_views(data, *cache_bytes, fold, journal).await?;
                let tracked = opened.store.tracked_compacting()?;
                Ok((opened, tracked))
            }
            tracked => Ok((opened, tracked?)),
        }
    }

    /// Stops all children and starts them again after a pause.
    pub(super) async fn start_again(&mut self, myself: &ActorRef<RootMessage>, damaged: bool) {
        self.view_switch.hide(&self.core);
        myself.stop_children_and_wait(None, Some(STOP_WAIT)).await;
        for child in myself.get_children() {
            // A child that did not stop in time must not run beside its successor.
            let _ = child.kill_and_wait(Some(STOP_WAIT)).await;
        }
        self.core.causes.forget_shards();
        self.core.metrics.actor_restarted("root");
        if let Some(children) = self.children.take() {
            self.retired = Some(children.store);
        }
        let pause = self.recovery.failed(damaged);
        myself.send_after(pause, || RootMessage::Start);
    }
}
