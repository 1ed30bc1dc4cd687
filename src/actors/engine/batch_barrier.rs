//! Waits until the keywords of a shard have folded one batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::events::Keyword;
use crate::store::StoreError;

/// Waits for every keyword that got a part of a batch, without a reply channel for each.
#[derive(Debug, Default)]
pub(super) struct BatchBarrier {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    open: AtomicUsize,
    all_reported: Notify,
    failures: Mutex<Vec<Failure>>,
}

/// A keyword that did not fold its part of a batch.
#[derive(Debug)]
pub(super) struct Failure {
    pub(crate) keyword: Keyword,
    /// The error of the fold; `None` when the actor panicked or had ended.
    pub(crate) error: Option<StoreError>,
}

/// Reports the outcome of one keyword's part of a batch. A ticket that is dropped without a report,
/// as in a panic, reports a failure.
#[derive(Debug)]
pub(super) struct BarrierTicket {
    shared: Arc<Shared>,
    keyword: Keyword,
    outcome: TicketOutcome,
}

#[derive(Debug)]
enum TicketOutcome {
    Open,
    Folded,
    Failed(StoreError),
}

impl BatchBarrier {
    pub(super) fn ticket(&self, keyword: Keyword) -> BarrierTicket {
        self.shared.open.fetch_add(1, Ordering::Relaxed);
        BarrierTicket {
            shared: Arc::clone(&self.shared),
            keyword,
            outcome: TicketOutcome::Open,
        }
    }

    /// Waits until all tickets have reported. Returns the failures.
    pub(crate) async fn finish(self) -> Vec<Failure> {
        loop {
            let back = self.shared.all_reported.notified();
            if self.shared.open.load(Ordering::Acquire) == 0 {
                break;
            }
            back.await;
        }
        std::mem::take(&mut *self.shared.failures.lock())
    }
}

impl BarrierTicket {
    pub(crate) fn folded(mut self) {
        self.outcome = TicketOutcome::Folded;
    }

    pub(super) fn failed(mut self, error: StoreError) {
        self.outcome = TicketOutcome::Failed(error);
    }
}

impl Drop for BarrierTicket {
    fn drop(&mut self) {
        let error = match std::mem::replace(&mut self.outcome, TicketOutcome::Open) {
            TicketOutcome::Folded => None,
            TicketOutcome::Open => Some(None),
            TicketOutcome::Failed(error) => Some(Some(error)),
        };
        if let Some(error) = error {
            self.shared.failures.lock().push(Failure {
                keyword: self.keyword.clone(),
                error,
            });
        }
        if self.shared.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.all_reported.notify_one();
        }
    }
}
