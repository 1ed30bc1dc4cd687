//! The background: the number of tweets of all tracked keywords that have each word, in buckets of
//! time.
//!
//! ```text
//! posted, deleted ─► Contribution of a put ─► run ─(many)─► Settling ─► map of counts
//! untracked ────────► what the rows of the keyword have contributed ─► Settling
//! query ─► OtherCounts ─► runs and map
//! verify ─► BackgroundContent ─► runs and map
//! ```
//!
//! A tweet counts once for each keyword that has it. The rows of the background belong to a shard
//! and not to a keyword. Each shard has the background of its own keywords. A put of a keyword's
//! rows comes with a [`Contribution`]: the words of the tweets that the keyword gained and lost.
//! The store writes contributions as runs, in the same commit as the rows of the keyword. When
//! there are many runs, the store merges them into an ordered map. Merging many tweets at once
//! costs a fraction of merging each tweet separately. A lost tweet is removed from the run that
//! gained it ([`WithoutLosses`]), or from the map if no run did.
//!
//! The map has an entry for each width, bucket and word, with the same name as the entry of the
//! word in the counts of a keyword. The entry without a word counts all tweets of the bucket. The
//! number of words per bucket is not limited. So the background counts every word, while the counts
//! of a keyword lack the words that its cut buckets did not take.
//!
//! The sums of map and runs follow from the tweets that the keywords hold. The bytes of the rows
//! also depend on the batches and on the times of the merges.

mod content;
mod contributed;
mod contribution;
mod counts;
mod losses;
mod map_counts;
mod map_sums;
mod settling;
mod sums;

use super::bucket::{Group, Width};
use super::kind::KeyKind;
use crate::projections::row_format::RowFormat;
use crate::projections::rows::{RowKey, RowKind};
use crate::projections::tree;

pub use content::{BackgroundContent, BackgroundEntry};
pub use contribution::{Contribution, times_of};
pub use counts::{KeywordCounts, OtherCounts};
pub use losses::WithoutLosses;
pub use settling::{Run, Settling};

/// The format of the leaves of the map.
pub const BACKGROUND_FORMAT: RowFormat = RowFormat {
    kind: RowKind::new(b'g'),
    name: "background counts",
    versions: tree::VERSIONS,
    pack: None,
};

/// The format of the runs. A run is named by its number (8 bytes, big-endian). Its body is the
/// records of its contributions, one after the other.
pub const RUN_FORMAT: RowFormat = RowFormat {
    kind: RowKind::new(b'q'),
    name: "background run",
    versions: &[1],
    pack: None,
};

/// The formats of all rows of the background.
pub const FORMATS: [RowFormat; 2] = [BACKGROUND_FORMAT, RUN_FORMAT];

/// The first version of the fold whose stores have the background.
pub const SINCE: u32 = 12;

/// The key of a run.
pub fn run_key(number: u64) -> RowKey {
    RowKey::of_kind(RUN_FORMAT.kind).with(&number.to_be_bytes())
}

/// The words of a bucket. The names of their entries are the same as in the counts of a keyword.
const fn words_of(width: Width, bucket: u32) -> Group {
    Group {
        width,
        bucket,
        kind: KeyKind::Word,
    }
}

#[cfg(test)]
mod tests;
