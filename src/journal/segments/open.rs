//! Opens a log: for writing, for reading only, or for a survey of damage.
//!
//! In: a folder and the properties of a new log. Out: the read side, the writer, and the head of
//! the log.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::{create_segment, sync_dir};
use super::log::Log;
use super::scan::{Scanned, Tail, scan};
use super::segment::{FRAMES_START, Kind, Segment, SegmentHeader, before, io_error, list};
use super::writer::Writer;
use crate::events::{Incarnation, NORMAL_FORM_VERSION, Sequence, ShardCount};
use crate::journal::{FIRST, JournalError};

/// A log whose last segment has been checked.
#[derive(Debug)]
struct Loaded {
    log: Arc<Log>,
    last: Arc<Segment>,
    scanned: Scanned,
}

/// The properties of a new log.
#[derive(Debug, Clone, Copy)]
pub(in crate::journal) struct NewLog {
    /// The incarnation, which differs for every log.
    pub(in crate::journal) incarnation: Incarnation,
    /// The number of shards.
    pub(in crate::journal) shards: ShardCount,
}

/// An opened log, with its writer if it was opened for writing.
#[derive(Debug)]
pub(in crate::journal) struct OpenedLog<W> {
    /// The read side of the log.
    pub(in crate::journal) log: Arc<Log>,
    /// The write side of the log.
    pub(in crate::journal) writer: W,
    /// The sequence of the last record.
    pub(in crate::journal) head: Sequence,
    /// Whether the log ends with an end mark.
    pub(in crate::journal) closed_cleanly: bool,
}

impl Log {
    /// Opens a log for writing, or creates it. Cuts off a torn end, with a warning.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] when the last segment is damaged, [`JournalError::Unsupported`] or
    /// [`JournalError::Io`].
    pub(in crate::journal) fn open(
        dir: &Path,
        kind: Kind,
        new: NewLog,
        segment_bytes: u64,
    ) -> Result<OpenedLog<Writer>, JournalError> {
        create_dir(dir)?;
        let Files { mut whole, half } = Files::of(dir, kind)?;
        if let Some(path) = half {
            tracing::warn!(path = %path.display(), "removing a segment whose creation was cut \
                short; it held nothing");
            std::fs::remove_file(&path).map_err(io_error("remove", &path))?;
            sync_dir(dir)?;
        }
        if whole.is_empty() {
            let header = SegmentHeader {
                kind,
                shards: new.shards,
                normal_form: NORMAL_FORM_VERSION,
                incarnation: new.incarnation,
                first: FIRST,
                chain: 0,
            };
            create_segment(dir, &header)?;
            whole = list(dir)?;
        }
        let Some(Loaded { log, last, scanned }) = Self::over(dir, kind, whole)? else {
            return Err(unsupported(dir, "it has no segment"));
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&last.path)
            .map_err(io_error("open", &last.path))?;
        let closed_cleanly = scanned.tail == Tail::Marked;
        if let Tail::Torn { bytes } = scanned.tail {
            cut(&file, &last, &scanned, bytes)?;
        }
        let head = before(scanned.end.next);
        let writer = Writer::new(
            Arc::clone(&log),
            last,
            file,
            scanned.end,
            closed_cleanly,
            segment_bytes,
        );
        Ok(OpenedLog {
            log,
            writer,
            head,
            closed_cleanly,
        })
    }

    /// Opens a log for reading only and changes no file. A torn end is left out.
    ///
    /// # Errors
    /// Those of [`Self::open`].
    pub(in crate::journal) fn open_read_only(
        dir: &Path,
        kind: Kind,
    ) -> Result<Option<OpenedLog<()>>, JournalError> {
        let files = Files::of(dir, kind)?;
        let loaded = Self::over(dir, kind, files.whole)?;
        Ok(loaded.map(|Loaded { log, scanned, .. }| OpenedLog {
            log,
            writer: (),
            head: before(scanned.end.next),
            closed_cleanly: scanned.tail == Tail::Marked,
        }))
    }

