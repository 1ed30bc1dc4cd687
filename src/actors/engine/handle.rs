//! The handle of the whole running system.

use std::sync::Arc;
use std::time::Duration;

use super::causes::Causes;
use super::clock::Clock;
use super::health::{Health, Status};
use super::keyword::{FoldStep, fold_step};
use super::open_views::OpeningError;
use super::progress::{FoldProgress, KeywordStatus};
use super::root::{Options, RootArguments, RootHandle, startup_error};
use super::tracked_keywords::{TrackReservation, TrackedKeywords};
use crate::actors::live::{Encoder, FeedRegistry, Live, LiveOptions, LiveSources};
use crate::events::{
    Event, Keyword, Record, RecordError, Sequence, ShardId, Timestamp, Token, TweetId,
};
use crate::journal::{Connection, JournalError, JournalHandle};
use crate::store::{StoreError, TweetIndex, Views};
use crate::telemetry::{Metrics, whole};
use crate::text::Matcher;

/// How long a caller waits for what it wrote to be folded.
pub const FOLD_WAIT: Duration = Duration::from_secs(5);
/// How late the head of a journal elsewhere is known.
pub(in crate::actors) const HEAD_KNOWN_WITHIN: Duration = Duration::from_secs(1);
/// When what says who may hold a tweet leaves memory, and how often that is looked at.
const FORGETS_AFTER: Duration = Duration::from_secs(600);
const FORGETS_EVERY: Duration = Duration::from_secs(5);

/// The running system; cheap to clone.
#[derive(Debug, Clone)]
pub struct Tidings {
    shared: Arc<HandleState>,
}

#[derive(Debug)]
struct HandleState {
    root: RootHandle,
    journal: JournalHandle,
    views: Views,
    tracked_keywords: TrackedKeywords,
    feeds: FeedRegistry,
    progress: FoldProgress,
    metrics: Metrics,
    keywords_max: usize,
    health: Arc<Health>,
    holders: TweetIndex,
}

