//! Requests the state of the stream, and finds turns in the answers.

use std::sync::PoisonError;

use async_nats::jetstream::stream::Info;
use tokio::time::Instant;

use super::{Keeper, StreamStanding, standing_of};
use crate::events::Sequence;
use crate::journal::JournalError;
use crate::journal::jetstream::streams;
use crate::telemetry::whole;

/// Maximum number of times that a request is repeated after a new connection cut it off.
const MAX_ASKED_AGAIN: u32 = 3;

impl Keeper {
    /// Requests the state of the stream and publishes it to all tasks.
    ///
    /// # Errors
    /// [`JournalError::Broker`] when the stream does not answer or does not exist, and
    /// [`JournalError::Misconfigured`] when it was created again with a wrong configuration.
    pub(in crate::journal::jetstream) async fn look(&self) -> Result<StreamStanding, JournalError> {
        // The state to compare with is read before the request, because an append can overtake the
        // answer.
        let before = self.standing().last;
        let seen = self.ask_over_turns().await;
        match seen {
            Ok(info) => {
                {
                    let mut hearing = self.hearing();
                    hearing.answered = Instant::now();
                    hearing.failure = None;
                }
                self.link.answers();
                self.look_for_end(&info).await?;
                Ok(self.note(before, &info))
            }
            Err(error) => {
                self.hearing().failure = Some(whole(&error).to_string());
                if matches!(error, JournalError::Silent { .. }) {
                    self.link.is_silent().await;
                }
                self.standing
                    .send_if_modified(|standing| std::mem::take(&mut standing.answers));
                Err(error)
            }
        }
    }

    /// Requests the state. Repeats the request at once after a new connection, because the answer
    /// went to the old one.
    async fn ask_over_turns(&self) -> Result<Info, JournalError> {
        let mut turns = self.link.turns.clone();
        for _ in 0..MAX_ASKED_AGAIN {
            turns.mark_unchanged();
            tokio::select! {
                biased;
                seen = self.ask() => return seen,
                turned = turns.changed() => if turned.is_err() { break; },
            }
        }
        self.ask().await
    }

    pub(super) async fn ask(&self) -> Result<Info, JournalError> {
        let info = self.api.describe().await?;
        let info = info.ok_or_else(|| JournalError::Broker {
            action: "find its stream",
            reason: format!(
                "there is no stream {} any more. Restore it from a backup; or restart tidings, \
                which creates an empty one",
                self.api.name
            ),
        })?;
        streams::check(info, &self.wanted, self.replicas)
    }

    fn note(&self, before: Sequence, info: &Info) -> StreamStanding {
        let known = self.standing();
        let mut seen = standing_of(info, known.turn);
        let turned = if seen.incarnation != known.incarnation {
            Some(format!(
                "the stream {} was created again at {}",
                self.api.name, info.created
            ))
        } else if seen.last == Sequence::ZERO && before > Sequence::ZERO {
            Some(format!("the stream {} was emptied", self.api.name))
        } else if seen.last < before {
            Some(format!(
                "the stream {} ended at sequence {before} and ends at {} now",
                self.api.name, seen.last
            ))
        } else {
            None
        };
        if let Some(what) = turned {
            tracing::error!("{what}: what was folded is no longer what the journal holds");
            *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = what;
            seen.turn = seen.turn.wrapping_add(1);
        } else {
            seen.last = seen.last.max(known.last);
        }
        self.standing.send_if_modified(|standing| {
            let news = *standing != seen;
            *standing = seen;
            news
        });
        self.move_head();
        seen
    }
}
