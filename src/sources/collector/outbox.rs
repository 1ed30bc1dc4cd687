//! What a collector hands over beside its posts: reports to the destination, and checkpoints to the
//! other servers of a stream.
//!
//! Both go out from tasks of their own, the newest only, so that a destination which does not
//! answer never holds up the collector.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::super::{Checkpoint, Destination, DestinationError, Report, SharedSource};

/// Time limit for handing over a report.
const REPORT_WITHIN: Duration = Duration::from_secs(5);
/// The wait before a checkpoint that was not kept is sent again.
const SAVE_AGAIN: Duration = Duration::from_secs(1);
/// Time limit for the last report and the last checkpoint together.
const EMPTY_WITHIN: Duration = Duration::from_millis(1_500);

/// The newest report and checkpoint, on their way.
#[derive(Debug)]
pub(super) struct Outbox {
    pub(super) reports: watch::Sender<Option<Report>>,
    pub(super) checkpoints: watch::Sender<Option<Checkpoint>>,
    /// Why the destination refused the last report.
    pub(super) refused: watch::Receiver<Option<String>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Outbox {
    /// Hands reports over to `destination`, and checkpoints to the other servers.
    pub(super) fn new(
        destination: Arc<dyn Destination>,
        shared: Option<SharedSource>,
        name: &str,
    ) -> Self {
        let (reports, next_report) = watch::channel(None);
        let (checkpoints, next_checkpoint) = watch::channel(None);
        let (refusal, refused) = watch::channel(None);
        let mut tasks = vec![tokio::spawn(hand_over(
            destination,
            next_report,
            refusal,
            name.to_owned(),
        ))];
        tasks.extend(shared.map(|shared| tokio::spawn(share(shared, next_checkpoint))));
        Self {
            reports,
            checkpoints,
            refused,
            tasks,
        }
    }

    /// Waits a limited time until the last report and checkpoint are handed over.
    pub(super) async fn empty(self) {
        let Self {
            reports,
            checkpoints,
            tasks,
            ..
        } = self;
        // The tasks end when they have handed over the last values.
        drop((reports, checkpoints));
        let aborts: Vec<_> = tasks.iter().map(JoinHandle::abort_handle).collect();
        let all = async {
            for task in tasks {
                // A task that panicked has nothing more to hand over.
                let _ = task.await;
            }
        };
        if timeout(EMPTY_WITHIN, all).await.is_err() {
            aborts.iter().for_each(tokio::task::AbortHandle::abort);
        }
    }
}

async fn hand_over(
    destination: Arc<dyn Destination>,
    mut next: watch::Receiver<Option<Report>>,
    refusal: watch::Sender<Option<String>>,
    name: String,
) {
    while let Some(report) = newest(&mut next).await {
        match timeout(REPORT_WITHIN, destination.report(&report)).await {
            Ok(Ok(())) => drop(refusal.send_replace(None)),
            Ok(Err(DestinationError::Refused(reason))) => {
                let is_new = refusal.borrow().as_ref() != Some(&reason);
                if is_new {
                    tracing::warn!(source = name, reason, "the report was refused");
                    refusal.send_replace(Some(reason));
                }
            }
            // The next report says the same and more.
            Ok(Err(DestinationError::Away(_))) | Err(_) => {}
        }
    }
}

async fn share(shared: SharedSource, mut next: watch::Receiver<Option<Checkpoint>>) {
    while let Some(checkpoint) = newest(&mut next).await {
        // A newer checkpoint takes the place of one that was not kept.
        while !shared.save(checkpoint.clone()).await && shared.is_held() {
            if next.has_changed().unwrap_or(true) {
                break;
            }
            sleep(SAVE_AGAIN).await;
        }
    }
}

/// Waits for a value that was not taken yet; `None` when no more follow.
async fn newest<T: Clone>(next: &mut watch::Receiver<Option<T>>) -> Option<T> {
    loop {
        // An error means that the sender is gone; a last value may be there.
        let is_open = next.changed().await.is_ok();
        let value = if is_open || next.has_changed().unwrap_or(false) {
            next.borrow_and_update().clone()
        } else {
            None
        };
        match value {
            Some(value) => return Some(value),
            None if is_open => {}
            None => return None,
        }
    }
}