    /// Opens a log that may be damaged anywhere, to find its damage and its readable records.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] when no segment has a sound header, else those of [`Self::open`].
    pub(in crate::journal) fn survey(
        dir: &Path,
        kind: Kind,
    ) -> Result<Option<Arc<Self>>, JournalError> {
        let mut segments: Vec<_> = Files::of(dir, kind)?
            .whole
            .into_iter()
            .map(|(first, path)| Segment::finished(first, path))
            .collect();
        let Some(last) = segments.pop() else {
            return Ok(None);
        };
        // If the last segment is sound, its torn end is not damage.
        let end = match scan(&last, kind) {
            Ok(scanned) => scanned.end.offset,
            Err(JournalError::Damaged { .. }) => u64::MAX,
            Err(error) => return Err(error),
        };
        segments.push(Segment::ending_at(last.first, last.path, end));
        let mut first_error = None;
        for segment in segments.iter().rev() {
            match segment.open(kind) {
                Ok((_, header)) => {
                    let segments = segments.into_iter().map(Arc::new).collect();
                    return Ok(Some(Arc::new(Self::of(dir, &header, segments))));
                }
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        Err(first_error.unwrap_or_else(|| unsupported(dir, "it has no segment")))
    }

    fn over(
        dir: &Path,
        kind: Kind,
        files: Vec<(Sequence, PathBuf)>,
    ) -> Result<Option<Loaded>, JournalError> {
        let segments: Vec<_> = files
            .into_iter()
            .map(|(first, path)| Arc::new(Segment::finished(first, path)))
            .collect();
        let Some(last) = segments.last().cloned() else {
            return Ok(None);
        };
        let scanned = scan(&last, kind)?;
        last.grow_to(scanned.end.offset);
        Ok(Some(Loaded {
            log: Arc::new(Self::of(dir, &scanned.header, segments)),
            last,
            scanned,
        }))
    }
}

/// Cuts off the rest of a group that a crash interrupted.
fn cut(file: &File, segment: &Segment, scanned: &Scanned, bytes: u64) -> Result<(), JournalError> {
    tracing::warn!(
        path = %segment.path.display(),
        offset = scanned.end.offset,
        bytes,
        sequence = before(scanned.end.next).get(),
        "cutting off the torn end of the log: {bytes} bytes after sequence {} that were never \
        acknowledged",
        before(scanned.end.next)
    );
    file.set_len(scanned.end.offset)
        .and_then(|()| file.sync_all())
        .map_err(io_error("cut", &segment.path))
}

/// The segment files of a folder.
struct Files {
    /// Files that can have records, in the order of their first sequences.
    whole: Vec<(Sequence, PathBuf)>,
    /// The last file, if its creation was interrupted.
    half: Option<PathBuf>,
}

impl Files {
    /// Lists the segment files of a folder. The header of a segment is on disk before its first
    /// frame is written, so a file that is not longer than a header has no records.
    fn of(dir: &Path, kind: Kind) -> Result<Self, JournalError> {
        let mut whole = list(dir)?;
        let mut half = None;
        if let Some((first, path)) = whole.last().cloned() {
            let length = std::fs::metadata(&path)
                .map_err(io_error("measure", &path))?
                .len();
            if length <= FRAMES_START {
                let opened = Segment::finished(first, path.clone()).open(kind);
                if let Err(JournalError::Damaged { .. }) = opened {
                    whole.pop();
                    half = Some(path);
                }
            }
        }
        Ok(Self { whole, half })
    }
}

/// Creates a folder and makes its name durable.
fn create_dir(dir: &Path) -> Result<(), JournalError> {
    if dir.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(dir).map_err(io_error("create", dir))?;
    match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_dir(parent),
        _ => sync_dir(Path::new(".")),
    }
}

fn unsupported(dir: &Path, what: &str) -> JournalError {
    JournalError::Unsupported {
        path: dir.to_path_buf(),
        what: what.to_owned(),
    }
}
