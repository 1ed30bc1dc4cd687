//! The store of one folder: opens, checks, flushes and seals all shards together.
//!
//! In: [`StoreOptions`]. Out: the rows of each shard, and a folder that the next start can check.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::oneshot;

use super::commit_thread::CommitThread;
use super::database::Database;
use super::{
    CheckpointRow, CommitFigures, CommitObserver, Epoch, EpochParts, Generation, Seal, ShardRows,
    StoreError,
};
use crate::events::{Checkpoint, Incarnation, Keyword, ShardCount, ShardId, Timestamp, Token};
use crate::projections::FoldContext;

/// How to open a store.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The folder. It is created if it does not exist.
    pub dir: PathBuf,
    /// Maximum size of the cache of sled in memory, in bytes.
    pub cache_bytes: u64,
    /// Number of shards.
    pub shards: ShardCount,
    /// The journal from which the rows are made.
    pub incarnation: Incarnation,
    /// The generation in which the rows are made.
    pub generation: Generation,
    /// The fold that makes the rows.
    pub context: FoldContext,
}

impl StoreOptions {
    /// The parts of the epoch in which the rows are read and written.
    pub const fn parts(&self) -> EpochParts {
        EpochParts::current(self.incarnation, self.generation, &self.context)
    }
}

/// An open store.
#[derive(Debug)]
pub struct Store {
    commit_thread: CommitThread,
    database: Arc<Database>,
    shards: Vec<Arc<ShardRows>>,
    count: ShardCount,
    parts: EpochParts,
    epoch: Epoch,
    dir: PathBuf,
}

