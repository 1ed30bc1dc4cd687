//! A log as its readers see it.

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
    /// The log of the segments that lie in `dir`, all of which have, or should have, the header's
    /// incarnation and shards. The header is the last segment's, or the last one that can be read.
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

    /// Where its files are.
    pub(in crate::journal) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Which log it is.
    pub(in crate::journal) const fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Into how many shards it places keywords.
    pub(in crate::journal) const fn shards(&self) -> ShardCount {
        self.shards
    }

    /// The version of the normal form that its tokens were in when it was opened.
    pub(in crate::journal) const fn normal_form(&self) -> u16 {
        self.normal_form
    }

    pub(super) const fn kind(&self) -> Kind {
        self.kind
    }

    /// The header that a new segment gets that begins with `first`. Other segments have, or should
    /// have, the same but for the normal form.
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

    /// The segment that holds `sequence`, or the one in which it will be written; `None` when it
    /// lies before all segments.
    pub(super) fn segment_of(&self, sequence: Sequence) -> Option<Arc<Segment>> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let behind = segments.partition_point(|segment| segment.first <= sequence);
        behind
            .checked_sub(1)
            .and_then(|at| segments.get(at))
            .cloned()
    }

    /// The segment behind this one, if there is one yet.
    pub(super) fn segment_behind(&self, segment: &Segment) -> Option<Arc<Segment>> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let behind = segments.partition_point(|other| other.first <= segment.first);
        segments.get(behind).cloned()
    }

    /// The position before the first record: a cursor behind it reads all.
    pub(in crate::journal) fn start(&self) -> Sequence {
        FIRST.previous()
    }

    /// All segments, in order.
    pub(super) fn segments(&self) -> Vec<Arc<Segment>> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments.clone()
    }

    /// The files: the first sequence of each, its path, and how many bytes of it are in use.
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

/// The path that the segment with this first sequence has.
pub(super) fn segment_path(log: &Log, first: Sequence) -> PathBuf {
    path_of(&log.dir, first)
}
