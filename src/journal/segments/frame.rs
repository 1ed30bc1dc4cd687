//! Frames and records as bytes.

use crate::events::{Incarnation, Sequence};

/// How many bytes a frame's header and an end mark take.
pub(super) const FRAME_HEADER_BYTES: usize = 28;
/// How many bytes stand before a record's body.
pub(in crate::journal) const RECORD_HEADER_BYTES: usize = 8;
/// How many bytes of records a frame may hold: far above what a group is meant to have, since one
/// append is never split.
pub(in crate::journal) const MAX_FRAME_BYTES: usize = 1 << 30;

/// Bytes that occur in no UTF-8 text, so that they are rare among payloads.
pub(super) const FRAME_MAGIC: [u8; 4] = [0xf5, b'T', b'G', 0xf6];
const END_MAGIC: [u8; 4] = [0xf5, b'T', b'E', 0xf6];

/// What a header introduces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Introduces {
    /// A group of records.
    Frame,
    /// Nothing more: the log was closed cleanly.
    End,
}

/// A frame's header, or an end mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub(super) introduces: Introduces,
    /// Bytes of records behind the header.
    pub(super) length: u32,
    /// Sequence of the first record.
    pub(super) first: Sequence,
    /// How many records.
    pub(super) count: u32,
    /// Checksum of the header before.
    pub(super) chain: u32,
}

impl FrameHeader {
    /// The end mark of a log whose next record would be `next`.
    pub(super) const fn end_mark(next: Sequence, chain: u32) -> Self {
        Self {
            introduces: Introduces::End,
            length: 0,
            first: next,
            count: 0,
            chain,
        }
    }

    /// The header's bytes and its checksum, which the next one's `chain` repeats.
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

    /// Reads a header and its checksum from the front of `bytes`; `None` when it isn't one of
    /// this log's.
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

    /// The sequence behind the frame's last record.
    pub(super) const fn next(&self) -> Sequence {
        // A lossless cast: `u64::from` is not const.
        self.first.plus(self.count as u64)
    }
}

fn seed(incarnation: Incarnation) -> u32 {
    crc32c::crc32c(&incarnation.0.to_le_bytes())
}

/// The checksum of a record: over its sequence, its length and its body.
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

/// The little-endian number at a place.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let (number, _) = bytes.get(at..)?.split_first_chunk()?;
    Some(u32::from_le_bytes(*number))
}

/// The little-endian number at a place.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let (number, _) = bytes.get(at..)?.split_first_chunk()?;
    Some(u64::from_le_bytes(*number))
}

/// A frame in the making: a group of records that is going to be written at once.
#[derive(Debug)]
pub(in crate::journal) struct FrameBuilder {
    /// Room for the header, then the records.
    bytes: Vec<u8>,
    first: Sequence,
    count: u32,
}

impl FrameBuilder {
    /// An empty frame.
    pub(in crate::journal) fn new() -> Self {
        Self {
            bytes: vec![0; FRAME_HEADER_BYTES],
            first: Sequence::ZERO,
            count: 0,
        }
    }

    /// Starts over with `first` as the first record's sequence. Keeps the buffer unless it has
    /// grown beyond `keep` bytes.
    pub(in crate::journal) fn restart(&mut self, first: Sequence, keep: usize) {
        self.bytes.truncate(FRAME_HEADER_BYTES);
        self.bytes.shrink_to(keep);
        self.first = first;
        self.count = 0;
    }

    /// Adds a record whose body is the parts, one behind the other, and which have `length` bytes
    /// together. The caller keeps the frame below [`MAX_FRAME_BYTES`].
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

    /// The sequence that the next record pushed gets.
    pub(in crate::journal) fn next(&self) -> Sequence {
        self.first.plus(u64::from(self.count))
    }

    /// Bytes of records so far.
    pub(in crate::journal) fn len(&self) -> usize {
        self.bytes.len().saturating_sub(FRAME_HEADER_BYTES)
    }

    /// Holds no record.
    pub(in crate::journal) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Fills in the header. Returns the whole frame, its header, and the header's checksum.
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
        fn a_header_is_read_as_it_was_written(
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
    fn any_flipped_bit_and_any_other_log_is_noticed() {
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
