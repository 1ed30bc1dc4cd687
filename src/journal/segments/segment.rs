//! One segment file: its name, its header, and the positions of its frames.
//!
//! The header names the log, the version and the first sequence. The marks of a segment let a seek
//! begin near its record.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::frame::{u32_at, u64_at};
use crate::events::{Incarnation, NORMAL_FORM_VERSION, Sequence, ShardCount};
use crate::journal::JournalError;

/// Bytes of the header of a segment, in every version.
pub(super) const SEGMENT_HEADER_BYTES: usize = 40;
/// The header length as an offset in the file: the start of the frames.
pub(super) const FRAMES_START: u64 = SEGMENT_HEADER_BYTES as u64;

const MAGIC: [u8; 8] = *b"\xf5TIDING\xf6";
/// The version of new segments.
const VERSION: u16 = 2;
/// The version of segments whose header has no version of the normal form.
const VERSION_1: u16 = 1;
const EXTENSION: &str = "segment";

/// The kind of log that a segment belongs to. The header names the kind, so that a segment of one
/// log is not read as a segment of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::journal) enum Kind {
    /// The journal.
    Journal,
    /// The rejected log.
    Rejected,
}

impl Kind {
    const fn code(self) -> u16 {
        match self {
            Self::Journal => 1,
            Self::Rejected => 2,
        }
    }

    /// The name in error texts.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Journal => "journal",
            Self::Rejected => "rejected log",
        }
    }
}

/// The header at the front of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) kind: Kind,
    pub(super) shards: ShardCount,
    /// The version of the normal form of the tokens in the segment.
    pub(super) normal_form: u16,
    pub(super) incarnation: Incarnation,
    /// The sequence of the first record of the segment.
    pub(super) first: Sequence,
    /// The checksum of the last frame header of the previous segment; 0 in the first segment.
    pub(super) chain: u32,
}

/// Why the front of a file is not a segment header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BadHeader {
    /// The bytes differ from what was written.
    Damaged(&'static str),
    /// The header is whole, but of an unknown version or another kind.
    Unsupported(String),
}

impl SegmentHeader {
    /// Encodes the header.
    pub(super) fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        let fields = [
            &MAGIC[..],
            &VERSION.to_le_bytes(),
            &self.kind.code().to_le_bytes(),
            &self.shards.get().to_le_bytes(),
            &self.normal_form.to_le_bytes(),
            &self.incarnation.0.to_le_bytes(),
            &self.first.get().to_le_bytes(),
            &self.chain.to_le_bytes(),
        ];
        let crc = fields
            .iter()
            .fold(0, |crc, field| crc32c::crc32c_append(crc, field));
        let all = fields.iter().copied().flatten().copied();
        for (to, byte) in bytes.iter_mut().zip(all.chain(crc.to_le_bytes())) {
            *to = byte;
        }
        bytes
    }

    /// Decodes a header of the given kind at the front of `bytes`.
    pub(super) fn decode(bytes: &[u8], kind: Kind) -> Result<Self, BadHeader> {
        let fields = Fields::read(bytes).ok_or(BadHeader::Damaged("its header is cut short"))?;
        if !bytes.starts_with(&MAGIC) || fields.crc != fields.right_crc {
            return Err(BadHeader::Damaged("its header is not what was written"));
        }
        let normal_form = match fields.version {
            VERSION_1 => 1,
            VERSION => fields.normal_form,
            other => {
                return Err(BadHeader::Unsupported(format!(
                    "it has version {other}, and this tidings reads up to {VERSION}: use a newer \
                    one"
                )));
            }
        };
        if normal_form > NORMAL_FORM_VERSION {
            return Err(BadHeader::Unsupported(format!(
                "its keywords are in version {normal_form} of the normal form, and this tidings \
                knows up to {NORMAL_FORM_VERSION}: use a newer one"
            )));
        }
        if fields.kind != kind.code() {
            return Err(BadHeader::Unsupported(format!(
                "it does not belong to a {}",
                kind.name()
            )));
        }
        let shards = ShardCount::new(fields.shards)
            .map_err(|error| BadHeader::Unsupported(error.to_string()))?;
        Ok(Self {
            kind,
            shards,
            normal_form,
            incarnation: Incarnation(fields.incarnation),
            first: Sequence::new(fields.first),
            chain: fields.chain,
        })
    }
}

