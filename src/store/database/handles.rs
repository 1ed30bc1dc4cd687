//! The handles of an open sled database, and how a folder is opened.

use std::path::Path;

use crate::events::ShardCount;
use crate::store::catch_panic::{Handle, guarded};
use crate::store::{CheckpointRow, StoreError, layout};

/// Size of a segment of sled. sled moves a leaf that is larger than a quarter of a segment into a
/// file of its own. A leaf has at most about 16 rows, and no row is larger than a stored event.
pub(super) const SEGMENT_BYTES: usize = 8 << 20;

/// The file name of the test write.
pub(super) const TEST_FILE: &str = "test-write";

/// The handles of an open database.
pub(super) struct OpenHandles {
    pub(super) db: Handle<sled::Db>,
    /// One tree for each shard, in shard order.
    pub(super) trees: Vec<Handle<sled::Tree>>,
}

impl OpenHandles {
    /// Opens the folder. Creates it if it does not exist.
    pub(super) fn open(
        dir: &Path,
        cache_bytes: u64,
        count: ShardCount,
    ) -> Result<Self, StoreError> {
        remove_leftovers(dir)?;
        let config = sled::Config::new()
            .path(dir)
            .cache_capacity(cache_bytes)
            .segment_size(SEGMENT_BYTES)
            // The commit thread flushes, once for the commits of several shards.
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

/// Returns the checkpoint of the last commit of a tree.
pub(super) fn record_of(tree: &sled::Tree) -> Result<Option<CheckpointRow>, StoreError> {
    let row = guarded("read a row", || tree.get(layout::SHARD))?;
    row.map(|row| CheckpointRow::decode(&row)).transpose()
}

/// Removes files that a killed process can leave: a half-written snapshot of sled, with which every
/// open fails, and the file of a test write.
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
