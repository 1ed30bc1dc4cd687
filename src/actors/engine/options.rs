//! The options of the engine.

use std::path::PathBuf;
use std::time::Duration;

use crate::events::Clock;
use crate::projections::FoldContext;

/// The options of the engine.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data folder.
    pub data: PathBuf,
    /// The size of sled's cache, in bytes.
    pub cache_bytes: u64,
    /// The fold, with its settings.
    pub fold: FoldContext,
    /// Maximum number of records that the reader sends to the shards at a time.
    pub batch_records: usize,
    /// Number of tracked keywords from which requests to track a new one are refused.
    pub keywords_max: usize,
    /// Maximum number of texts of rules over all keywords. Requests for more are refused.
    pub rule_texts_max: usize,
    /// Maximum number of keyword actors in memory, over all shards; at least 2.
    pub keywords_resident: usize,
    /// When shards commit, and what they keep in memory.
    pub shard: ShardOptions,
    /// The clock of the engine and of everything that works with its handle.
    pub clock: Clock,
}

/// When a shard commits and what it keeps in memory.
#[derive(Debug, Clone)]
pub struct ShardOptions {
    /// Number of events after which a commit is due.
    pub commit_events: u64,
    /// Time after which a commit is due.
    pub commit_interval: Duration,
    /// Time without a fold after which a keyword leaves memory.
    pub idle: Duration,
}

#[cfg(test)]
impl Options {
    /// Options for tests: small batches and frequent commits.
    pub(in crate::actors) fn of_test(data: &std::path::Path) -> Self {
        Self {
            data: data.to_owned(),
            cache_bytes: 1 << 20,
            fold: FoldContext::default(),
            batch_records: 64,
            keywords_max: 1_000,
            rule_texts_max: 10_000,
            keywords_resident: 100,
            shard: ShardOptions {
                commit_events: 1,
                commit_interval: Duration::from_secs(1),
                idle: Duration::from_secs(600),
            },
            clock: Clock::of(crate::events::Timestamp::now),
        }
    }
}
