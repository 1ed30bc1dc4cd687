//! The engine's readiness, and the lag of each shard.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::causes::Waiting;
use super::core::Core;
use crate::events::{Keyword, Sequence, ShardId};
use crate::journal::{Connection, Durability};

/// A shard lags too far when it has not folded the position that was the journal head this long
/// ago.
const LAG_ALLOWED: Duration = Duration::from_secs(10);
/// Minimum time between two samples of the journal head.
const HEAD_SAMPLES_EVERY: Duration = Duration::from_secs(1);

/// The status of the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Answers are up to date, except for a lag of some seconds.
    pub ready: bool,
    /// The views are not open, or the position that was the journal head when folding began is not
    /// folded yet.
    pub starting: bool,
    /// The journal head.
    pub head: Sequence,
    /// Every shard, in order.
    pub shards: Vec<ShardStatus>,
    /// Causes for which parts of the engine wait, with reasons. The engine is not ready while there
    /// are any.
    pub causes: Vec<String>,
    /// Keywords in quarantine.
    pub quarantined: Vec<Keyword>,
    /// Whether acknowledged events survive a power loss.
    pub durability: Durability,
    /// The connection to the journal.
    pub connection: Connection,
    /// Number of tracked keywords.
    pub tracked: usize,
    /// Number of tracked keywords from which requests to track a new one are refused.
    pub keywords_max: usize,
    /// Number of texts in the rules of tracked keywords.
    pub rule_texts: usize,
    /// Maximum number of texts of rules. Requests for more are refused.
    pub rule_texts_max: usize,
}

impl Status {
    /// True when more keywords are tracked, or their rules have more texts, than the limits allow.
    /// The surplus came through the journal, or before the limits were lowered.
    pub const fn exceeds_limits(&self) -> bool {
        self.tracked > self.keywords_max || self.rule_texts > self.rule_texts_max
    }
}

/// The status of one shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardStatus {
    /// The shard.
    pub shard: ShardId,
    /// The folded position of the shard.
    pub position: Sequence,
    /// The journal head minus the folded position.
    pub lag: u64,
}

/// Compares the recent journal heads with what is folded.
#[derive(Debug)]
pub(super) struct Health {
    core: Core,
    heads: Mutex<VecDeque<(Instant, Sequence)>>,
    /// When the journal became unreachable.
    unreachable_since: Mutex<Option<Instant>>,
}

impl Health {
    /// Samples the journal head every second until the last handle is dropped.
    pub(super) fn sampled(core: Core) -> Arc<Self> {
        let health = Arc::new(Self {
            core,
            heads: Mutex::default(),
            unreachable_since: Mutex::default(),
        });
        let sampled = Arc::downgrade(&health);
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(HEAD_SAMPLES_EVERY);
            while let Some(health) = sampled.upgrade() {
                health.sample();
                drop(health);
                ticks.tick().await;
            }
        });
        health
    }

    /// The current status of the engine.
    pub(crate) fn status(&self) -> Status {
        self.sample();
        let head = self.core.head();
        let lowest = self.core.progress.lowest();
        let starting = self.core.views.epoch().is_err()
            || self.core.progress.is_frozen()
            || lowest < self.core.progress.target();
        let shards = self
            .core
            .journal
            .shards()
            .all()
            .zip(self.core.progress.positions())
            .map(|(shard, position)| ShardStatus {
                shard,
                position,
                lag: head.since(position),
            })
            .collect();
        let causes = self.core.causes.all();
        Status {
            ready: !starting
                && causes.is_empty()
                && !self.is_unreachable_for_long()
                && lowest >= self.head_some_time_ago(),
            starting,
            head,
            shards,
            causes,
            quarantined: self.core.progress.quarantined(),
            durability: self.core.journal.durability(),
            connection: self.core.journal.connection(),
            tracked: self.core.tracked_keywords.count(),
            keywords_max: self.core.options.keywords_max,
            rule_texts: self.core.tracked_keywords.rule_texts(),
            rule_texts_max: self.core.options.rule_texts_max,
        }
    }

    /// Checks whether the journal can be written and read, and enters or removes the causes.
    fn check_journal(&self) {
        let obstacle = self.core.journal.unwritable();
        let writable = obstacle.is_none();
        self.core.metrics.journal_writable.set(i64::from(writable));
        let read = self.core.journal.unreadable();
        for (waiting, obstacle) in [(Waiting::Journal, obstacle), (Waiting::Reading, read)] {
            match obstacle {
                Some(reason) => self.core.causes.waits(waiting, &reason),
                None => self.core.causes.goes_on(waiting),
            }
        }
    }

    /// Records the journal head, and shows the lag in the metrics.
    fn sample(&self) {
        self.check_journal();
        let head = self.core.head();
        for (shard, position) in self
            .core
            .journal
            .shards()
            .all()
            .zip(self.core.progress.positions())
        {
            self.core
                .metrics
                .set_lag(shard.index(), head.since(position));
        }
        let tracked = i64::try_from(self.core.tracked_keywords.count()).unwrap_or(i64::MAX);
        self.core.metrics.keywords_tracked.set(tracked);
        let texts = i64::try_from(self.core.tracked_keywords.rule_texts()).unwrap_or(i64::MAX);
        self.core.metrics.rule_texts.set(texts);
        let now = Instant::now();
        let reachable = self.core.journal.connection() != Connection::Disconnected;
        self.core
            .metrics
            .journal_connected
            .set(i64::from(reachable));
        let mut since = self.unreachable_since.lock();
        *since = if reachable { None } else { since.or(Some(now)) };
        drop(since);
        let mut heads = self.heads.lock();
        let fresh = heads
            .back()
            .is_some_and(|(at, _)| now - *at < HEAD_SAMPLES_EVERY);
        if !fresh {
            heads.push_back((now, head));
        }
        // The first sample that is kept is the newest that is at least `LAG_ALLOWED` old.
        while heads.get(1).is_some_and(|(at, _)| now - *at >= LAG_ALLOWED) {
            heads.pop_front();
        }
    }

    /// True when the journal has been unreachable for too long: its head and the lag are then
    /// unknown.
    fn is_unreachable_for_long(&self) -> bool {
        self.unreachable_since
            .lock()
            .is_some_and(|since| since.elapsed() >= LAG_ALLOWED)
    }

    fn head_some_time_ago(&self) -> Sequence {
        let heads = self.heads.lock();
        match heads.front() {
            Some((at, head)) if at.elapsed() >= LAG_ALLOWED => *head,
            _ => Sequence::ZERO,
        }
    }
}
