//! The handle of the running engine.

use std::sync::Arc;
use std::time::Duration;

use super::change_sink::ChangeSink;
use super::core::Core;
use super::health::{Health, Status};
use super::keyword::{FoldStep, fold_step};
use super::opening_error::OpeningError;
use super::options::Options;
use super::progress::KeywordStatus;
use super::root::{RootHandle, startup_error};
use super::root_watch::RootWatch;
use crate::events::{Keyword, KeywordRules, Sequence, Timestamp, TweetId};
use crate::journal::{Connection, JournalError, JournalHandle};
use crate::store::{RuledKeywords, StoreError, TweetIndex, Views};
use crate::telemetry::{Metrics, whole};
use crate::text::Matcher;

/// Time without a query after which a part of the tweet index leaves memory.
const FORGET_HOLDERS_AFTER: Duration = Duration::from_secs(600);
/// Interval at which the tweet index is checked for parts that no query uses.
const FORGET_HOLDERS_EVERY: Duration = Duration::from_secs(5);

/// The running engine; cheap to clone.
#[derive(Debug, Clone)]
pub struct Tidings {
    pub(super) shared: Arc<HandleState>,
}

#[derive(Debug)]
pub(super) struct HandleState {
    pub(super) core: Core,
    pub(super) root: RootHandle,
    root_watch: RootWatch,
    health: Arc<Health>,
    holders: TweetIndex,
}

/// Why the engine could not be started.
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

    /// Like [`Self::start`], with the caller's fold step; for tests of a failing fold.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start_with(
        options: Options,
        journal: JournalHandle,
        metrics: Metrics,
        fold: FoldStep,
    ) -> Result<Self, StartError> {
        let core = Core::new(options, journal, metrics, fold);
        let (root, root_watch) =
            RootHandle::spawn(core.clone())
                .await
                .map_err(|error| match startup_error(error) {
                    Ok(opening) => StartError::Opening(opening),
                    Err(other) => StartError::Actors(other),
                })?;
        let shared = Arc::new(HandleState {
            root,
            root_watch,
            health: Health::sampled(core.clone()),
            holders: TweetIndex::new(core.views.clone()),
            core,
        });
        let idle = Arc::downgrade(&shared);
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(FORGET_HOLDERS_EVERY);
            while let Some(shared) = idle.upgrade() {
                shared.holders.forget_unasked(FORGET_HOLDERS_AFTER);
                drop(shared);
                ticks.tick().await;
            }
        });
        Ok(Self { shared })
    }

    /// Sends the changes of all folds to this sink from now on; false when a sink is attached
    /// already.
    pub fn attach(&self, changes: Arc<dyn ChangeSink>) -> bool {
        self.core().changes.attach(changes)
    }

    /// Waits until the engine has ended for good; returns the reason. The process then has to exit.
    pub async fn ended(&self) -> String {
        self.shared.root_watch.ended().await
    }

    /// The state that the actors share.
    pub(in crate::actors) fn core(&self) -> &Core {
        &self.shared.core
    }

    /// The views.
    pub fn views(&self) -> &Views {
        &self.core().views
    }

    /// The journal.
    pub fn journal(&self) -> &JournalHandle {
        &self.core().journal
    }

    /// The metrics of the process.
    pub fn metrics(&self) -> &Metrics {
        &self.core().metrics
    }

    /// The current time of the engine's clock.
    pub fn now(&self) -> Timestamp {
        self.core().options.clock.now()
    }

    /// The matcher over all tracked keywords and their rules, as of now.
    pub fn matcher(&self) -> Arc<Matcher> {
        self.core().tracked_keywords.matcher()
    }

    /// Number of tracked keywords.
    pub fn tracked_count(&self) -> usize {
        self.core().tracked_keywords.count()
    }

    /// True when the keyword is tracked.
    pub fn is_tracked(&self, keyword: &Keyword) -> bool {
        self.core().tracked_keywords.contains(keyword)
    }

    /// The rules of a keyword; `None` when it is not tracked.
    pub fn rules(&self, keyword: &Keyword) -> Option<KeywordRules> {
        self.core().tracked_keywords.rules(keyword)
    }

    /// The tracked keywords with their rules, in keyword order. They are read from memory.
    pub fn ruled_keywords(&self) -> RuledKeywords {
        self.core().tracked_keywords.all()
    }

    /// The length of the rules of all keywords, in bytes.
    pub fn rule_bytes(&self) -> usize {
        self.core().tracked_keywords.rule_bytes()
    }

    /// The tracked keywords that hold a tweet, in keyword order. A lagging keyword counts as a
    /// holder, because its unread records may hold the tweet; its fold ignores an event of a tweet
    /// that it lacks. `also` and `fresh` as in [`TweetIndex::of`]. Blocks.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn holders(
        &self,
        id: &TweetId,
        also: &[Keyword],
        fresh: bool,
    ) -> Result<Vec<Keyword>, StoreError> {
        let mut holders = self.core().progress.all_behind();
        holders.retain(|keyword| self.is_tracked(keyword));
        holders.extend(self.shared.holders.of(id, also, fresh)?);
        holders.sort();
        holders.dedup();
        Ok(holders)
    }

    /// True when the set of tracked keywords is current although the views are still catching up.
    /// This holds while previous views answer: they have folded everything that the journal held at
    /// the start, and since then only this process could change the set. This process
    /// [refuses](Self::track) to change it until the views are current.
    pub fn knows_tracked(&self) -> bool {
        let core = self.core();
        core.tracked_keywords.is_frozen()
            && core.journal.connection() == Connection::Local
            && core.progress.lowest() >= core.progress.target()
    }

    /// The status of a keyword.
    pub fn keyword_status(&self, keyword: &Keyword) -> KeywordStatus {
        let core = self.core();
        core.progress.status(keyword, core.shard_of(keyword))
    }

    /// How far a keyword's shard is behind the journal head, in records.
    pub fn lag(&self, keyword: &Keyword) -> u64 {
        let core = self.core();
        let position = core.progress.position(core.shard_of(keyword));
        core.head().since(position)
    }

    /// True while previous views answer, because the new views are still catching up.
    pub fn shows_older_views(&self) -> bool {
        self.core().progress.is_frozen()
    }

    /// The lowest folded position of all shards.
    pub fn position(&self) -> Sequence {
        self.core().progress.lowest()
    }

    /// The status of the engine.
    pub fn status(&self) -> Status {
        self.shared.health.status()
    }

    /// Stops folding, commits, closes the views and then the journal.
    ///
    /// # Errors
    /// The part that was not closed cleanly. No event is lost, but the next start takes longer.
    pub async fn shutdown(&self) -> Result<(), ShutdownError> {
        let views = self.shared.root.finish().await;
        let journal = self.core().journal.close().await;
        match (views, journal) {
            (Ok(()), journal) => Ok(journal?),
            (Err(views), Ok(())) => Err(ShutdownError::Views(views)),
            (Err(views), Err(journal)) => {
                let both = format!("{views}; and {}", whole(&journal));
                Err(ShutdownError::Views(both))
            }
        }
    }
}

/// The part that was not closed cleanly.
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
