//! Reading a file in large chunks that can be shared without copying.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};

use super::segment::io_error;
use crate::journal::JournalError;

/// How many bytes are read at once when records are wanted: much for one call, and still at hand
/// in the processor's caches when it is decoded.
pub(super) const CHUNK_BYTES: u64 = 1024 * 1024;
/// How many when frames are passed over.
pub(super) const SEEK_BYTES: u64 = 64 * 1024;

/// A file, and the part of it that was read last.
#[derive(Debug)]
pub(super) struct Chunks {
    file: File,
    path: PathBuf,
    chunk: Bytes,
    /// Where in the file the chunk begins.
    start: u64,
    /// How many bytes are read at once.
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

    /// The part that was read last.
    pub(super) const fn chunk(&self) -> &Bytes {
        &self.chunk
    }

    /// The `length` bytes at `offset`, reading on when they aren't at hand; `None` when they go
    /// beyond `end`. Nothing beyond `end` is read, since it may still change.
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

    /// The `length` bytes at `offset`, if they are in the chunk.
    pub(super) fn at_hand(&self, offset: u64, length: usize) -> Option<&[u8]> {
        let start = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        self.chunk.get(start..start.checked_add(length)?)
    }

    fn refill(&mut self, offset: u64, length: usize) -> Result<(), JournalError> {
        // The buffer is used again unless something that was read from it is still held.
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
