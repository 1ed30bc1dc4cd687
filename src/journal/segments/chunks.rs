//! Reads a file in large chunks that are shared without copying.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};

use super::segment::io_error;
use crate::journal::JournalError;

/// Bytes per read when records are wanted. It is large for one system call, and small enough to
/// stay in the caches of the processor until it is decoded.
pub(super) const CHUNK_BYTES: u64 = 1024 * 1024;
/// Bytes per read when frames are skipped.
pub(super) const SEEK_BYTES: u64 = 64 * 1024;

/// A file, and the chunk of it that was read last.
#[derive(Debug)]
pub(super) struct Chunks {
    file: File,
    path: PathBuf,
    chunk: Bytes,
    /// The offset of the chunk in the file.
    start: u64,
    /// Bytes per read.
    pub(super) at_once: u64,
}

impl Chunks {
    pub(super) fn of(file: File, path: &Path) -> Self {
        Self {
            file,
            path: path.to_path_buf(),
            chunk: Bytes::new(),
            start: 0,
            at_once: CHUNK_BYTES,
        }
    }

    /// The chunk that was read last.
    pub(super) const fn chunk(&self) -> &Bytes {
        &self.chunk
    }

    /// Returns the `length` bytes at `offset`, and reads a new chunk if needed; `None` when they go
    /// beyond `end`. Bytes beyond `end` are not read, because they may still change.
    pub(super) fn look(
        &mut self,
        offset: u64,
        length: usize,
        end: u64,
    ) -> Result<Option<&[u8]>, JournalError> {
        let left = end.saturating_sub(offset);
        if left < length as u64 {
            return Ok(None);
        }
        if self.at_hand(offset, length).is_none() {
            let wanted = left.min(self.at_once.max(length as u64));
            self.refill(offset, usize::try_from(wanted).unwrap_or(usize::MAX))?;
        }
        Ok(self.at_hand(offset, length))
    }

    /// Returns the `length` bytes at `offset`, if they are in the chunk.
    pub(super) fn at_hand(&self, offset: u64, length: usize) -> Option<&[u8]> {
        let start = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        self.chunk.get(start..start.checked_add(length)?)
    }

    fn refill(&mut self, offset: u64, length: usize) -> Result<(), JournalError> {
        // The buffer is reused, unless bytes that were read from it are still in use.
        let mut chunk = match std::mem::take(&mut self.chunk).try_into_mut() {
            Ok(chunk) if chunk.capacity() >= length => chunk,
            Ok(_) | Err(_) => BytesMut::with_capacity(length),
        };
        chunk.resize(length, 0);
        self.file
            .read_exact_at(&mut chunk, offset)
            .map_err(io_error("read", &self.path))?;
        self.chunk = chunk.freeze();
        self.start = offset;
        Ok(())
    }
}
