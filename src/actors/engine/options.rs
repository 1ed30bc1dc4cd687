//! How the engine is set up.

use std::path::PathBuf;
use std::time::Duration;

use super::clock::Clock;

/// How the engine is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data folder.
    pub data: PathBuf,
    /// The size of sled's cache, in bytes.
    pub cache_bytes: u64,
    /// The most records that the reader sends to the shards at a time.
    pub batch_records: usize,
    /// Requests to track a new keyword are refused while this many are tracked.
    pub keywords_max: usize,
    /// The most keyword actors in memory, over all shards; at least 2.
    pub keywords_resident: usize,
    /// When shards commit, and what they keep in memory.
    pub shard: ShardOptions,
    /// Where windows and polled topics read the time.
    pub clock: Clock,
}

/// When a shard commits and what it keeps in memory.
#[derive(Debug, Clone)]
pub struct ShardOptions {
    /// Commit after this many events, if not earlier.
    pub commit_events: u64,
    /// Commit after this time, if not earlier.
    pub commit_interval: Duration,
    /// A keyword that folds nothing for this time leaves memory.
    pub idle: Duration,
}

#[cfg(test)]
impl Options {
    /// Small batches and frequent commits.
    pub(in crate::actors) fn of_test(data: &std::path::Path) -> Self {
        Self {
            data: data.to_owned(),
            cache_bytes: 1 << 20,
            batch_records: 64,
            keywords_max: 1_000,
            keywords_resident: 100,
            shard: ShardOptions {
                commit_events: 1,
                commit_interval: Duration::from_secs(1),
                idle: Duration::from_secs(600),
            },
            clock: Clock::system(),
        }
    }
}