struct Fields {
    version: u16,
    kind: u16,
    shards: u16,
    normal_form: u16,
    incarnation: u64,
    first: u64,
    chain: u32,
    crc: u32,
    right_crc: u32,
}

impl Fields {
    fn read(bytes: &[u8]) -> Option<Self> {
        let u16_at = |at: usize| {
            let (number, _) = bytes.get(at..)?.split_first_chunk()?;
            Some(u16::from_le_bytes(*number))
        };
        Some(Self {
            version: u16_at(8)?,
            kind: u16_at(10)?,
            shards: u16_at(12)?,
            normal_form: u16_at(14)?,
            incarnation: u64_at(bytes, 16)?,
            first: u64_at(bytes, 24)?,
            chain: u32_at(bytes, 32)?,
            crc: u32_at(bytes, 36)?,
            right_crc: crc32c::crc32c(bytes.get(..SEGMENT_HEADER_BYTES - 4)?),
        })
    }
}

/// A position between two frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EndMark {
    /// The sequence of the first record after the position.
    pub(super) next: Sequence,
    /// The offset of the position in the file.
    pub(super) offset: u64,
    /// The checksum of the frame header before the position.
    pub(super) chain: u32,
}

/// Distance between the marks of a segment, in bytes. A seek skips at most this many bytes of
/// frames.
const MARK_EVERY: u64 = 256 * 1024;

/// A segment of an open log, shared by the writer and the readers.
#[derive(Debug)]
pub(super) struct Segment {
    /// The sequence of the first record.
    pub(super) first: Sequence,
    /// The path of the file.
    pub(super) path: PathBuf,
    /// The offset up to which groups are durable; [`u64::MAX`] when the whole file is.
    end: AtomicU64,
    /// Some positions between frames, in order.
    marks: Mutex<Vec<EndMark>>,
}

impl Segment {
    /// A finished segment. Nothing more is written to its file.
    pub(super) fn finished(first: Sequence, path: PathBuf) -> Self {
        Self::ending_at(first, path, u64::MAX)
    }

    /// A segment that is sound up to `end`.
    pub(super) const fn ending_at(first: Sequence, path: PathBuf, end: u64) -> Self {
        Self {
            first,
            path,
            end: AtomicU64::new(end),
            marks: Mutex::new(Vec::new()),
        }
    }

    /// The offset up to which groups are durable; [`u64::MAX`] when the whole file is.
    pub(super) fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    /// Notes that groups are durable up to `end`.
    pub(super) fn grow_to(&self, end: u64) {
        self.end.store(end, Ordering::Release);
    }

    /// Keeps a position as a mark, unless it is less than [`MARK_EVERY`] bytes after the last mark.
    pub(super) fn mark(&self, mark: EndMark) {
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        let last = marks.last().map_or(FRAMES_START, |last| last.offset);
        if mark.offset >= last.saturating_add(MARK_EVERY) {
            marks.push(mark);
        }
    }

    /// The last marked position at or before `sequence`.
    pub(super) fn nearest(&self, sequence: Sequence) -> Option<EndMark> {
        let marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        let behind = marks.partition_point(|mark| mark.next <= sequence);
        behind.checked_sub(1).and_then(|at| marks.get(at)).copied()
    }

    /// Opens the file and checks its header.
    ///
    /// # Errors
    /// [`JournalError::Damaged`], [`JournalError::Unsupported`] or [`JournalError::Io`].
    pub(super) fn open(&self, kind: Kind) -> Result<(File, SegmentHeader), JournalError> {
        let mut file = File::open(&self.path).map_err(io_error("open", &self.path))?;
        let mut bytes = Vec::with_capacity(SEGMENT_HEADER_BYTES);
        (&mut file)
            .take(FRAMES_START)
            .read_to_end(&mut bytes)
            .map_err(io_error("read", &self.path))?;
        let header = SegmentHeader::decode(&bytes, kind).and_then(|header| {
            if header.first == self.first {
                Ok(header)
            } else {
                Err(BadHeader::Damaged(
                    "the first sequence in its header differs from its name",
                ))
            }
        });
        match header {
            Ok(header) => Ok((file, header)),
            Err(BadHeader::Damaged(what)) => Err(JournalError::Damaged {
                path: self.path.clone(),
                offset: 0,
                after: before(self.first),
                what: what.into(),
            }),
            Err(BadHeader::Unsupported(what)) => Err(JournalError::Unsupported {
                path: self.path.clone(),
                what,
            }),
        }
    }
}

