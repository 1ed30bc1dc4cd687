//! The byte layout of frames and records.
//!
//! In: records of a group, or bytes of a file. Out: the bytes of a frame, or its header.

use crate::events::{Incarnation, Sequence};

/// Bytes of the header of a frame. An end mark has the same length.
pub(super) const FRAME_HEADER_BYTES: usize = 28;
/// Bytes before the body of a record.
pub(in crate::journal) const RECORD_HEADER_BYTES: usize = 8;
/// Maximum size of the records of a frame, in bytes. It is far above the size of a group, because
/// one append is never split.
pub(in crate::journal) const MAX_FRAME_BYTES: usize = 1 << 30;

/// The first bytes of a frame. No UTF-8 text has them, so they are rare in payloads.
pub(super) const FRAME_MAGIC: [u8; 4] = [0xf5, b'T', b'G', 0xf6];
const END_MAGIC: [u8; 4] = [0xf5, b'T', b'E', 0xf6];

/// What follows a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Introduces {
    /// A group of records.
    Frame,
    /// The end: the log was closed cleanly.
    End,
}

/// The header of a frame, or an end mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub(super) introduces: Introduces,
    /// Bytes of records after the header.
    pub(super) length: u32,
    /// The sequence of the first record.
    pub(super) first: Sequence,
    /// The number of records.
    pub(super) count: u32,
    /// The checksum of the previous header.
    pub(super) chain: u32,
}

impl FrameHeader {
    /// The end mark of a log. The next record would have the sequence `next`.
    pub(super) const fn end_mark(next: Sequence, chain: u32) -> Self {
        Self {
            introduces: Introduces::End,
            length: 0,
            first: next,
            count: 0,
            chain,
        }
    }

    /// Encodes the header. Returns its bytes, and its checksum for the `chain` of the next header.
    pub(super) fn encode(&self, incarnation: Incarnation) -> ([u8; FRAME_HEADER_BYTES], u32) {
        let magic = match self.introduces {
            Introduces::Frame => FRAME_MAGIC,
            Introduces::End => END_MAGIC,
        };
        let mut bytes = [0; FRAME_HEADER_BYTES];
        let fields = [
            &magic[..],
            &self.length.to_le_bytes(),
            &self.first.get().to_le_bytes(),
            &self.count.to_le_bytes(),
            &self.chain.to_le_bytes(),
        ];
        let crc = fields.iter().fold(seed(incarnation), |crc, field| {
            crc32c::crc32c_append(crc, field)
        });
        let all = fields.iter().copied().flatten().copied();
        for (to, byte) in bytes.iter_mut().zip(all.chain(crc.to_le_bytes())) {
            *to = byte;
        }
        (bytes, crc)
    }

    /// Decodes a header at the start of `bytes`, and its checksum; `None` when it is not a header
    /// of this log.
    pub(super) fn decode(bytes: &[u8], incarnation: Incarnation) -> Option<(Self, u32)> {
        let introduces = match bytes.get(..4)? {
            magic if magic == FRAME_MAGIC => Introduces::Frame,
            magic if magic == END_MAGIC => Introduces::End,
            _ => return None,
        };
        let covered = bytes.get(..FRAME_HEADER_BYTES - 4)?;
        let crc = u32_at(bytes, 24)?;
        if crc != crc32c::crc32c_append(seed(incarnation), covered) {
            return None;
        }
        let header = Self {
            introduces,
            length: u32_at(bytes, 4)?,
            first: Sequence::new(u64_at(bytes, 8)?),
            count: u32_at(bytes, 16)?,
            chain: u32_at(bytes, 20)?,
        };
        Some((header, crc))
    }

    /// The sequence after the last record of the frame.
    pub(super) const fn next(&self) -> Sequence {
        // A lossless cast: `u64::from` is not const.
        self.first.plus(self.count as u64)
    }
}

fn seed(incarnation: Incarnation) -> u32 {
    crc32c::crc32c(&incarnation.0.to_le_bytes())
}

