//! A run: entries of ids in the order of their hashes, on pages with an equal number of entries.
//!
//! The index of a run has two parts. The fences say on which page an id would be. The filter rules
//! out most ids that are not in the run. The index stays in memory with its keyword; the pages are
//! read one by one. A page is full at a fixed number of entries and not at a hash boundary, so ids
//! chosen by an attacker cannot fill one row.

use bytes::Bytes;

use super::entry::{ENTRIES_VERSION, IdEntry, IdHash, IdState, decode, encode};
use super::filter::IdFilter;
use crate::events::Sequence;
use crate::projections::row_format::ROW_HEADER_BYTES;
use crate::projections::{RowFormat, RowKey, RowKind, RowsError};

/// Number of entries of a page (5.5 KiB), except the last page.
pub(super) const PAGE_ENTRIES: usize = 256;

/// Bytes of one part of the index behind the header of its row, except the last part.
const PART_BYTES: usize = 6 * 1024 - ROW_HEADER_BYTES;

/// Bytes of the header of an index: the number of pages, and the number of blocks of the filter.
const HEADER_BYTES: usize = 4 + 4;

/// The version of the parts of an index.
const VERSION: u8 = 2;

/// The earlier version of the parts of an index. Its rows have no `changed_at`, and only the first
/// part has the version. Only the number of pages is read from such rows, for listings. The rest of
/// the index serves folds, and no fold continues from rows of an earlier version.
const BARE_VERSION: u8 = 1;

/// Format of pages. A page is named by level, run and page number.
pub(super) const RUN_FORMAT: RowFormat = RowFormat {
    kind: RowKind::new(b'j'),
    name: "id run",
    versions: &[ENTRIES_VERSION],
    pack: None,
};

/// Format of the parts of an index. A part is named by level, run and part number.
pub(super) const FILTER_FORMAT: RowFormat = RowFormat {
    kind: RowKind::new(b'f'),
    name: "id filter",
    versions: &[VERSION],
    pack: None,
};

/// Bytes of a fence.
const FENCE_BYTES: usize = 16;

/// The location of a run: its level, and its number there, counted from 0 for the oldest.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunLocation {
    pub(super) level: u8,
    pub(super) run: u8,
}

impl RunLocation {
    pub(super) fn page(self, page: u32) -> RowKey {
        self.row(RUN_FORMAT.kind, page)
    }

    pub(super) fn part(self, part: u32) -> RowKey {
        self.row(FILTER_FORMAT.kind, part)
    }

    fn row(self, kind: RowKind, number: u32) -> RowKey {
        RowKey::of_kind(kind)
            .with(&[self.level, self.run])
            .with(&number.to_be_bytes())
    }

    /// Bits of the filter for each id. Levels with few ids get more bits, because a look-up reads
    /// the filters of all levels (the idea of Dayan, Athanassoulis and Idreos, "Monkey", 2017).
    const fn filter_bits(self) -> usize {
        if self.level < 3 { 16 } else { 12 }
    }
}

/// The index of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    /// The first hash of every page but the first.
    fences: Box<[[u8; FENCE_BYTES]]>,
    filter: IdFilter,
}

impl Run {
    /// Writes entries, which must be sorted by hash, as a run at `location`. Calls `put` with each
    /// row. `changed_at` is the sequence of the event that caused the run.
    pub(super) fn write(
        entries: &[IdEntry],
        location: RunLocation,
        changed_at: Sequence,
        mut put: impl FnMut(RowKey, Bytes),
    ) -> Self {
        let pages = || entries.chunks(PAGE_ENTRIES);
        for (number, page) in (0..).zip(pages()) {
            let row = encode(&RUN_FORMAT, changed_at, page);
            put(location.page(number), row.into());
        }
        let fences = pages().skip(1).filter_map(|page| page.first());
        let run = Self {
            fences: fences.map(|first| first.hash().bytes()).collect(),
            filter: IdFilter::new(entries.iter().map(IdEntry::hash), location.filter_bits()),
        };
        for (number, part) in (0..).zip(run.encode_index().chunks(PART_BYTES)) {
            let mut row = FILTER_FORMAT.begin_as(VERSION, changed_at, part.len());
            row.extend_from_slice(part);
            put(location.part(number), row.into());
        }
        run
    }

    /// Reads the index of the run at `location`.
    pub(super) fn hydrate(
        location: RunLocation,
        mut read: impl FnMut(&RowKey) -> Result<Bytes, RowsError>,
    ) -> Result<Self, RowsError> {
        let first_key = location.part(0);
        let first_row = read(&first_key)?;
        let damaged = |what| RowsError::damaged(&first_key, what);
        let (_, _, first) = FILTER_FORMAT.open(&first_key, &first_row)?;
        let (pages, blocks) = decode_header(first).ok_or_else(|| damaged("no header"))?;
        let length = index_bytes(pages, blocks).ok_or_else(|| damaged("too long"))?;
        let mut index = Vec::with_capacity(length.min(64 * 1024));
        index.extend_from_slice(first);
        for number in 1..parts(length) {
            let key = location.part(number);
            let row = read(&key)?;
            let (_, _, part) = FILTER_FORMAT.open(&key, &row)?;
            index.extend_from_slice(part);
        }
        Self::decode_index(&index, pages).ok_or_else(|| damaged("parts are missing or too long"))
    }

