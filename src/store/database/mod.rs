//! The sled database of a folder. It can be closed and opened again while it is in use.
//!
//! After a failed write, for example on a full disk, sled accepts no more writes until it is opened
//! again. Reads still work. So the old handles stay after a failed commit, until a test write shows
//! that the disk accepts writes again. Then the database is closed and opened, and its checkpoints
//! are compared with the last commits. Reads wait during that time without blocking the runtime,
//! and no fold begins. If the database cannot be opened, reads fail until it can.

mod handles;
mod recovery;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use parking_lot::{Mutex, MutexGuard, RwLock, RwLockReadGuard};
use tokio::runtime::{Handle as Runtime, RuntimeFlavor};
use tokio::sync::OwnedRwLockReadGuard;

use self::handles::{OpenHandles, record_of};
use super::catch_panic::{Handle, guarded};
use super::{CheckpointRow, CommitObserver, StoreError};
use crate::events::ShardCount;

pub use recovery::RECOVER_EVERY;

/// A database with one tree for each shard.
pub(super) struct Database {
    dir: PathBuf,
    cache_bytes: u64,
    count: ShardCount,
    db: RwLock<Option<Handle<sled::Db>>>,
    trees: Vec<RwLock<Option<Handle<sled::Tree>>>>,
    /// The last commits of every shard, in shard order.
    standing: Mutex<Vec<Standing>>,
    /// The time of the last attempt to open the database again.
    tried: Mutex<Option<Instant>>,
    /// Read-locked by folds, write-locked while the database is opened again.
    folding: Arc<tokio::sync::RwLock<()>>,
    /// The reason why the database was last closed or could not be opened:
    /// [`StoreError::Unwritten`].
    closed: Mutex<Option<StoreError>>,
    /// The observer of commits, if there is one.
    observer: OnceLock<Arc<dyn CommitObserver>>,
}

/// A guard. The database is not closed while a guard is held.
#[derive(Debug)]
pub struct KeptOpen {
    _folding: OwnedRwLockReadGuard<()>,
}

/// The last commits of a shard.
#[derive(Debug, Clone, Copy, Default)]
struct Standing {
    /// The checkpoint of the last commit that is known to be on disk.
    committed: Option<CheckpointRow>,
    /// The checkpoint of a failed commit, which may or may not be on disk.
    attempted: Option<CheckpointRow>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database")
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

impl Database {
    /// Opens the folder. Creates it if it does not exist.
    pub(super) fn open(
        dir: &Path,
        cache_bytes: u64,
        count: ShardCount,
    ) -> Result<Self, StoreError> {
        let OpenHandles { db, trees } = OpenHandles::open(dir, cache_bytes, count)?;
        let standing = trees
            .iter()
            .map(|tree| {
                Ok(Standing {
                    // A row that does not decode is reported when its shard reads it.
                    committed: record_of(tree.get()?).unwrap_or_default(),
                    attempted: None,
                })
            })
            .collect::<Result<_, StoreError>>()?;
        Ok(Self {
            dir: dir.to_owned(),
            cache_bytes,
            count,
            db: RwLock::new(Some(db)),
            trees: trees
                .into_iter()
                .map(|tree| RwLock::new(Some(tree)))
                .collect(),
            standing: Mutex::new(standing),
            tried: Mutex::default(),
            folding: Arc::default(),
            closed: Mutex::default(),
            observer: OnceLock::new(),
        })
    }

    /// Sets the observer, which receives all commits from now on. Returns false when there is one
    /// already.
    pub(super) fn observe(&self, observer: Arc<dyn CommitObserver>) -> bool {
        self.observer.set(observer).is_ok()
    }

    /// The observer of commits, if there is one.
    pub(super) fn observer(&self) -> Option<&dyn CommitObserver> {
        self.observer.get().map(|observer| &**observer)
    }

    /// Reads from the tree of a shard.
    ///
    /// # Errors
    /// [`StoreError::Unwritten`] when the read fails because of a failed write.
    pub(super) fn read<T>(
        &self,
        shard: usize,
        action: &'static str,
        read: impl FnOnce(&sled::Tree) -> Result<T, sled::Error>,
    ) -> Result<T, StoreError> {
        let tree = self.tree(shard)?;
        let tree = tree.get()?;
        guarded(action, || read(tree)).map_err(|error| {
            if self.has_failed() {
                self.refused(error)
            } else {
                error
            }
        })
    }