/// The checksum of a record, over its sequence, its length and its body.
pub(super) fn record_crc(sequence: Sequence, length: u32, parts: &[&[u8]]) -> u32 {
    let mut front = [0; 12];
    let fields = sequence.get().to_le_bytes().into_iter();
    for (to, byte) in front.iter_mut().zip(fields.chain(length.to_le_bytes())) {
        *to = byte;
    }
    parts.iter().fold(crc32c::crc32c(&front), |crc, part| {
        crc32c::crc32c_append(crc, part)
    })
}

/// Reads the little-endian number at an offset.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let (number, _) = bytes.get(at..)?.split_first_chunk()?;
    Some(u32::from_le_bytes(*number))
}

/// Reads the little-endian number at an offset.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let (number, _) = bytes.get(at..)?.split_first_chunk()?;
    Some(u64::from_le_bytes(*number))
}

/// Builds a frame: a group of records that is written at once.
#[derive(Debug)]
pub(in crate::journal) struct FrameBuilder {
    /// Space for the header, then the records.
    bytes: Vec<u8>,
    first: Sequence,
    count: u32,
}

impl FrameBuilder {
    /// Makes an empty frame.
    pub(in crate::journal) fn new() -> Self {
        Self {
            bytes: vec![0; FRAME_HEADER_BYTES],
            first: Sequence::ZERO,
            count: 0,
        }
    }

    /// Starts a new frame, whose first record has the sequence `first`. Keeps the buffer unless it
    /// has grown beyond `keep` bytes.
    pub(in crate::journal) fn restart(&mut self, first: Sequence, keep: usize) {
        self.bytes.truncate(FRAME_HEADER_BYTES);
        self.bytes.shrink_to(keep);
        self.first = first;
        self.count = 0;
    }

    /// Adds a record. Its body is the concatenation of `parts`. The caller keeps the frame below
    /// [`MAX_FRAME_BYTES`].
    pub(in crate::journal) fn push(&mut self, parts: &[&[u8]]) {
        let length = parts.iter().map(|part| part.len()).sum::<usize>();
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let crc = record_crc(self.next(), length, parts);
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(&crc.to_le_bytes());
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        self.count = self.count.saturating_add(1);
    }

    /// The sequence of the next record that is pushed.
    pub(in crate::journal) fn next(&self) -> Sequence {
        self.first.plus(u64::from(self.count))
    }

    /// Bytes of records so far.
    pub(in crate::journal) fn len(&self) -> usize {
        self.bytes.len().saturating_sub(FRAME_HEADER_BYTES)
    }

    /// Whether the frame has no records.
    pub(in crate::journal) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Fills in the header. Returns the whole frame, its header, and the checksum of the header.
    pub(super) fn seal(
        &mut self,
        chain: u32,
        incarnation: Incarnation,
    ) -> (&[u8], FrameHeader, u32) {
        let header = FrameHeader {
            introduces: Introduces::Frame,
            length: u32::try_from(self.len()).unwrap_or(u32::MAX),
            first: self.first,
            count: self.count,
            chain,
        };
        let (bytes, crc) = header.encode(incarnation);
        for (to, byte) in self.bytes.iter_mut().zip(bytes) {
            *to = byte;
        }
        (&self.bytes, header, crc)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ONE: Incarnation = Incarnation(1);

    fn header(length: u32, first: u64, count: u32, chain: u32) -> FrameHeader {
        FrameHeader {
            introduces: Introduces::Frame,
            length,
            first: Sequence::new(first),
            count,
            chain,
        }
    }

    proptest! {
        #[test]
        fn header_is_read_as_written(
            length: u32, first: u64, count: u32, chain: u32, end: bool,
        ) {
            let mut header = header(length, first, count, chain);
            if end {
                header.introduces = Introduces::End;
            }
            let (bytes, crc) = header.encode(ONE);
            prop_assert_eq!(FrameHeader::decode(&bytes, ONE), Some((header, crc)));
        }
    }

    #[test]
    fn flipped_bits_and_headers_of_other_logs_are_refused() {
        let (bytes, _) = header(700, 12, 3, 0xdead_beef).encode(ONE);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(FrameHeader::decode(&flipped, ONE), None, "bit {bit}");
        }
        assert_eq!(FrameHeader::decode(&bytes, Incarnation(2)), None);
        assert_eq!(FrameHeader::decode(&bytes[..27], ONE), None);
    }
}