impl Store {
    /// Opens the folder, or creates it. A sealed folder must be unchanged since the last clean
    /// stop.
    ///
    /// # Errors
    /// [`StoreError`]. When it [is damage](StoreError::is_damage), [`Store::discard`] the folder
    /// and open it again.
    pub fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        Seal::open(&options.dir)?;
        let database = Database::open(&options.dir, options.cache_bytes, options.shards)?;
        let database = Arc::new(database);
        let results = Arc::default();
        let shards = options
            .shards
            .all()
            .map(|shard| {
                let database = Arc::clone(&database);
                let context = options.context.clone();
                ShardRows::open(database, shard.index(), context, Arc::clone(&results))
                    .map(Arc::new)
            })
            .collect::<Result<_, _>>()?;
        let commit_thread = CommitThread::start(Arc::clone(&database))
            .map_err(StoreError::io("start a thread for", &options.dir))?;
        Ok(Self {
            commit_thread,
            database,
            shards,
            count: options.shards,
            parts: options.parts(),
            epoch: options.parts().epoch(),
            dir: options.dir.clone(),
        })
    }

    /// Moves the folder aside. The moved folder replaces the one that was moved aside before. The
    /// views can be folded again from the journal. The damaged files stay for a diagnosis.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn discard(dir: &Path) -> Result<Option<PathBuf>, StoreError> {
        if !dir.exists() {
            Seal::remove(dir)?;
            return Ok(None);
        }
        let aside = dir.with_extension("damaged");
        if aside.exists() {
            std::fs::remove_dir_all(&aside).map_err(StoreError::io("remove", &aside))?;
        }
        std::fs::rename(dir, &aside).map_err(StoreError::io("move aside", dir))?;
        Seal::remove(dir)?;
        Ok(Some(aside))
    }

    /// Removes a folder and its seal, if they exist.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn remove(dir: &Path) -> Result<(), StoreError> {
        Seal::remove(dir)?;
        match std::fs::remove_dir_all(dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(StoreError::io("remove", dir)(error))
            }
            _ => Ok(()),
        }
    }

    /// Copies all committed rows, with their checkpoints, into an empty store.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn copy_to(&self, empty: &Self) -> Result<(), StoreError> {
        for (from, to) in self.shards.iter().zip(&empty.shards) {
            from.copy_to(to)?;
        }
        Ok(())
    }

    /// Returns the same store for rows that were made in an earlier epoch, which has these parts.
    /// The rows are only read. If they were made by another analyser, or with other settings, the
    /// settings are not known, because only their hash is stored.
    #[must_use]
    pub fn of_earlier(self, epoch: Epoch, made_in: &EpochParts) -> Self {
        let knows_settings = made_in.analyser == self.parts.analyser;
        let results = Arc::default();
        let shards = self.shards.iter().map(|rows| {
            let mut context = rows.context().of_fold(made_in.fold);
            if !knows_settings {
                context = context.of_unknown_settings(made_in.analyser.settings);
            }
            Arc::new(rows.in_context(context, &results))
        });
        Self {
            shards: shards.collect(),
            epoch,
            ..self
        }
    }

    /// The checkpoint row of a commit at this position.
    pub fn record_at(&self, checkpoint: Checkpoint, received_at: Timestamp) -> CheckpointRow {
        CheckpointRow::new(self.parts, checkpoint, received_at)
    }

    /// The parts of the epoch in which rows are written.
    pub const fn parts(&self) -> EpochParts {
        self.parts
    }

    /// The epoch of the rows.
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The number of shards.
    pub const fn count(&self) -> ShardCount {
        self.count
    }

    /// All shards, in order.
    pub fn shards(&self) -> &[Arc<ShardRows>] {
        &self.shards
    }

    /// The shard of a keyword.
    pub fn shard_of(&self, keyword: &Keyword) -> ShardId {
        self.count.shard_of(Token::of(keyword).as_str().as_bytes())
    }

    /// The rows of a shard.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] for a shard that the store does not have.
    pub fn shard(&self, shard: ShardId) -> Result<&Arc<ShardRows>, StoreError> {
        self.shards
            .get(shard.index())
            .ok_or_else(|| StoreError::Inconsistent(format!("there is no shard {shard}")))
    }

    /// The rows of the shard of a keyword.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] when the store does not have the shard; [`Store::open`] rules
    /// this out.
    pub fn rows_of(&self, keyword: &Keyword) -> Result<&Arc<ShardRows>, StoreError> {
        self.shard(self.shard_of(keyword))
    }

    /// Sets the observer, which receives all commits from now on. Returns false when there is one
    /// already.
    pub fn observe(&self, observer: Arc<dyn CommitObserver>) -> bool {
        self.database.observe(observer)
    }

    /// Freezes the rows put in a shard so far and commits them with the checkpoint on the commit
    /// thread. The receiver resolves when they are durable, and fails when the store is closed
    /// before.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] for a shard that the store does not have, and the error of
    /// merging the background.
    pub fn commit(
        &self,
        shard: ShardId,
        record: CheckpointRow,
    ) -> Result<oneshot::Receiver<Result<CommitFigures, StoreError>>, StoreError> {
        let rows = Arc::clone(self.shard(shard)?);
        rows.freeze()?;
        Ok(self.commit_thread.commit(rows, record))
    }

    /// Makes all commits so far durable. Blocks on the disk.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn flush(&self) -> Result<(), StoreError> {
        self.database.flush()
    }

    /// The size of the folder on disk, in bytes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn bytes_on_disk(&self) -> Result<u64, StoreError> {
        self.database.size_on_disk()
    }

    /// Flushes, closes and seals the store. The store gets no seal when another handle is still in
    /// use, because that handle might write.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn close(self) -> Result<(), StoreError> {
        let Self {
            commit_thread,
            database,
            shards,
            dir,
            ..
        } = self;
        drop(commit_thread);
        drop(shards);
        match Arc::try_unwrap(database) {
            Ok(database) => {
                database.close()?;
                Seal::write(&dir)
            }
            Err(shared) => {
                shared.flush()?;
                tracing::warn!(
                    "the views are still being read, so they were closed without a seal"
                );
                Ok(())
            }
        }
    }
}

#[cfg(test)]
impl Store {
    /// Opens a store for a test of rows.
    pub(crate) fn of_test(data: &Path) -> Self {
        let generation = Generation::load(data).unwrap();
        Self::open(&StoreOptions {
            dir: data.join("views"),
            cache_bytes: 1 << 20,
            shards: ShardCount::DEFAULT,
            incarnation: Incarnation(1),
            generation,
            context: FoldContext::default(),
        })
        .unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_rows_know_their_settings_if_these_are_the_current_ones() {
        let data = tempfile::tempdir().unwrap();
        let mut store = Store::of_test(data.path());
        for (other_settings, knows) in [(0, true), (1, false)] {
            let mut made_in = store.parts();
            made_in.fold -= 1;
            made_in.analyser.settings += other_settings;
            store = store.of_earlier(made_in.epoch(), &made_in);
            assert_eq!(store.epoch(), made_in.epoch());
            for rows in store.shards() {
                assert_eq!(rows.context().spikes().is_ok(), knows);
                assert_eq!(rows.context().settings_hash(), other_settings);
            }
        }
    }
}
