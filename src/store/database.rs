//! The sled database of a folder, which can be closed and opened again under its readers.
//!
//! sled takes no more writes after one has failed, a full disk included, until it is opened again;
//! what it holds can still be read meanwhile. So after a failed commit the old handles stay until a
//! test write shows that the disk takes writes again. Only then is the database closed, opened, and
//! compared with what was committed last. Reads wait for as long as that takes, and let the runtime
//! go on; folds do not begin. If it cannot be opened, reads fail until it can.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, TryLockError};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use tokio::runtime::{Handle as Runtime, RuntimeFlavor};
use tokio::sync::{OwnedRwLockReadGuard, RwLockWriteGuard};

use super::catch_panic::{Handle, guarded};
use super::{CheckpointRow, StoreError, layout};
use crate::events::ShardCount;

/// sled moves a leaf that is larger than a quarter of this into a file of its own. A leaf has at
/// most about 16 rows, and no row is larger than a stored event.
const SEGMENT_BYTES: usize = 8 << 20;
/// So many bytes a disk has to take before the database is opened again: a segment and a snapshot.
const TEST_BYTES: usize = 2 * SEGMENT_BYTES;
/// How often the database is opened again, at most: many shards ask for it.
pub const RECOVER_EVERY: Duration = Duration::from_millis(500);
/// How long a handle that is still in use is waited for.
const IN_USE_WAIT: Duration = Duration::from_secs(5);
const IN_USE_PAUSE: Duration = Duration::from_millis(20);

/// A database with a tree per shard.
pub(super) struct Database {
    dir: PathBuf,
    cache_bytes: u64,
    count: ShardCount,
    db: RwLock<Option<Handle<sled::Db>>>,
    trees: Vec<RwLock<Option<Handle<sled::Tree>>>>,
    /// What every shard has on disk, in shard order.
    standing: Mutex<Vec<Standing>>,
    /// When it was last tried to open it again.
    tried: Mutex<Option<Instant>>,
    /// Held by folds, and to open the database again.
    folding: Arc<tokio::sync::RwLock<()>>,
    /// Why it was last closed, or could not be opened: [`StoreError::Unwritten`].
    closed: Mutex<Option<StoreError>>,
}

/// Keeps the database from being closed and opened again as long as it is held.
#[derive(Debug)]
pub struct KeptOpen {
    _folding: OwnedRwLockReadGuard<()>,
}