/// Why the system could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The views could not be opened.
    #[error(transparent)]
    Opening(#[from] OpeningError),
    /// An actor could not be started.
    #[error("the actors could not be started: {0}")]
    Actors(String),
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// It is journaled but was not folded in time.
    #[error("it is written down but not folded yet; try again in a moment")]
    TryAgain,
    /// No more keywords are tracked.
    #[error("{max} keywords are followed, which is the limit (keywords.max)")]
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
    /// Opens the views and starts folding what the journal holds.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(
        options: Options,
        journal: JournalHandle,
        metrics: Metrics,
    ) -> Result<Self, StartError> {
        Self::start_with(options, journal, metrics, fold_step()).await
    }

    /// The same with a fold step of the caller's, for tests that let it fail.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start_with(
        options: Options,
        journal: JournalHandle,
        metrics: Metrics,
        fold: FoldStep,
    ) -> Result<Self, StartError> {
        let views = Views::default();
        let tracked_keywords = TrackedKeywords::default();
        let progress = FoldProgress::new(journal.shards());
        let feeds = FeedRegistry::new(views.clone(), progress.clone());
        let keywords_max = options.keywords_max;
        let causes = Causes::new(metrics.clone());
        let root = RootHandle::spawn(RootArguments {
            options,
            journal: Arc::clone(&journal),
            views: views.clone(),
            tracked_keywords: tracked_keywords.clone(),
            feeds: feeds.clone(),
            progress: progress.clone(),
            causes: causes.clone(),
            metrics: metrics.clone(),
            fold,
        })
        .await
        .map_err(|error| match startup_error(error) {
            Ok(opening) => StartError::Opening(opening),
            Err(other) => StartError::Actors(other),
        })?;
        let health = Health::sampled(
            Arc::clone(&journal),
            views.clone(),
            progress.clone(),
            causes,
            metrics.clone(),
            (tracked_keywords.clone(), keywords_max),
        );
        let shared = Arc::new(HandleState {
            root,
            journal,
            holders: TweetIndex::new(views.clone()),
            views,
            tracked_keywords,
            feeds,
            progress,
            metrics,
            keywords_max,
            health,
        });
        let idle = Arc::downgrade(&shared);
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(FORGETS_EVERY);
            while let Some(shared) = idle.upgrade() {
                shared.holders.forget_unasked(FORGETS_AFTER);
                drop(shared);
                ticks.tick().await;
            }
        });
        Ok(Self { shared })
    }

    /// Lets clients subscribe to what is folded, in these shapes.
    ///
    /// # Errors
    /// [`StartError::Actors`].
    pub async fn go_live(
        &self,
        encoder: Arc<dyn Encoder>,
        options: LiveOptions,
    ) -> Result<Live, StartError> {
        self.go_live_by(Clock::system(), encoder, options).await
    }

    /// The same by a clock of the caller's, for tests that set it.
    ///
    /// # Errors
    /// [`StartError::Actors`].
    pub async fn go_live_by(
        &self,
        clock: Clock,
        encoder: Arc<dyn Encoder>,
        options: LiveOptions,
    ) -> Result<Live, StartError> {
        let shared = &self.shared;
        let sources = LiveSources {
            feeds: shared.feeds.clone(),
            views: shared.views.clone(),
            progress: shared.progress.clone(),
            journal: Arc::clone(&shared.journal),
            clock,
            metrics: shared.metrics.clone(),
        };
        Live::start(sources, encoder, options)
            .await
            .map_err(|error| StartError::Actors(error.to_string()))
    }

    /// The read side.
    pub fn views(&self) -> &Views {
        &self.shared.views
    }

    /// The journal.
    pub fn journal(&self) -> &JournalHandle {
        &self.shared.journal
    }

    /// The metrics of the process.
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// The matcher over all tracked keywords, as of now.
    pub fn matcher(&self) -> Arc<Matcher> {
        self.shared.tracked_keywords.matcher()
    }

    /// How many keywords are tracked.
    pub fn tracked_count(&self) -> usize {
        self.shared.tracked_keywords.count()
    }

    /// A keyword is tracked.
    pub fn is_tracked(&self, keyword: &Keyword) -> bool {
        self.shared.tracked_keywords.contains(keyword)
    }

    /// The tracked keywords that hold a tweet, in keyword order. One whose rows are behind may hold
    /// it and is taken for a holder: its fold ignores what it has nothing for. `also` and `fresh`
    /// as in [`TweetIndex::of`]. Blocks.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn holders(
        &self,
        id: &TweetId,
        also: &[Keyword],
        fresh: bool,
    ) -> Result<Vec<Keyword>, StoreError> {
        let mut holders = self.shared.progress.all_behind();
        holders.retain(|keyword| self.is_tracked(keyword));
        holders.extend(self.shared.holders.of(id, also, fresh)?);
        holders.sort();
        holders.dedup();
        Ok(holders)
    }

    /// Which keywords are tracked is known as the journal says it, though the views are still
    /// catching up with it: old ones answer that have folded all it held at the start, and since
    /// then nobody could tell it anything else but this process, which [refuses](Self::track) to
    /// until the views are current.
    pub fn knows_tracked(&self) -> bool {
        let shared = &self.shared;
        shared.tracked_keywords.is_frozen()
            && shared.journal.connection() == Connection::Local
            && shared.progress.lowest() >= shared.progress.target()
    }

    /// While so many keywords are tracked, requests to track a new one are refused.
    pub(crate) fn keywords_max(&self) -> usize {
        self.shared.keywords_max
    }

    /// Reserves a place for a keyword that is to be tracked; `None` when all are taken.
    pub(crate) fn reserve(&self, keyword: &Keyword) -> Option<TrackReservation> {
        let shared = &self.shared;
        shared
            .tracked_keywords
            .reserve(keyword, shared.keywords_max)
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
        let reservation = self.reserve(keyword).ok_or_else(|| self.too_many())?;
        let (this, keyword) = (self.clone(), keyword.clone());
        // It is carried out though the one who asked may go away, since the place goes with it.
        let carried_out = tokio::spawn(async move {
            let at = Timestamp::now();
            let event = Event::KeywordTracked { at };
            let tracked = this.command(&keyword, &event, at).await;
            if tracked.is_err() {
                this.keep_until_folded(vec![reservation]);
            }
            tracked
        });
        carried_out.await??;
        Ok(true)
    }

    fn too_many(&self) -> CommandError {
        CommandError::TooMany {
            max: self.shared.keywords_max,
        }
    }

    /// Keeps places until all that the journal holds now is folded.
    pub(crate) fn keep_until_folded(&self, reservations: Vec<TrackReservation>) {
        let head = *self.shared.journal.head().borrow();
        let progress = self.shared.progress.clone();
        tokio::spawn(async move {
            progress.all_reach(head).await;
            drop(reservations);
        });
    }

    /// Untracks a keyword; false when it was not tracked any more.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn untrack(&self, keyword: &Keyword) -> Result<bool, CommandError> {
        self.be_current(keyword).await?;
        let views = self.shared.views.clone();
        let asked = keyword.clone();
        let summary = tokio::task::spawn_blocking(move || views.summary(&asked)).await??;
        match summary {
            Some(summary) if summary.tracked => {}
            Some(_) => return Ok(false),
            None => return Err(CommandError::UnknownKeyword(keyword.clone())),
        }
        let at = Timestamp::now();
        self.command(keyword, &Event::KeywordUntracked { at }, at)
            .await?;
        Ok(true)
    }

    /// Waits until the keyword's shard has folded what the journal held at the start.
    async fn be_current(&self, keyword: &Keyword) -> Result<(), CommandError> {
        let shard = self.shard_of(keyword);
        let current = self.shared.progress.shard_is_current(shard);
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
        let appended = self.shared.journal.append(vec![record]).await?;
        self.reached(Scope::Keyword(keyword), appended.last)
            .await
            .map_err(|_| CommandError::TryAgain)
    }

    /// Ends a keyword's quarantine; false when it was in none.
    ///
    /// # Errors
    /// [`CommandError::TryAgain`] while the views are being opened.
    pub async fn release(&self, keyword: &Keyword) -> Result<bool, CommandError> {
        let shard = self.shard_of(keyword);
        let released = self.shared.root.release(shard, keyword.clone()).await;
        released.ok_or(CommandError::TryAgain)
    }

    /// Waits until a position is folded, at most [`FOLD_WAIT`].
    ///
    /// # Errors
    /// [`ReachedError`].
    pub async fn reached(&self, scope: Scope<'_>, sequence: Sequence) -> Result<(), ReachedError> {
        self.journaled(sequence).await?;
        let reached = async {
            match scope {
                Scope::Keyword(keyword) => {
                    let shard = self.shard_of(keyword);
                    self.shared
                        .progress
                        .keyword_reaches(keyword, shard, sequence)
                        .await;
                }
                Scope::All => self.shared.progress.all_reach(sequence).await,
            }
        };
        tokio::time::timeout(FOLD_WAIT, reached)
            .await
            .map_err(|_| ReachedError::TryAgain)
    }

    /// The journal holds a position. What others publish to a broker is known a moment late.
    async fn journaled(&self, sequence: Sequence) -> Result<(), ReachedError> {
        let mut head = self.shared.journal.head();
        if *head.borrow() >= sequence {
            return Ok(());
        }
        if self.shared.journal.connection() != Connection::Local {
            let arrives = head.wait_for(|head| *head >= sequence);
            if let Ok(Ok(_)) = tokio::time::timeout(HEAD_KNOWN_WITHIN, arrives).await {
                return Ok(());
            }
        }
        let head = *head.borrow();
        Err(ReachedError::BeyondHead { head })
    }

    /// What a keyword is doing.
    pub fn keyword_status(&self, keyword: &Keyword) -> KeywordStatus {
        self.shared.progress.status(keyword, self.shard_of(keyword))
    }

    /// How far a keyword's shard is behind the journal's head, in records.
    pub fn lag(&self, keyword: &Keyword) -> u64 {
        let head = *self.shared.journal.head().borrow();
        head.since(self.shared.progress.position(self.shard_of(keyword)))
    }

    /// Views of an older version answer until those of this one have caught up.
    pub fn shows_older_views(&self) -> bool {
        self.shared.progress.is_frozen()
    }

    /// The lowest position that all shards have folded.
    pub fn position(&self) -> Sequence {
        self.shared.progress.lowest()
    }

    /// How the system is.
    pub fn status(&self) -> Status {
        self.shared.health.status()
    }

    /// Stops folding, commits, closes the views and then the journal.
    ///
    /// # Errors
    /// What could not be closed cleanly; nothing is lost by it, but the next start takes longer.
    pub async fn shutdown(&self) -> Result<(), ShutdownError> {
        let views = self.shared.root.finish().await;
        let journal = self.shared.journal.close().await;
        match (views, journal) {
            (Ok(()), journal) => Ok(journal?),
            (Err(views), Ok(())) => Err(ShutdownError::Views(views)),
            (Err(views), Err(journal)) => {
                let both = format!("{views}; and {}", whole(&journal));
                Err(ShutdownError::Views(both))
            }
        }
    }

    fn shard_of(&self, keyword: &Keyword) -> ShardId {
        self.shared
            .journal
            .shards()
            .shard_of(Token::of(keyword).as_str().as_bytes())
    }
}

/// What could not be closed cleanly.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShutdownError {
    /// The views.
    #[error("the views were not closed cleanly: {0}")]
    Views(String),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
}
