//! Whether the engine is ready, and how far each shard lags.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::causes::Waiting;
use super::core::Core;
use crate::events::{Keyword, Sequence, ShardId};
use crate::journal::{Connection, Durability};

/// A shard lags too far if it has not folded what the journal held this long ago.
const LAG_ALLOWED: Duration = Duration::from_secs(10);
const HEAD_SAMPLES_EVERY: Duration = Duration::from_secs(1);

/// How the engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Answers are up to date, except for a lag of seconds.
    pub ready: bool,
    /// What the journal held at the start is not folded yet.
    pub starting: bool,
    /// The journal head.
    pub head: Sequence,
    /// Every shard, in order.
    pub shards: Vec<ShardStatus>,
    /// What waits at present, each with the reason. The engine is not ready while anything waits.
    pub causes: Vec<String>,
    /// Keywords in quarantine.
    pub quarantined: Vec<Keyword>,
    /// How much of what was acknowledged a power loss may take.
    pub durability: Durability,
    /// Whether the journal can be reached.
    pub connection: Connection,
    /// How many keywords are tracked.
    pub tracked: usize,
    /// Requests to track a new keyword are refused while this many are tracked.
    pub keywords_max: usize,
}

impl Status {
    /// More keywords are tracked than the limit allows. They came through the journal.
    pub const fn has_too_many_keywords(&self) -> bool {
        self.tracked > self.keywords_max
    }
}

/// How one shard is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardStatus {
    /// Which one.
    pub shard: ShardId,
    /// The position through which it has folded.
    pub position: Sequence,
    /// The journal head minus that position.
    pub lag: u64,
}

/// Compares the recent journal heads with what is folded.
#[derive(Debug)]
pub(super) struct Health {
    core: Core,
    heads: Mutex<VecDeque<(Instant, Sequence)>>,
    /// The time since which the journal cannot be reached.
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

    /// How the engine is now.
    pub(crate) fn status(&self) -> Status {
        self.sample();
        let head = self.core.head();
        let lowest = self.core.progress.lowest();
        let starting = self.core.views.store().is_err()
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
        }
    }

    /// Asks the journal whether it can be written and read, and shows the causes if not.
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

    /// Remembers the journal head, and shows the lag in the metrics.
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
        // The first sample is the newest that is at least `LAG_ALLOWED` old.
        while heads.get(1).is_some_and(|(at, _)| now - *at >= LAG_ALLOWED) {
            heads.pop_front();
        }
    }

    /// The journal cannot be reached for too long: its head, and so the lag, are not known.
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