    /// Converts the error of a write. It becomes [`StoreError::Unwritten`], after which the write
    /// is retried, if the operating system refused the write. An input or output error counts as
    /// refused only when sled accepts no more writes after it. Otherwise a read inside the write
    /// has failed, which is damage.
    pub(super) fn unwritten(&self, error: StoreError) -> StoreError {
        if self.has_failed() || !error.is_damage() {
            self.refused(error)
        } else {
            error
        }
    }

    fn refused(&self, error: StoreError) -> StoreError {
        let error = match error {
            StoreError::Sled {
                source: sled::Error::Io(error),
                ..
            } => StoreError::io("write to", self.dir.join("db"))(system_error(error)),
            other => other,
        };
        match error {
            StoreError::Io { .. } => StoreError::Unwritten(Box::new(error)),
            other => other,
        }
    }

    /// Returns the tree of a shard, if the database is open.
    ///
    /// # Errors
    /// [`StoreError::Unwritten`] when the database could not be opened again after a failed write.
    pub(super) fn tree(&self, shard: usize) -> Result<Handle<sled::Tree>, StoreError> {
        self.trees
            .get(shard)
            .and_then(|tree| reading(tree).clone())
            .ok_or_else(|| self.why_closed())
    }

    /// Keeps the database open for a fold, whose reads must not fail in between. The caller must
    /// not wait for a commit while it holds the guard, because the commit may wait for the guard.
    ///
    /// # Errors
    /// [`StoreError::Unwritten`] while the database is being opened again, and if that failed.
    pub(super) fn keep_open(&self) -> Result<KeptOpen, StoreError> {
        let folding = Arc::clone(&self.folding).try_read_owned();
        let folding = folding.map_err(|_| self.why_closed())?;
        match *reading(&self.db) {
            Some(_) => Ok(KeptOpen { _folding: folding }),
            None => Err(self.why_closed()),
        }
    }

    fn why_closed(&self) -> StoreError {
        let closed = self.closed();
        closed
            .as_ref()
            .map_or(StoreError::Absent, StoreError::repeated)
    }

    fn closed(&self) -> MutexGuard<'_, Option<StoreError>> {
        self.closed.lock()
    }

    /// Makes all written rows durable.
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        self.flush_open().map_err(|error| self.unwritten(error))
    }

    fn flush_open(&self) -> Result<(), StoreError> {
        let db = reading(&self.db);
        let db = db.as_ref().ok_or_else(|| self.why_closed())?.get()?;
        guarded("be flushed", || db.flush()).map(drop)
    }

    pub(super) fn size_on_disk(&self) -> Result<u64, StoreError> {
        let db = reading(&self.db);
        let db = db.as_ref().ok_or_else(|| self.why_closed())?.get()?;
        guarded("measure itself", || db.size_on_disk())
    }

    /// Returns the failed write after which sled accepts no more writes, if there is one.
    fn failure(&self) -> Option<StoreError> {
        let db = reading(&self.db);
        match db.as_ref().and_then(|db| db.get().ok()) {
            Some(db) => db.context.global_error().err().map(|source| {
                self.refused(StoreError::Sled {
                    action: "be written",
                    source,
                })
            }),
            None => Some(self.why_closed()),
        }
    }

    fn has_failed(&self) -> bool {
        self.failure().is_some()
    }

    /// Notes that a commit with this checkpoint is being written.
    pub(super) fn attempts(&self, shard: usize, record: CheckpointRow) {
        if let Some(standing) = self.standing().get_mut(shard) {
            standing.attempted = Some(record);
        }
    }

    /// Notes that a commit with this checkpoint is on disk.
    pub(super) fn committed(&self, shard: usize, record: CheckpointRow) {
        if let Some(standing) = self.standing().get_mut(shard) {
            *standing = Standing {
                committed: Some(record),
                attempted: None,
            };
        }
    }

    fn standing(&self) -> MutexGuard<'_, Vec<Standing>> {
        self.standing.lock()
    }

    /// Flushes, syncs and closes the database.
    ///
    /// # Errors
    /// [`StoreError`]. The database is closed even then.
    pub(super) fn close(self) -> Result<(), StoreError> {
        let flushed = self.flush();
        let synced = flushed.and_then(|()| {
            // sled panics when its own sync fails, so the file is synced here first.
            let path = self.dir.join("db");
            std::fs::File::open(&path)
                .and_then(|file| file.sync_all())
                .map_err(StoreError::io("sync", &path))
        });
        let mut closed = Ok(());
        for tree in self.trees {
            closed = closed.and(tree.into_inner().map_or(Ok(()), Handle::close));
        }
        closed = closed.and(self.db.into_inner().map_or(Ok(()), Handle::close));
        // A failed sync makes the closing fail too. The error of the sync has the reason.
        synced.and(closed)
    }
}

