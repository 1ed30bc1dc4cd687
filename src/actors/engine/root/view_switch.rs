//! Which views answer, and from when on.

use std::sync::Arc;

use ractor::ActorRef;

use super::RootMessage;
use crate::actors::engine::core::Core;
use crate::actors::engine::previous_views::{self, PreviousViews};
use crate::events::Sequence;
use crate::store::{Epoch, Store};
use crate::telemetry::whole;

/// What is shown, as far as it matters for what is shown next.
#[derive(Default)]
pub(super) struct ViewSwitch {
    /// The views of an older version, as long as they answer.
    old: Option<Arc<Store>>,
    /// The epoch of the views that were shown last.
    epoch: Option<Epoch>,
}

impl ViewSwitch {
    /// What a client saw is not taken back: after a failure, answers of the same epoch begin where
    /// they ended, which is here.
    pub(super) fn seen(&self, core: &Core, epoch: Epoch, head: Sequence) -> Sequence {
        if self.epoch == Some(epoch) {
            core.progress.highest().min(head)
        } else {
            Sequence::ZERO
        }
    }

    /// Old views answer.
    pub(super) const fn is_old(&self) -> bool {
        self.old.is_some()
    }

    /// Shows views that fold on: as they are; or when they have come as far as was seen; or, where
    /// old ones answer meanwhile, when they have come to the journal's head.
    pub(super) fn begin(
        &mut self,
        core: &Core,
        root: &ActorRef<RootMessage>,
        store: &Arc<Store>,
        old: Option<PreviousViews>,
        (seen, head): (Sequence, Sequence),
    ) {
        let shown = core.views.clone();
        let progress = core.progress.clone();
        self.old = old.map(|old| old.store);
        self.epoch = Some(store.epoch());
        if let Some(old) = &self.old {
            tracing::info!(
                "the views of the version before answer until the new ones have caught up"
            );
            shown.show(Arc::clone(old));
            let root = root.clone();
            tokio::spawn(async move {
                progress.all_fold(head).await;
                let _ = root.cast(RootMessage::Swap { target: head });
            });
        } else if seen == Sequence::ZERO {
            shown.show(Arc::clone(store));
        } else {
            let store = Arc::downgrade(store);
            tokio::spawn(async move {
                progress.all_reach(seen).await;
                // Unless it was taken down meanwhile.
                if let Some(store) = store.upgrade() {
                    shown.show(store);
                }
            });
        }
    }

    /// Lets the new views answer, and removes the old ones.
    pub(super) async fn swap(&mut self, core: &Core, store: &Arc<Store>, caught_up: bool) {
        let Some(old) = self.old.take() else {
            return;
        };
        let data = core.options.data.clone();
        // Before anybody sees the new views, since nobody may see the old ones after that.
        let retired = tokio::task::spawn_blocking({
            let data = data.clone();
            move || previous_views::retire(&data)
        });
        if let Ok(Err(error)) = retired.await {
            tracing::error!(error = %whole(&error), "the views of the version before could not be \
                moved aside");
        }
        // Views come before positions that rise, and behind those that fall.
        if !caught_up {
            core.progress.thaw();
        }
        core.views.show(Arc::clone(store));
        core.tracked_keywords.thaw();
        core.progress.thaw();
        tracing::info!("the new views answer from now on");
        tokio::spawn(previous_views::remove_when_unused(old, data));
    }

    /// Nothing answers any more.
    pub(super) fn hide(&mut self, core: &Core) {
        core.views.hide();
        self.old = None;
    }
}
