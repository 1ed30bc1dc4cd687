//! Continues reading after a consumer failed or delivered nothing.

use std::time::Duration;

use tokio::time::Instant;

use super::JetStreamReader;
use crate::journal::JournalError;
use crate::journal::jetstream::message::{hash_of, open_stored};
use crate::journal::jetstream::pull::Pull;
use crate::journal::jetstream::streams;
use crate::telemetry::whole;

/// After this many consumers without a message, messages are requested one by one.
pub(super) const FRUITLESS: u32 = 2;
/// After this many consumers without a message, the connection is renewed.
pub(super) const USELESS: u32 = 3;
/// Number of messages that are requested one by one before the next consumer is tried.
const ASKED_AT_ONCE: usize = 64;

impl JetStreamReader {
    /// Opens a consumer after the position, if the stream still has the last record that was read.
    pub(super) async fn reopen(&mut self) -> Result<(), JournalError> {
        if self.fruitless > 0 {
            tokio::time::sleep(jitter(self.fruitless)).await;
        }
        if self.fruitless >= USELESS && self.is_behind() {
            self.link.renew().await;
        }
        if let Err(error) = self.try_reopen().await {
            if matches!(error, JournalError::Changed { .. }) {
                return Err(error);
            }
            self.fruitless = self.fruitless.saturating_add(1);
            if self.fruitless >= USELESS {
                self.tell(Some(&whole(&error).to_string()));
            }
            if self.fruitless == FRUITLESS {
                tracing::warn!(error = %whole(&error), after = %self.read, "the journal cannot be \
                    read for now");
            }
        }
        Ok(())
    }

    async fn try_reopen(&mut self) -> Result<(), JournalError> {
        self.keeper.look().await?;
        self.check()?;
        if let Some(known) = self.read_hash() {
            let found = self.keeper.api.at(self.read.get()).await?;
            if found.as_ref().map(hash_of) != Some(known) {
                let what = format!(
                    "the stream holds {} at sequence {}, which was read",
                    if found.is_some() {
                        "another record"
                    } else {
                        "nothing"
                    },
                    self.read
                );
                return Err(self.keeper.turn(what));
            }
        }
        if self.fruitless >= FRUITLESS {
            if self.ask_one_by_one().await? {
                return Ok(());
            }
            self.keeper.find_end().await?;
        }
        self.link.turns.mark_unchanged();
        let pull = Pull::open(
            &self.link.client,
            &self.keeper.api.context,
            streams::EVENTS,
            self.read,
            self.filter.as_deref(),
        )
        .await?;
        self.progress = Instant::now();
        self.pull = Some(pull);
        Ok(())
    }

    /// Requests the next messages without a consumer. Returns whether there were any.
    async fn ask_one_by_one(&mut self) -> Result<bool, JournalError> {
        let filter = self.filter.clone().unwrap_or_else(|| ">".into());
        let mut found = false;
        for _ in 0..ASKED_AT_ONCE {
            let next = self.read.next().get();
            let Some(message) = self.keeper.api.next(next, &filter).await? else {
                break;
            };
            let bytes = message.payload.len();
            let envelope = open_stored(&message, &mut self.tokens);
            self.push(envelope, bytes);
            found = true;
        }
        Ok(found)
    }
}

/// A random pause, so that servers do not retry at the same moment. Its maximum is 40 ms for the
/// first attempt, doubles with each further one, and stays at 640 ms from the fifth on.
fn jitter(attempt: u32) -> Duration {
    let longest = 20_u64.saturating_mul(1 << attempt.min(5));
    let chance = getrandom::u64().unwrap_or(longest);
    Duration::from_millis(longest / 2 + chance % (longest / 2 + 1))
}