/// Locks for reading. This waits only while the database is opened again.
fn reading<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    match lock.try_read() {
        Some(held) => held,
        None => blocking(|| lock.read()),
    }
}

/// Runs a call that takes long. The other tasks of the worker thread continue meanwhile.
pub(super) fn blocking<T>(call: impl FnOnce() -> T) -> T {
    match Runtime::try_current() {
        Ok(runtime) if runtime.runtime_flavor() == RuntimeFlavor::MultiThread => {
            tokio::task::block_in_place(call)
        }
        _ => call(),
    }
}

/// Returns the error of the operating system with its code. sled returns copies that have only the
/// debug text of the error.
fn system_error(error: std::io::Error) -> std::io::Error {
    let text = error.to_string();
    let code = text
        .split_once("Os { code: ")
        .and_then(|(_, rest)| rest.split(',').next())
        .and_then(|code| code.parse().ok());
    code.map_or(error, std::io::Error::from_raw_os_error)
}

#[cfg(test)]
impl Database {
    /// Puts the database into the state after a failed attempt to open it again on a full disk.
    pub(super) fn fail(&self) {
        *self.closed() = Some(self.unwritten(tests::refused(28)));
        for tree in &self.trees {
            *tree.write() = None;
        }
        *self.db.write() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn refused(code: i32) -> StoreError {
        StoreError::Sled {
            action: "commit",
            source: sled::Error::Io(std::io::Error::from_raw_os_error(code)),
        }
    }

    #[test]
    fn only_writes_that_the_system_refused_are_retried() {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::open(dir.path(), 1 << 20, ShardCount::DEFAULT).unwrap();
        let full = database.unwritten(refused(28));
        assert!(full.is_unwritten(), "{full}");
        // An input or output error of a read inside a commit: sled still accepts writes.
        let damage = database.unwritten(refused(5));
        assert!(damage.is_damage() && !damage.is_unwritten(), "{damage}");
        let corrupt = StoreError::Sled {
            action: "commit",
            source: sled::Error::ReportableBug("torn".into()),
        };
        assert!(database.unwritten(corrupt).is_damage());
    }

    #[test]
    fn reads_fail_with_the_reason_until_the_database_is_opened_again() {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::open(dir.path(), 1 << 20, ShardCount::DEFAULT).unwrap();
        let read = || database.read(0, "read a row", |tree| tree.get("key"));
        assert_eq!(read().unwrap(), None);
        database.fail();
        let full = std::io::Error::from_raw_os_error(28).to_string();
        for error in [read().unwrap_err(), database.keep_open().unwrap_err()] {
            assert!(error.is_unwritten() && error.to_string().contains(&full));
        }
        database.recover().unwrap();
        assert_eq!(read().unwrap(), None);
        database.keep_open().unwrap();
    }

    #[test]
    fn reads_that_wait_for_the_database_do_not_block_the_runtime() {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::open(dir.path(), 1 << 20, ShardCount::DEFAULT).unwrap();
        let database = Arc::new(database);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap();
        let opening = database.trees[0].write();
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let read = runtime.spawn({
            let database = Arc::clone(&database);
            async move {
                begun.send(()).unwrap();
                database.tree(0).map(drop)
            }
        });
        runtime.block_on(has_begun).unwrap();
        runtime.block_on(runtime.spawn(async {})).unwrap();
        drop(opening);
        runtime.block_on(read).unwrap().unwrap();
    }

    #[test]
    fn system_error_is_read_from_copies_of_sled_errors() {
        let full = || std::io::Error::from_raw_os_error(28);
        let mut error = sled::Error::Io(full());
        for _ in 0..3 {
            let copy = error.clone();
            let sled::Error::Io(found) = error else {
                panic!("{error}");
            };
            assert_eq!(system_error(found).to_string(), full().to_string());
            error = copy;
        }
        let other = std::io::Error::other("could not acquire lock");
        assert_eq!(system_error(other).to_string(), "could not acquire lock");
    }
}
