//! The work and the pause between a failure and the next start.

use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use crate::actors::engine::open_views::{begin_generation, views_dir};
use crate::journal::Journal;
use crate::store::{Contradiction, Store, StoreError};
use crate::telemetry::whole;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Children that ran for this long count as healthy: the next pause is the shortest again.
const SOUND_AFTER: Duration = Duration::from_secs(60);

pub(super) struct Recovery {
    /// The views on disk are damaged.
    discard: bool,
    /// The journal no longer holds what clients were shown: a new epoch begins, even if the
    /// checkpoints on disk still fit the journal.
    renew: Option<Contradiction>,
    pause: Duration,
    started: Instant,
}

impl Recovery {
    pub(super) fn new() -> Self {
        Self {
            discard: false,
            renew: None,
            pause: FIRST_PAUSE,
            started: Instant::now(),
        }
    }

    /// Records that all children run.
    pub(super) fn started(&mut self) {
        self.started = Instant::now();
    }

    /// Records that the journal is no longer the one that the views were made from.
    pub(super) const fn journal_changed(&mut self, found: Contradiction) {
        self.renew = Some(found);
    }

    /// Records that the views are damaged.
    pub(super) const fn damaged(&mut self) {
        self.discard = true;
    }

    /// Records a failure. Returns the pause before the next start, which grows while starts fail.
    pub(super) fn failed(&mut self, damaged: bool) -> Duration {
        self.discard |= damaged;
        if self.started.elapsed() > SOUND_AFTER {
            self.pause = FIRST_PAUSE;
        }
        let pause = self.pause;
        self.pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        pause
    }

    /// Moves damaged views aside.
    pub(super) fn discard_damaged(&mut self, data: &Path) {
        if !std::mem::take(&mut self.discard) {
            return;
        }
        match Store::discard(&views_dir(data)) {
            Ok(Some(aside)) => {
                tracing::warn!(kept_in = %aside.display(), "the damaged views were moved aside");
            }
            Ok(None) => {}
            Err(error) => {
                tracing::error!(error = %whole(&error), "the damaged views could not be moved \
                    aside");
            }
        }
    }

    /// Begins a new epoch if that is required.
    pub(super) fn renew_epoch(
        &mut self,
        data: &Path,
        journal: &dyn Journal,
    ) -> Result<(), StoreError> {
        if let Some(found) = &self.renew {
            begin_generation(data, journal, found)?;
            self.renew = None;
        }
        Ok(())
    }
}