/// What a shard has on disk.
#[derive(Debug, Clone, Copy, Default)]
struct Standing {
    /// The record of the last commit that is known to be there.
    committed: Option<CheckpointRow>,
    /// That of one that failed, which may be there.
    attempted: Option<CheckpointRow>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database")
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

/// The handles of an open database.
struct Open {
    db: Handle<sled::Db>,
    trees: Vec<Handle<sled::Tree>>,
}

impl Database {
    /// Opens the folder, or makes it.
    pub(super) fn open(
        dir: &Path,
        cache_bytes: u64,
        count: ShardCount,
    ) -> Result<Self, StoreError> {
        let Open { db, trees } = Open::new(dir, cache_bytes, count)?;
        let standing = trees
            .iter()
            .map(|tree| {
                Ok(Standing {
                    // What does not decode is for the one who reads it.
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
        })
    }

    /// Reads from a shard's tree.
    ///
    /// # Errors
    /// [`StoreError::Unwritten`] when only a failed write keeps it from being read.
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

    /// What the system refused may be written later; all else is damage or a fault. An input or
    /// output error is a refused write only when sled takes no more writes after it: a read that
    /// fails on the way to a write is damage.
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

    /// A shard's tree, once the database is open.
    ///
    /// # Errors
    /// [`StoreError::Unwritten`] when it could not be opened again after a failed write.
    pub(super) fn tree(&self, shard: usize) -> Result<Handle<sled::Tree>, StoreError> {
        self.trees
            .get(shard)
            .and_then(|tree| reading(tree).clone())
            .ok_or_else(|| self.why_closed())
    }

    /// Keeps the database open while rows are read that must not fail in between. Whoever holds it
    /// must not wait for a commit, which may wait for this.
    ///
    /// # Errors
    /// [`StoreError::Unwritten`] while the database is opened again, or could not be.
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
        self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes what was written durable.
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

    /// The write that has failed, so that sled takes no more of them.
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

    /// Takes note of a try; `false` when the last one was a moment ago.
    fn may_try(&self) -> bool {
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if tried.is_some_and(|at| now.duration_since(at) < RECOVER_EVERY) {
            return false;
        }
        *tried = Some(now);
        true
    }

    /// A commit with this record is written, though not flushed.
    pub(super) fn attempts(&self, shard: usize, record: CheckpointRow) {
        if let Some(standing) = self.standing().get_mut(shard) {
            standing.attempted = Some(record);
        }
    }

    /// A commit with this record is on disk.
    pub(super) fn committed(&self, shard: usize, record: CheckpointRow) {
        if let Some(standing) = self.standing().get_mut(shard) {
            *standing = Standing {
                committed: Some(record),
                attempted: None,
            };
        }
    }

    fn standing(&self) -> MutexGuard<'_, Vec<Standing>> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the database again after a write has failed, once the disk takes writes; does nothing
    /// when none has failed.
    ///
    /// # Errors
    /// [`StoreError::Unwritten`] as long as the disk takes none; [`StoreError::Reverted`] when what
    /// was committed is not there any more.
    pub(super) fn recover(&self) -> Result<(), StoreError> {
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
        // In one order, and before anything is closed: whoever reads from here on waits.
        let mut trees: Vec<_> = self
            .trees
            .iter()
            .map(|tree| tree.write().unwrap_or_else(PoisonError::into_inner))
            .collect();
        let mut db = self.db.write().unwrap_or_else(PoisonError::into_inner);
        for tree in &mut trees {
            drop(tree.take());
        }
        drop(db.take());
        let open = self.open_patiently().map_err(|error| {
            if error.is_damage() {
                error
            } else {
                let unwritten = StoreError::Unwritten(Box::new(error));
                *self.closed() = Some(unwritten.repeated());
                unwritten
            }
        })?;
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
        drop(standing);
        for (slot, tree) in trees.iter_mut().zip(open.trees) {
            **slot = Some(tree);
        }
        *db = Some(open.db);
        Ok(())
    }

    /// Waits until no fold runs, while none begins; `None` when one runs for too long. It may wait
    /// for a shard that waits for a commit.
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

    fn open_patiently(&self) -> Result<Open, StoreError> {
        let until = Instant::now() + IN_USE_WAIT;
        loop {
            match Open::new(&self.dir, self.cache_bytes, self.count) {
                Err(error) if error.is_in_use() && Instant::now() < until => {
                    std::thread::sleep(IN_USE_PAUSE);
                }
                opened => return opened,
            }
        }
    }

    /// Writes and syncs a file of the size that the database may need at once, and removes it.
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

    /// Flushes, syncs and closes the database.
    ///
    /// # Errors
    /// [`StoreError`]; it is closed then as well.
    pub(super) fn close(self) -> Result<(), StoreError> {
        let flushed = self.flush();
        let synced = flushed.and_then(|()| {
            // sled itself panics when this fails.
            let path = self.dir.join("db");
            std::fs::File::open(&path)
                .and_then(|file| file.sync_all())
                .map_err(StoreError::io("sync", &path))
        });
        let mut closed = Ok(());
        for tree in self.trees {
            let tree = tree.into_inner().unwrap_or_else(PoisonError::into_inner);
            closed = closed.and(tree.map_or(Ok(()), Handle::close));
        }
        let db = self.db.into_inner().unwrap_or_else(PoisonError::into_inner);
        closed = closed.and(db.map_or(Ok(()), Handle::close));
        // A failed sync makes the closing fail as well, and says why.
        synced.and(closed)
    }
}

/// Reads what a lock holds. Only while the database is opened again does that wait, and then not at
/// the cost of the runtime's workers, which have other things to do.
fn reading<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    let wait = || lock.read().unwrap_or_else(PoisonError::into_inner);
    match lock.try_read() {
        Ok(held) => held,
        Err(TryLockError::Poisoned(held)) => held.into_inner(),
        Err(TryLockError::WouldBlock) => match Runtime::try_current() {
            Ok(runtime) if runtime.runtime_flavor() == RuntimeFlavor::MultiThread => {
                tokio::task::block_in_place(wait)
            }
            _ => wait(),
        },
    }
}

/// The name of the file of a test write.
pub(super) const TEST_FILE: &str = "test-write";

impl Open {
    fn new(dir: &Path, cache_bytes: u64, count: ShardCount) -> Result<Self, StoreError> {
        remove_leftovers(dir)?;
        let config = sled::Config::new()
            .path(dir)
            .cache_capacity(cache_bytes)
            .segment_size(SEGMENT_BYTES)
            // Each commit is flushed by us, several shards' together.
            .flush_every_ms(None)
            .mode(sled::Mode::HighThroughput);
        let db = Handle::new(guarded("be opened", || config.open())?);
        let trees = count
            .all()
            .map(|shard| {
                let db = db.get()?;
                let tree = guarded("open a shard", || db.open_tree(format!("shard-{shard:04}")))?;
                Ok(Handle::new(tree))
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        Ok(Self { db, trees })
    }
}

/// The system's own error: sled hands out copies that only repeat how it is printed for debugging.
fn system_error(error: std::io::Error) -> std::io::Error {
    let text = error.to_string();
    let code = text
        .split_once("Os { code: ")
        .and_then(|(_, rest)| rest.split(',').next())
        .and_then(|code| code.parse().ok());
    code.map_or(error, std::io::Error::from_raw_os_error)
}

/// The record of a tree's last commit.
fn record_of(tree: &sled::Tree) -> Result<Option<CheckpointRow>, StoreError> {
    let row = guarded("read a row", || tree.get(layout::SHARD))?;
    row.map(|row| CheckpointRow::decode(&row)).transpose()
}

/// Removes what a kill can leave: a half-written snapshot of sled, after which every open fails,
/// and the file of a test write.
fn remove_leftovers(dir: &Path) -> Result<(), StoreError> {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return Ok(());
    };
    for entry in entries {
        let path = entry.map_err(StoreError::io("list", dir))?.path();
        let is_half = path
            .extension()
            .is_some_and(|ending| ending == "generating");
        if is_half || path.file_name().is_some_and(|name| name == TEST_FILE) {
            std::fs::remove_file(&path).map_err(StoreError::io("remove", &path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: i32) -> StoreError {
        StoreError::Sled {
            action: "commit",
            source: sled::Error::Io(std::io::Error::from_raw_os_error(code)),
        }
    }

    #[test]
    fn only_what_the_system_refused_to_write_is_tried_again() {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::open(dir.path(), 1 << 20, ShardCount::DEFAULT).unwrap();
        let full = database.unwritten(refused(28));
        assert!(full.is_unwritten(), "{full}");
        // An input or output error of a read inside a commit: sled goes on taking writes.
        let damage = database.unwritten(refused(5));
        assert!(damage.is_damage() && !damage.is_unwritten(), "{damage}");
        let corrupt = StoreError::Sled {
            action: "commit",
            source: sled::Error::ReportableBug("torn".into()),
        };
        assert!(database.unwritten(corrupt).is_damage());
    }

    #[test]
    fn a_database_that_could_not_be_opened_again_says_why_until_it_can() {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::open(dir.path(), 1 << 20, ShardCount::DEFAULT).unwrap();
        let read = || database.read(0, "read a row", |tree| tree.get("key"));
        assert_eq!(read().unwrap(), None);
        // As a failed reopening leaves it.
        *database.closed() = Some(database.unwritten(refused(28)));
        for tree in &database.trees {
            *tree.write().unwrap() = None;
        }
        *database.db.write().unwrap() = None;
        let full = std::io::Error::from_raw_os_error(28).to_string();
        for error in [read().unwrap_err(), database.keep_open().unwrap_err()] {
            assert!(error.is_unwritten() && error.to_string().contains(&full));
        }
        database.recover().unwrap();
        assert_eq!(read().unwrap(), None);
        database.keep_open().unwrap();
    }

    #[test]
    fn reads_that_wait_for_the_database_do_not_stop_the_runtime() {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::open(dir.path(), 1 << 20, ShardCount::DEFAULT).unwrap();
        let database = Arc::new(database);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap();
        let opening = database.trees[0].write().unwrap();
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
    fn copies_of_sleds_errors_name_the_system_error() {
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