    /// Finds the state of an id in this run. Reads at most one page. For an id outside the run it
    /// rarely reads a page.
    pub(super) fn find(
        &self,
        hash: IdHash,
        location: RunLocation,
        read: impl FnOnce(&RowKey) -> Result<Bytes, RowsError>,
    ) -> Result<Option<IdState>, RowsError> {
        if !self.filter.may_hold(hash) {
            return Ok(None);
        }
        let number = self.fences.partition_point(|fence| *fence <= hash.bytes());
        let key = location.page(u32::try_from(number).unwrap_or(u32::MAX));
        let row = read(&key)?;
        let page = decode(&RUN_FORMAT, &key, &row)?;
        let found =
            page.binary_search_by(|bytes| IdEntry(*bytes).hash().number().cmp(&hash.number()));
        let entry = found.ok().and_then(|position| page.get(position));
        Ok(entry.map(|bytes| IdEntry(*bytes).state()))
    }

    /// Appends all entries of the run, in order.
    pub(super) fn read_all(
        &self,
        location: RunLocation,
        out: &mut Vec<IdEntry>,
        mut read: impl FnMut(&RowKey) -> Result<Bytes, RowsError>,
    ) -> Result<(), RowsError> {
        for number in 0..self.pages() {
            let key = location.page(number);
            let row = read(&key)?;
            let page = decode(&RUN_FORMAT, &key, &row)?;
            out.extend(page.iter().map(|bytes| IdEntry(*bytes)));
        }
        Ok(())
    }

    /// The keys of all rows of the run.
    pub(super) fn rows(&self, location: RunLocation) -> impl Iterator<Item = RowKey> {
        let length = index_bytes(self.fences.len() + 1, self.filter.blocks());
        let pages = (0..self.pages()).map(move |number| location.page(number));
        pages.chain((0..parts(length.unwrap_or(0))).map(move |number| location.part(number)))
    }

    /// Size of the index in memory, in bytes.
    pub(super) fn resident_bytes(&self) -> usize {
        size_of::<Self>()
            + self.fences.len() * FENCE_BYTES
            + self.filter.blocks() * IdFilter::BLOCK_BYTES
    }

    fn pages(&self) -> u32 {
        u32::try_from(self.fences.len() + 1).unwrap_or(u32::MAX)
    }

    fn encode_index(&self) -> Vec<u8> {
        let length = index_bytes(self.fences.len() + 1, self.filter.blocks());
        let mut out = Vec::with_capacity(length.unwrap_or(0));
        out.extend_from_slice(&self.pages().to_be_bytes());
        let blocks = u32::try_from(self.filter.blocks()).unwrap_or(u32::MAX);
        out.extend_from_slice(&blocks.to_be_bytes());
        out.extend_from_slice(self.fences.as_flattened());
        self.filter.encode(&mut out);
        out
    }

    fn decode_index(index: &[u8], pages: usize) -> Option<Self> {
        let (_, body) = index.split_at_checked(HEADER_BYTES)?;
        let (fences, blocks) = body.split_at_checked((pages - 1).checked_mul(FENCE_BYTES)?)?;
        let (fences, []) = fences.as_chunks() else {
            return None;
        };
        let (_, promised) = decode_header(index)?;
        IdFilter::decode(blocks)
            .filter(|filter| filter.blocks() == promised)
            .map(|filter| Self {
                fences: fences.into(),
                filter,
            })
    }
}

/// Reads the number of pages of a run from the row of the first part of its index.
///
/// # Errors
/// [`RowsError::Damaged`].
pub(super) fn pages_in(key: &RowKey, row: &[u8]) -> Result<u32, RowsError> {
    let (_, _, index) = FILTER_FORMAT.open_or_bare(&[BARE_VERSION], key, row)?;
    let pages = decode_header(index).and_then(|(pages, _)| u32::try_from(pages).ok());
    pages.ok_or_else(|| RowsError::damaged(key, "no header"))
}

/// Reads the numbers of pages and blocks. Neither of them is 0.
fn decode_header(index: &[u8]) -> Option<(usize, usize)> {
    let [a, b, c, d, e, f, g, h] = *index.first_chunk::<HEADER_BYTES>()?;
    let pages = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?;
    let blocks = usize::try_from(u32::from_be_bytes([e, f, g, h])).ok()?;
    (pages > 0 && blocks > 0).then_some((pages, blocks))
}

/// Length of an index in bytes.
fn index_bytes(pages: usize, blocks: usize) -> Option<usize> {
    let fences = pages.checked_sub(1)?.checked_mul(FENCE_BYTES)?;
    let filter = blocks.checked_mul(IdFilter::BLOCK_BYTES)?;
    HEADER_BYTES.checked_add(fences)?.checked_add(filter)
}

/// Number of parts of an index of `length` bytes.
fn parts(length: usize) -> u32 {
    u32::try_from(length.div_ceil(PART_BYTES)).unwrap_or(u32::MAX)
}
