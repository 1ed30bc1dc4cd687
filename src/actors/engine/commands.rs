//! Commands to the running engine, and waiting until written records are folded.

use std::time::Duration;

use super::handle::Tidings;
use super::tracked_keywords::TrackReservation;
use super::tracked_sets::{TrackLimit, TrackLimits};
use crate::events::{Event, Keyword, KeywordRules, Record, RecordError, Sequence, Timestamp};
use crate::journal::{Connection, JournalError};
use crate::store::StoreError;

/// Time limit for waiting until a caller's records are folded.
pub const FOLD_WAIT: Duration = Duration::from_secs(5);
/// Maximum delay until this process knows the journal head in a broker.
pub(in crate::actors) const HEAD_KNOWN_WITHIN: Duration = Duration::from_secs(1);

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The command is journaled but was not folded in time.
    #[error("the change is journaled but not folded yet; try again in a moment")]
    NotFolded,
    /// Nothing is journaled: the shard of the keyword is behind the journal, or its views are being
    /// opened.
    #[error("the views of the keyword are not ready yet; try again in a moment")]
    NotReady,
    /// The limit of tracked keywords is reached.
    #[error("{max} keywords are tracked, which is the limit (keywords.max)")]
    TooMany {
        /// The limit.
        max: usize,
    },
    /// The limit of texts of rules is reached.
    #[error(
        "the rules would have more than {max} texts, which is the limit (keywords.max_rule_texts)"
    )]
    TooManyRuleTexts {
        /// The limit.
        max: usize,
    },
    /// The keyword does not exist.
    #[error("there is no keyword {0}")]
    UnknownKeyword(Keyword),
    /// The journal did not accept the event.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The event cannot be journaled, because the clock is wrong.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The views cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A task panicked or was cancelled.
    #[error("the views could not be asked: {0}")]
    TaskEnded(#[from] tokio::task::JoinError),
}

impl From<TrackLimit> for CommandError {
    fn from(limit: TrackLimit) -> Self {
        match limit {
            TrackLimit::Keywords { max } => Self::TooMany { max },
            TrackLimit::RuleTexts { max } => Self::TooManyRuleTexts { max },
        }
    }
}

/// Why a position was not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReachedError {
    /// The journal does not hold the position.
    #[error("the journal's last sequence is {head}")]
    BeyondHead {
        /// The journal head.
        head: Sequence,
    },
    /// The position was not folded in time.
    #[error("the position is not folded yet; try again in a moment")]
    TryAgain,
}

/// The keywords that must have folded a position.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    /// One keyword.
    Keyword(&'a Keyword),
    /// All keywords.
    All,
}

impl Tidings {
    /// Makes a reservation for a keyword that is to be tracked, or to get rules with this number of
    /// texts.
    ///
    /// # Errors
    /// The limit that is reached.
    pub(crate) fn reserve(
        &self,
        keyword: &Keyword,
        texts: usize,
    ) -> Result<TrackReservation, TrackLimit> {
        let options = &self.core().options;
        let limits = TrackLimits {
            keywords: options.keywords_max,
            rule_texts: options.rule_texts_max,
        };
        let tracked_keywords = &self.core().tracked_keywords;
        tracked_keywords.reserve(keyword, texts, limits)
    }

    /// Tracks a keyword with these rules; false when it was tracked already. Without `rules`, a
    /// tracked keyword keeps its rules. Writes no event when nothing would change.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn track(
        &self,
        keyword: &Keyword,
        rules: Option<KeywordRules>,
    ) -> Result<bool, CommandError> {
        self.be_current(keyword).await?;
        let known = self.rules(keyword);
        let is_new = known.is_none();
        if !is_new && (rules.is_none() || rules == known) {
            return Ok(false);
        }
        let texts = rules.as_ref().map_or(0, KeywordRules::count);
        let reservation = self.reserve(keyword, texts)?;
        let (this, keyword) = (self.clone(), keyword.clone());
        // A separate task: the command completes and keeps its reservation when the caller is gone.
        let carried_out = tokio::spawn(async move {
            let at = this.now();
            // Without rules in the request, the event has no lists, and the keyword keeps the rules
            // that another request may have given it meanwhile.
            let event = match &rules {
                Some(rules) => Event::keyword_tracked_by(at, rules),
                None => Event::keyword_tracked(at),
            };
            let tracked = this.command(&keyword, &event, at).await;
            if tracked.is_err() {
                this.keep_until_folded(vec![reservation]);
            }
            tracked
        });
        carried_out.await??;
        Ok(is_new)
    }

    /// Keeps reservations until the current content of the journal is folded.
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
        let at = self.now();
        self.command(keyword, &Event::keyword_untracked(at), at)
            .await?;
        Ok(true)
    }

    /// Waits until the keyword's shard has folded through the position that was the journal head
    /// when folding began.
    async fn be_current(&self, keyword: &Keyword) -> Result<(), CommandError> {
        let core = self.core();
        let current = core.progress.shard_is_current(core.shard_of(keyword));
        tokio::time::timeout(FOLD_WAIT, current)
            .await
            .map_err(|_| CommandError::NotReady)
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
            .map_err(|_| CommandError::NotFolded)
    }

    /// Ends a keyword's quarantine; false when it was not quarantined.
    ///
    /// # Errors
    /// [`CommandError::NotReady`] while the views are being opened.
    pub async fn release(&self, keyword: &Keyword) -> Result<bool, CommandError> {
        let shard = self.core().shard_of(keyword);
        let released = self.shared.root.release(shard, keyword.clone()).await;
        released.ok_or(CommandError::NotReady)
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

    /// Checks that the journal head has reached a position. Waits at most [`HEAD_KNOWN_WITHIN`] for
    /// the head of a journal in a broker, because other clients publish to the broker too.
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
