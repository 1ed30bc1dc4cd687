//! The rows of views on disk, read and changed without the store.

use std::path::Path;

use tidings::actors::engine::views_dir;
use tidings::events::{Keyword, ShardCount, ShardId, Token};

/// The first bytes of a zstd frame.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Opens the database in a data folder, which no other process has open. The views count as
/// those of a killed server afterwards, because the database writes to its files.
pub fn open(data: &Path) -> sled::Db {
    let _ = std::fs::remove_file(views_dir(data).with_extension("seal"));
    let config = sled::Config::new()
        .path(views_dir(data))
        .segment_size(8 << 20);
    config.mode(sled::Mode::HighThroughput).open().unwrap()
}

/// The rows of a shard.
pub fn of_shard(db: &sled::Db, shard: usize) -> sled::Tree {
    db.open_tree(format!("shard-{shard:04}")).unwrap()
}

/// Calls `visit` with the key and the content of every row. A packed row is unpacked.
pub fn for_each(data: &Path, mut visit: impl FnMut(&[u8], &[u8])) {
    let db = open(data);
    for shard in ShardCount::DEFAULT.all() {
        for row in of_shard(&db, shard.index()).iter() {
            let (key, row) = row.unwrap();
            let frame = row.windows(ZSTD.len()).position(|bytes| bytes == ZSTD);
            let unpacked = frame.and_then(|start| zstd::decode_all(&row[start..]).ok());
            visit(&key, unpacked.as_deref().unwrap_or(&row));
        }
    }
}

/// The shard of a keyword.
pub fn shard_of(keyword: &str) -> ShardId {
    let token = Token::of(&Keyword::new(keyword).unwrap());
    ShardCount::DEFAULT.shard_of(token.as_str().as_bytes())
}
