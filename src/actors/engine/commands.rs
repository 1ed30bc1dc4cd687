//! Commands to the running engine, and waiting until what was written is folded.

use std::time::Duration;

use super::handle::Tidings;
use super::tracked_keywords::TrackReservation;
use crate::events::{Event, Keyword, Record, RecordError, Sequence, Timestamp};
use crate::journal::{Connection, JournalError};
use crate::store::StoreError;

/// How long a caller waits for what it wrote to be folded.
pub const FOLD_WAIT: Duration = Duration::from_secs(5);
/// After so long this process knows the head of a journal that is elsewhere.
pub(in crate::actors) const HEAD_KNOWN_WITHIN: Duration = Duration::from_secs(1);

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// It is journaled but was not folded in time.
    #[error("it is written down but not folded yet; try again in a moment")]
    TryAgain,
    /// No more keywords are tracked.
    #[error("{max} keywords are tracked, which is the limit (keywords.max)")]
    TooMany {
        /// The limit.
        max: usize,
    },
    /// There is no such keyword.
    #[error("there is no keyword {0}")]
    UnknownKeyword(Keyword),
    /// The journal did not take it.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The event cannot be journaled: the clock is wrong.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The views could not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A task ended early.
    #[error("the views could not be asked: {0}")]
    TaskEnded(#[from] tokio::task::JoinError),
}

/// Why a position was not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReachedError {
    /// The journal doesn't hold it.
    #[error("the journal's last sequence is {head}")]
    BeyondHead {
        /// Its last sequence.
        head: Sequence,
    },
    /// It was not folded in time.
    #[error("the position is not folded yet; try again in a moment")]
    TryAgain,
}

/// What is to have reached a position.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    /// One keyword.
    Keyword(&'a Keyword),
    /// All keywords.
    All,
}

impl Tidings {
    /// While so many keywords are tracked, requests to track a new one are refused.
    pub(crate) fn keywords_max(&self) -> usize {
        self.core().options.keywords_max
    }

    /// Reserves a place for a keyword that is to be tracked; `None` when all are taken.
    pub(crate) fn reserve(&self, keyword: &Keyword) -> Option<TrackReservation> {
        let tracked_keywords = &self.core().tracked_keywords;
        tracked_keywords.reserve(keyword, self.keywords_max())
    }

    /// Tracks a keyword; false when it was tracked already.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn track(&self, keyword: &Keyword) -> Result<bool, CommandError> {
        self.be_current(keyword).await?;
        if self.is_tracked(keyword) {
            return Ok(false);
        }
        let too_many = || CommandError::TooMany {
            max: self.keywords_max(),
        };
        let reservation = self.reserve(keyword).ok_or_else(too_many)?;
        let (this, keyword) = (self.clone(), keyword.clone());
        // A task of its own: the command goes on and keeps its reservation when the caller is gone.
        let carried_out = tokio::spawn(async move {
            let at = Timestamp::now();
            let event = Event::keyword_tracked(at);
            let tracked = this.command(&keyword, &event, at).await;
            if tracked.is_err() {
                this.keep_until_folded(vec![reservation]);
            }
            tracked
        });
        carried_out.await??;
        Ok(true)
    }

    /// Keeps reservations until all that the journal holds now is folded.
    pub(crate) fn keep_until_folded(&self, reservations: Vec<TrackReservation>) {
        let core = self.core().clone();
        let head = core.head();
        tokio::spawn(async move {
            core.progress.all_reach(head).await;
            drop(reservations);
        });
    }

    /// Untracks a keyword; false when it was not tracked any more.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn untrack(&self, keyword: &Keyword) -> Result<bool, CommandError> {
        self.be_current(keyword).await?;
        let views = self.views().clone();
        let asked = keyword.clone();
        let summary = tokio::task::spawn_blocking(move || views.summary(&asked)).await??;
        match summary {
            Some(summary) if summary.tracked => {}
            Some(_) => return Ok(false),
            None => return Err(CommandError::UnknownKeyword(keyword.clone())),
        }
        let at = Timestamp::now();
        self.command(keyword, &Event::keyword_untracked(at), at)
            .await?;
        Ok(true)
    }

    /// Waits until the keyword's shard has folded what the journal held at the start.
    async fn be_current(&self, keyword: &Keyword) -> Result<(), CommandError> {
        let core = self.core();
        let current = core.progress.shard_is_current(core.shard_of(keyword));
        tokio::time::timeout(FOLD_WAIT, current)
            .await
            .map_err(|_| CommandError::TryAgain)
    }

    async fn command(
        &self,
        keyword: &Keyword,
        event: &Event,
        at: Timestamp,
    ) -> Result<(), CommandError> {
        let record = Record::of_event(keyword, event, at)?;
        let appended = self.journal().append(vec![record]).await?;
        self.reached(Scope::Keyword(keyword), appended.last)
            .await
            .map_err(|_| CommandError::TryAgain)
    }

    /// Ends a keyword's quarantine; false when it was in none.
    ///
    /// # Errors
    /// [`CommandError::TryAgain`] while the views are being opened.
    pub async fn release(&self, keyword: &Keyword) -> Result<bool, CommandError> {
        let shard = self.core().shard_of(keyword);
        let released = self.shared.root.release(shard, keyword.clone()).await;
        released.ok_or(CommandError::TryAgain)
    }

    /// Waits until a position is folded, at most [`FOLD_WAIT`].
    ///
    /// # Errors
    /// [`ReachedError`].
    pub async fn reached(&self, scope: Scope<'_>, sequence: Sequence) -> Result<(), ReachedError> {
        self.journaled(sequence).await?;
        let core = self.core();
        let reached = async {
            match scope {
                Scope::Keyword(keyword) => {
                    let shard = core.shard_of(keyword);
                    core.progress
                        .keyword_reaches(keyword, shard, sequence)
                        .await;
                }
                Scope::All => core.progress.all_reach(sequence).await,
            }
        };
        tokio::time::timeout(FOLD_WAIT, reached)
            .await
            .map_err(|_| ReachedError::TryAgain)
    }

    /// The journal holds a position. What others publish to a broker is known a moment late.
    async fn journaled(&self, sequence: Sequence) -> Result<(), ReachedError> {
        let mut head = self.journal().head();
        if *head.borrow() >= sequence {
            return Ok(());
        }
        if self.journal().connection() != Connection::Local {
            let arrives = head.wait_for(|head| *head >= sequence);
            if let Ok(Ok(_)) = tokio::time::timeout(HEAD_KNOWN_WITHIN, arrives).await {
                return Ok(());
            }
        }
        let head = *head.borrow();
        Err(ReachedError::BeyondHead { head })
    }
}
