//! A piece of a file that is one record: a line, an element of an array, a row of a table.

use bytes::Bytes;

use crate::sources::Rejection;

/// Maximum size of a record, in bytes.
pub const MAX_RECORD_BYTES: usize = 1024 * 1024;
/// Maximum size of a line with a page of many posts, in bytes. A page of 500 posts has less than
/// 4 MiB.
pub const MAX_PAGE_BYTES: usize = 8 * 1024 * 1024;
/// How much of a record that is too large is kept, in bytes.
const KEPT_BYTES: usize = 64 * 1024;

/// A piece of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// The line of its first byte, from 1.
    pub(super) line: u64,
    /// The bytes; only the first ones if the piece is too large.
    pub(super) bytes: Bytes,
    /// Why the piece is no record, if the splitter found that.
    pub(super) fault: Option<Rejection>,
}

/// The bytes of a piece while it is being read. Bytes over the limit are counted and dropped.
#[derive(Debug)]
pub(super) struct Growing {
    line: u64,
    bytes: Vec<u8>,
    size: usize,
    limit: usize,
}

impl Growing {
    /// An empty piece that begins in `line`.
    pub(super) fn new(line: u64, limit: usize) -> Self {
        Self {
            line,
            bytes: Vec::new(),
            size: 0,
            limit,
        }
    }

    /// Appends bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.size = self.size.saturating_add(bytes.len());
        if self.size <= self.limit {
            self.bytes.extend_from_slice(bytes);
        } else if self.bytes.len() > KEPT_BYTES {
            self.bytes.truncate(KEPT_BYTES);
            self.bytes.shrink_to_fit();
        } else {
            let room = KEPT_BYTES.saturating_sub(self.bytes.len()).min(bytes.len());
            let kept = bytes.get(..room).unwrap_or_default();
            self.bytes.extend_from_slice(kept);
        }
    }

    /// Whether the limit was exceeded, so that only the first bytes are kept.
    pub(super) fn is_too_large(&self) -> bool {
        self.size > self.limit
    }

    /// Whether nothing was appended.
    pub(super) fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// The bytes so far.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The line of the first byte.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The whole piece.
    pub(super) fn finish(self) -> Piece {
        let fault = self.is_too_large().then(|| too_large(self.size));
        self.faulty(fault)
    }

    /// The piece with a fault.
    pub(super) fn rejected(self, reason: &str) -> Piece {
        self.faulty(Some(Rejection::new(reason)))
    }

    fn faulty(self, fault: Option<Rejection>) -> Piece {
        Piece {
            line: self.line,
            bytes: self.bytes.into(),
            fault,
        }
    }
}

impl Piece {
    /// The piece with the first bytes only, rejected for its size.
    pub(super) fn into_too_large(self) -> Self {
        let size = self.bytes.len();
        Self {
            line: self.line,
            bytes: Bytes::copy_from_slice(self.bytes.get(..KEPT_BYTES).unwrap_or(&self.bytes)),
            fault: Some(too_large(size)),
        }
    }
}

fn too_large(size: usize) -> Rejection {
    Rejection::new(format!(
        "the record has {size} bytes; at most {MAX_RECORD_BYTES} (1 MiB) are allowed"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn piece_over_the_limit_keeps_its_first_bytes() {
        let mut growing = Growing::new(7, 100_000);
        for _ in 0..3 {
            growing.push(&[b'a'; 50_000]);
        }
        growing.push(b"b");
        let piece = growing.finish();
        assert_eq!((piece.line, piece.bytes.len()), (7, 64 * 1024));
        let reason = piece.fault.unwrap().reason;
        assert!(
            reason.starts_with("the record has 150001 bytes"),
            "{reason}"
        );
    }
}
