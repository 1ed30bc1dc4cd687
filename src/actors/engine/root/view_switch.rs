//! Decides which views answer queries, and from which position on.

use std::sync::Arc;

use ractor::ActorRef;

use super::RootMessage;
use crate::actors::engine::core::Core;
use crate::actors::engine::previous_views::{self, PreviousViews};
use crate::events::Sequence;
use crate::store::{Epoch, Store};
use crate::telemetry::whole;

/// Switches from the previous views to the new ones, and knows which are shown.
#[derive(Default)]
pub(super) struct ViewSwitch {
    /// The previous views, while they answer.
    old: Option<Arc<Store>>,
    /// The epoch of the views that were shown last.
    epoch: Option<Epoch>,
}

impl ViewSwitch {
    /// The position through which clients have seen answers of this epoch. Clients must not see an
    /// earlier state: after a failure, views of the same epoch answer only from this position on.
    pub(super) fn seen(&self, core: &Core, epoch: Epoch, head: Sequence) -> Sequence {
        if self.epoch == Some(epoch) {
            core.progress.highest().min(head)
        } else {
            Sequence::ZERO
        }
    }

    /// True while the previous views answer.
    pub(super) const fn is_old(&self) -> bool {
        self.old.is_some()
    }

    /// Shows the views of a store, in one of three ways:
    /// - If there are previous views, they answer until the new views have folded through `head`,
    ///   the journal head.
    /// - If clients have seen a position of this epoch, the views are shown when they have folded
    ///   through that position, `seen`.
    /// - Otherwise the views are shown at once.
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
            tracing::info!("the previous views answer until the new ones have caught up");
            shown.show(old);
            let root = root.clone();
            tokio::spawn(async move {
                progress.all_fold(head).await;
                let _ = root.cast(RootMessage::Swap { target: head });
            });
        } else if seen == Sequence::ZERO {
            shown.show(store);
        } else {
            let store = Arc::downgrade(store);
            tokio::spawn(async move {
                progress.all_reach(seen).await;
                // The store is gone if the children were stopped in the meantime.
                if let Some(store) = store.upgrade() {
                    shown.show(&store);
                }
            });
        }
    }

    /// Shows the new views, and removes the previous ones.
    pub(super) async fn swap(&mut self, core: &Core, store: &Arc<Store>, caught_up: bool) {
        let Some(old) = self.old.take() else {
            return;
        };
        let data = core.options.data.clone();
        // The old views are retired before the new ones are shown, so that a crash does not make
        // the old views answer again.
        let retired = tokio::task::spawn_blocking({
            let data = data.clone();
            move || previous_views::retire(&data)
        });
        if let Ok(Err(error)) = retired.await {
            tracing::error!(error = %whole(&error), "the previous views could not be moved aside");
        }
        // The reported positions must never be above those of the shown views. If the new positions
        // are lower, they are reported before the new views are shown; if they are higher,
        // afterwards.
        if !caught_up {
            core.progress.thaw();
        }
        core.views.show(store);
        core.tracked_keywords.thaw();
        core.progress.thaw();
        tracing::info!("the new views answer from now on");
        tokio::spawn(previous_views::remove_when_unused(old, data));
    }

    /// Shows no views: queries are answered with an error from now on.
    pub(super) fn hide(&mut self, core: &Core) {
        core.views.hide();
        self.old = None;
    }
}
