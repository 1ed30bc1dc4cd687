//! Writing groups: one frame, one write, one sync each.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::frame::{FrameBuilder, FrameHeader};
use super::log::{Log, segment_path};
use super::segment::{FRAMES_START, Mark, Segment, SegmentHeader, before, io_error, path_of};
use crate::events::Sequence;
use crate::journal::JournalError;

/// The one that writes a log. All methods block on the disk.
#[derive(Debug)]
pub(in crate::journal) struct Writer {
    log: Arc<Log>,
    segment: Arc<Segment>,
    file: File,
    /// Where the next frame goes, the sequence it begins with, and its `chain`.
    end: Mark,
    /// An end mark stands there.
    end_mark: bool,
    /// From how many bytes on the next segment is begun.
    segment_bytes: u64,
    /// Nothing goes into this segment any more, whether or not the next could be created.
    full: bool,
    /// What failed so that the state of the disk isn't known.
    poisoned: Option<String>,
}

impl Writer {
    pub(super) const fn new(
        log: Arc<Log>,
        segment: Arc<Segment>,
        file: File,
        end: Mark,
        end_mark: bool,
        segment_bytes: u64,
    ) -> Self {
        Self {
            log,
            segment,
            file,
            end,
            end_mark,
            segment_bytes,
            full: false,
            poisoned: None,
        }
    }

    /// The sequence that the next record gets.
    pub(in crate::journal) const fn next(&self) -> Sequence {
        self.end.next
    }

    /// Writes a frame that was begun with [`Self::next`], and returns the sequence of its last
    /// record when it is durable.
    ///
    /// # Errors
    /// [`JournalError::Io`]: nothing of it is in the log. [`JournalError::Poisoned`]: whether it
    /// is isn't known, and nothing more will be taken.
    pub(in crate::journal) fn write(
        &mut self,
        frame: &mut FrameBuilder,
    ) -> Result<Sequence, JournalError> {
        self.refuse_when_poisoned()?;
        self.remove_end_mark()?;
        let (bytes, ..) = frame.seal(self.end.chain, self.log.incarnation());
        let behind = self.end.offset.saturating_add(bytes.len() as u64);
        if behind > self.segment_bytes && self.end.offset > FRAMES_START {
            self.full = true;
        }
        if self.full {
            self.begin_segment()?;
        }
        let start = self.end.offset;
        let (bytes, header, crc) = frame.seal(self.end.chain, self.log.incarnation());
        let length = bytes.len() as u64;
        if let Err(error) = self.file.write_all_at(bytes, start) {
            return Err(self.cut_back(error));
        }
        if let Err(error) = self.file.sync_data() {
            return Err(self.poison("sync", &error));
        }
        self.end = Mark {
            next: header.next(),
            offset: start.saturating_add(length),
            chain: crc,
        };
        self.segment.mark(self.end);
        self.segment.grow_to(self.end.offset);
        Ok(before(self.end.next))
    }

    /// Writes the end mark.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub(in crate::journal) fn finish(&mut self) -> Result<(), JournalError> {
        self.refuse_when_poisoned()?;
        if self.end_mark {
            return Ok(());
        }
        if self.full {
            // A next segment may have been left behind half created; the mark belongs to the end.
            self.begin_segment()?;
        }
        let mark = FrameHeader::end_mark(self.end.next, self.end.chain);
        let (bytes, _) = mark.encode(self.log.incarnation());
        if let Err(error) = self.file.write_all_at(&bytes, self.end.offset) {
            return Err(self.cut_back(error));
        }
        if let Err(error) = self.file.sync_data() {
            return Err(self.poison("sync", &error));
        }
        self.end_mark = true;
        Ok(())
    }

    /// Makes the log one whose tokens are in today's normal form, durably: the header of its last
    /// segment says so. The caller has seen to it that they are.
    ///
    /// # Errors
    /// [`JournalError::Io`] or [`JournalError::Poisoned`]: it may be tried again with the log
    /// opened again.
    pub(in crate::journal) fn begin_normal_form(&mut self) -> Result<(), JournalError> {
        self.refuse_when_poisoned()?;
        self.remove_end_mark()?;
        if self.end.offset > FRAMES_START {
            self.full = true;
            return self.begin_segment();
        }
        // It holds nothing yet. A header that a crash leaves half written makes a segment whose
        // creation was cut short.
        let header = self.log.header(self.end.next, self.end.chain);
        self.file
            .write_all_at(&header.encode(), 0)
            .and_then(|()| self.file.sync_all())
            .map_err(io_error("write to", &self.segment.path))
    }

    fn refuse_when_poisoned(&self) -> Result<(), JournalError> {
        match &self.poisoned {
            Some(reason) => Err(JournalError::Poisoned {
                reason: reason.clone(),
            }),
            None => Ok(()),
        }
    }

    /// The mark is kept until there is something to write, so that a log that was only opened
    /// stays as well protected as it was.
    fn remove_end_mark(&mut self) -> Result<(), JournalError> {
        if self.end_mark {
            let cut = self
                .file
                .set_len(self.end.offset)
                .and_then(|()| self.file.sync_data());
            if let Err(error) = cut {
                return Err(self.poison("cut the end mark of", &error));
            }
            self.end_mark = false;
        }
        Ok(())
    }

    /// Creates the next segment. When that fails, this one is not written to all the same, since
    /// a whole next segment may already be on disk.
    fn begin_segment(&mut self) -> Result<(), JournalError> {
        let header = self.log.header(self.end.next, self.end.chain);
        let file = create_segment(self.log.dir(), &header)?;
        let path = segment_path(&self.log, self.end.next);
        let segment = Arc::new(Segment::ending_at(self.end.next, path, FRAMES_START));
        self.log.add(Arc::clone(&segment));
        self.segment = segment;
        self.file = file;
        self.end.offset = FRAMES_START;
        self.full = false;
        Ok(())
    }

    /// Takes back a write that failed in the middle.
    fn cut_back(&mut self, error: std::io::Error) -> JournalError {
        let cut = self
            .file
            .set_len(self.end.offset)
            .and_then(|()| self.file.sync_data());
        match cut {
            Ok(()) => io_error("write to", &self.segment.path)(error),
            Err(second) => {
                let first = format!("{error}, and then, taking it back");
                self.poison(&first, &second)
            }
        }
    }

    fn poison(&mut self, action: &str, error: &std::io::Error) -> JournalError {
        let path = self.segment.path.display();
        let reason = format!("could not {action} {path}: {error}");
        tracing::error!("the log takes nothing more: {reason}");
        self.poisoned = Some(reason.clone());
        JournalError::Poisoned { reason }
    }
}

/// Creates a segment with its header, over a half created one, and makes both durable.
pub(super) fn create_segment(dir: &Path, header: &SegmentHeader) -> Result<File, JournalError> {
    let path = path_of(dir, header.first);
    let created = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path)
        .and_then(|file| {
            file.write_all_at(&header.encode(), 0)?;
            file.sync_all()?;
            Ok(file)
        })
        .map_err(io_error("create", &path))?;
    sync_dir(dir)?;
    Ok(created)
}

/// Makes the names in a folder durable.
pub(super) fn sync_dir(dir: &Path) -> Result<(), JournalError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(io_error("sync", dir))
}