/// The position before `sequence`.
pub(super) const fn before(sequence: Sequence) -> Sequence {
    Sequence::new(sequence.get().saturating_sub(1))
}

/// The path of the segment that begins with `first`.
pub(super) fn path_of(dir: &Path, first: Sequence) -> PathBuf {
    dir.join(format!("{:020}.{EXTENSION}", first.get()))
}

/// All segment files of a folder, in the order of their first sequences. Empty when the folder does
/// not exist.
///
/// # Errors
/// [`JournalError::Io`].
pub(super) fn list(dir: &Path) -> Result<Vec<(Sequence, PathBuf)>, JournalError> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io_error("list", dir)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(io_error("list", dir))?.path();
        let first = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_suffix(EXTENSION)?.strip_suffix('.'))
            .filter(|digits| digits.len() == 20)
            .and_then(|digits| digits.parse().ok());
        if let Some(first) = first {
            found.push((Sequence::new(first), path));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Makes an error from the error of the operating system.
pub(super) fn io_error(
    action: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> JournalError + use<> {
    let path = path.to_path_buf();
    move |source| JournalError::Io {
        action,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> SegmentHeader {
        SegmentHeader {
            kind: Kind::Journal,
            shards: ShardCount::DEFAULT,
            normal_form: NORMAL_FORM_VERSION,
            incarnation: Incarnation(0x0123_4567_89ab_cdef),
            first: Sequence::new(77),
            chain: 9,
        }
    }

    #[test]
    fn header_is_read_as_written() {
        let bytes = header().encode();
        assert_eq!(SegmentHeader::decode(&bytes, Kind::Journal), Ok(header()));
        assert!(matches!(
            SegmentHeader::decode(&bytes, Kind::Rejected),
            Err(BadHeader::Unsupported(_))
        ));
    }

    #[test]
    fn any_flipped_bit_in_the_header_is_damage() {
        let bytes = header().encode();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            let read = SegmentHeader::decode(&flipped, Kind::Journal);
            assert!(matches!(read, Err(BadHeader::Damaged(_))), "bit {bit}");
        }
    }

    /// A header with another number in a field of two bytes.
    fn with(at: usize, number: u16) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = header().encode();
        bytes[at..at + 2].copy_from_slice(&number.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..36]);
        bytes[36..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    #[test]
    fn header_of_version_1_has_version_1_of_the_normal_form() {
        let read = SegmentHeader::decode(&with(8, 1), Kind::Journal).unwrap();
        assert_eq!(
            read,
            SegmentHeader {
                normal_form: 1,
                ..header()
            }
        );
    }

    #[test]
    fn later_versions_are_named() {
        for (bytes, said) in [
            (with(8, VERSION + 1), "version 3"),
            (
                with(14, NORMAL_FORM_VERSION + 1),
                "version 3 of the normal form",
            ),
        ] {
            let Err(BadHeader::Unsupported(what)) = SegmentHeader::decode(&bytes, Kind::Journal)
            else {
                panic!("taken for a version that is known");
            };
            assert!(what.contains(said), "{what}");
        }
    }

    #[test]
    fn nearest_mark_is_before_the_sequence() {
        let segment = Segment::finished(Sequence::new(1), PathBuf::new());
        for (next, offset) in [(10, 100), (20, 300_000), (30, 310_000), (40, 700_000)] {
            segment.mark(EndMark {
                next: Sequence::new(next),
                offset,
                chain: 0,
            });
        }
        let nearest = |sequence| {
            segment
                .nearest(Sequence::new(sequence))
                .map(|mark| mark.next.get())
        };
        assert_eq!(nearest(19), None);
        assert_eq!(nearest(20), Some(20));
        assert_eq!(nearest(39), Some(20));
        assert_eq!(nearest(1000), Some(40));
    }
}
