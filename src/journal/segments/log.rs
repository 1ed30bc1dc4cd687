//! The read side of a log: its segments, shared by its writer and its readers.
//!
//! In: segments from `open.rs` and the writer. Out: the segment of a sequence, and facts about the
//! log.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use super::segment::{Kind, Segment, SegmentHeader, io_error, path_of};
use crate::events::{Incarnation, NORMAL_FORM_VERSION, Sequence, ShardCount};
use crate::journal::{FIRST, JournalError};

/// The segments of a log, shared by its writer and its readers.
#[derive(Debug)]
pub(in crate::journal) struct Log {
    dir: PathBuf,
    kind: Kind,
    incarnation: Incarnation,
    shards: ShardCount,
    normal_form: u16,
    segments: RwLock<Vec<Arc<Segment>>>,
}

impl Log {
    /// Makes the log of the segments in `dir`. All of them must have the incarnation and shards of
    /// `header`, which is the header of the last segment, or the last header that can be read.
    pub(super) fn of(dir: &Path, header: &SegmentHeader, segments: Vec<Arc<Segment>>) -> Self {
        Self {
            dir: dir.to_path_buf(),
            kind: header.kind,
            incarnation: header.incarnation,
            shards: header.shards,
            normal_form: header.normal_form,
            segments: RwLock::new(segments),
        }
    }

    /// The folder of the segment files.
    pub(in crate::journal) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The incarnation of the log.
    pub(in crate::journal) const fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// The number of shards.
    pub(in crate::journal) const fn shards(&self) -> ShardCount {
        self.shards
    }

    /// The version of the normal form of the log's tokens when the log was opened.
    pub(in crate::journal) const fn normal_form(&self) -> u16 {
        self.normal_form
    }

    pub(super) const fn kind(&self) -> Kind {
        self.kind
    }

    /// The header of a new segment that begins with `first`. `chain` is the checksum of the last
    /// frame header before it. All segments of a log have the same kind, shards and incarnation.
    pub(super) const fn header(&self, first: Sequence, chain: u32) -> SegmentHeader {
        SegmentHeader {
            kind: self.kind,
            shards: self.shards,
            normal_form: NORMAL_FORM_VERSION,
            incarnation: self.incarnation,
            first,
            chain,
        }
    }

    /// The segment of `sequence`, or the one in which it will be written; `None` when it is before
    /// all segments.
    pub(super) fn segment_of(&self, sequence: Sequence) -> Option<Arc<Segment>> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let behind = segments.partition_point(|segment| segment.first <= sequence);
        behind
            .checked_sub(1)
            .and_then(|at| segments.get(at))
            .cloned()
    }

    /// The segment after `segment`, if it exists.
    pub(super) fn segment_behind(&self, segment: &Segment) -> Option<Arc<Segment>> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let behind = segments.partition_point(|other| other.first <= segment.first);
        segments.get(behind).cloned()
    }

    /// The position before the first record. A cursor after this position reads all records.
    pub(in crate::journal) fn start(&self) -> Sequence {
        FIRST.previous()
    }

    /// All segments, in the order of their sequences.
    pub(super) fn segments(&self) -> Vec<Arc<Segment>> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments.clone()
    }

    /// The segment files: the first sequence, the path, and the number of used bytes of each.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub(in crate::journal) fn files(&self) -> Result<Vec<(Sequence, PathBuf, u64)>, JournalError> {
        self.segments()
            .iter()
            .map(|segment| {
                let length = std::fs::metadata(&segment.path)
                    .map_err(io_error("measure", &segment.path))?
                    .len();
                Ok((
                    segment.first,
                    segment.path.clone(),
                    length.min(segment.end()),
                ))
            })
            .collect()
    }

    /// Adds a segment that the writer has begun.
    pub(super) fn add(&self, segment: Arc<Segment>) {
        let mut segments = self
            .segments
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        segments.push(segment);
    }
}

/// The path of the segment with this first sequence.
pub(super) fn segment_path(log: &Log, first: Sequence) -> PathBuf {
    path_of(&log.dir, first)
}
