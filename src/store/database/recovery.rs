//! Opening the database again after a write has failed.
//!
//! A test write shows that the disk accepts writes again. Then the database is closed and opened,
//! and its checkpoints are compared with the last commits.

use std::io::Write as _;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use tokio::sync::RwLockWriteGuard;

use super::handles::{OpenHandles, SEGMENT_BYTES, TEST_FILE, record_of};
use super::{Database, Standing};
use crate::store::StoreError;

/// Minimum time between two attempts to open the database again, over all shards.
pub const RECOVER_EVERY: Duration = Duration::from_millis(500);
/// Bytes of the test write: the space that sled needs for a segment and a snapshot.
const TEST_BYTES: usize = 2 * SEGMENT_BYTES;
/// Maximum time that recovery waits for a handle that is still in use.
const IN_USE_WAIT: Duration = Duration::from_secs(5);
/// Pause between two checks for handles in use.
const IN_USE_PAUSE: Duration = Duration::from_millis(20);

impl Database {
    /// Notes an attempt to open the database again. Returns `false` when the last attempt was less
    /// than [`RECOVER_EVERY`] ago.
    fn may_try(&self) -> bool {
        let mut tried = self.tried.lock();
        let now = Instant::now();
        if tried.is_some_and(|at| now.duration_since(at) < RECOVER_EVERY) {
            return false;
        }
        *tried = Some(now);
        true
    }

    /// Opens the database again after a failed write, if the disk accepts writes again. Does
    /// nothing when no write has failed.
    ///
    /// # Errors
    /// [`StoreError::Unwritten`] while the disk accepts no writes; [`StoreError::Reverted`] when
    /// committed rows are no longer on disk.
    pub(in crate::store) fn recover(&self) -> Result<(), StoreError> {
        let Some(failure) = self.failure() else {
            return Ok(());
        };
        if !self.may_try() {
            return Err(failure);
        }
        self.test_write()
            .map_err(|error| StoreError::Unwritten(Box::new(error)))?;
        *self.closed() = Some(failure);
        let Some(_no_fold_runs) = self.stop_folding() else {
            return Err(self.why_closed());
        };
        self.reopen()
    }

    /// Closes the database and opens it again. Readers wait meanwhile.
    fn reopen(&self) -> Result<(), StoreError> {
        // All locks are taken before anything is closed, always in this order.
        let mut trees: Vec<_> = self.trees.iter().map(|tree| tree.write()).collect();
        let mut db = self.db.write();
        for tree in &mut trees {
            drop(tree.take());
        }
        drop(db.take());
        let open = self.open_patiently().map_err(|error| {
            if error.is_damage() {
                return error;
            }
            let unwritten = StoreError::Unwritten(Box::new(error));
            *self.closed() = Some(unwritten.repeated());
            unwritten
        })?;
        self.check_commits(&open)?;
        for (slot, tree) in trees.iter_mut().zip(open.trees) {
            **slot = Some(tree);
        }
        *db = Some(open.db);
        Ok(())
    }

    /// Compares the checkpoints on disk with those of the last commits.
    fn check_commits(&self, open: &OpenHandles) -> Result<(), StoreError> {
        let mut standing = self.standing();
        for (tree, standing) in open.trees.iter().zip(standing.iter_mut()) {
            let found = record_of(tree.get()?)?;
            if found != standing.committed && found != standing.attempted {
                return Err(StoreError::Reverted);
            }
            *standing = Standing {
                committed: found,
                attempted: None,
            };
        }
        Ok(())
    }

    /// Waits until no fold runs, and lets none begin. Returns `None` when a fold runs for longer
    /// than [`IN_USE_WAIT`], because its shard may be waiting for a commit.
    fn stop_folding(&self) -> Option<RwLockWriteGuard<'_, ()>> {
        let until = Instant::now() + IN_USE_WAIT;
        let mut stopped = std::pin::pin!(self.folding.write());
        loop {
            match stopped.as_mut().now_or_never() {
                None if Instant::now() < until => std::thread::sleep(IN_USE_PAUSE),
                stopped => return stopped,
            }
        }
    }

    fn open_patiently(&self) -> Result<OpenHandles, StoreError> {
        let until = Instant::now() + IN_USE_WAIT;
        loop {
            match OpenHandles::open(&self.dir, self.cache_bytes, self.count) {
                Err(error) if error.is_in_use() && Instant::now() < until => {
                    std::thread::sleep(IN_USE_PAUSE);
                }
                opened => return opened,
            }
        }
    }

    /// Writes and syncs a file of [`TEST_BYTES`], and removes it.
    fn test_write(&self) -> Result<(), StoreError> {
        let path = self.dir.join(TEST_FILE);
        let write = || {
            let mut file = std::fs::File::create(&path)?;
            file.write_all(&vec![0; TEST_BYTES])?;
            file.sync_all()
        };
        let written = write();
        let removed = match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        written
            .and(removed)
            .map_err(StoreError::io("write a test file", &path))
    }
}
