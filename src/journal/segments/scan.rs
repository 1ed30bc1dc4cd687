//! Checks the last segment when a log is opened: which frames are sound, and whether the rest was
//! torn by a crash or is damage.
//!
//! In: the last segment. Out: the end of its sound frames, and what follows them.

use super::flaw::{Flaw, ReadError};
use super::frame::{FRAME_HEADER_BYTES, FRAME_MAGIC, FrameHeader, Introduces};
use super::reader::SegmentReader;
use super::segment::{EndMark, Kind, Segment, SegmentHeader, before};
use crate::events::{Incarnation, Sequence};
use crate::journal::JournalError;

/// The end of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    /// An end mark: the log was closed.
    Marked,
    /// A frame: the process ended without closing the log.
    Open,
    /// Bytes of a group that was never acknowledged.
    Torn {
        /// The number of bytes after the last sound frame.
        bytes: u64,
    },
}

/// A last segment that is sound, except for its end.
#[derive(Debug)]
pub(super) struct Scanned {
    pub(super) header: SegmentHeader,
    /// The end of the frames: its offset, the next sequence, and the checksum of the last header.
    pub(super) end: EndMark,
    pub(super) tail: Tail,
}

/// Reads the whole last segment of a log and marks positions on the way.
///
/// # Errors
/// [`JournalError::Damaged`] when a flaw cannot be a torn end.
pub(super) fn scan(segment: &Segment, kind: Kind) -> Result<Scanned, JournalError> {
    let (mut reader, header) = SegmentReader::open(segment, kind)?;
    let end_mark = end_mark(&mut reader, header.incarnation)?;
    if end_mark.is_some() {
        reader.shorten(FRAME_HEADER_BYTES as u64);
    }
    let mut sound = EndMark {
        next: header.first,
        offset: reader.offset(),
        chain: header.chain,
    };
    let flaw = loop {
        match reader.advance() {
            Ok(true) => {}
            Ok(false) => break None,
            Err(ReadError::Failed(error)) => return Err(error),
            Err(ReadError::Flawed(flaw)) => break Some(flaw),
        }
        if let Some(mark) = reader.frame_passed() {
            segment.mark(mark);
            sound = mark;
        }
    };
    let tail = match (flaw, end_mark) {
        (None, Some(end)) if end.first == sound.next && end.chain == sound.chain => Tail::Marked,
        (None, Some(end)) => {
            return Err(damage(
                segment,
                Flaw {
                    offset: sound.offset,
                    after: before(sound.next),
                    what: format!("the end mark follows sequence {}, not this one", end.first),
                    may_be_torn: false,
                },
            ));
        }
        (None, None) => Tail::Open,
        (Some(flaw), None) if is_changed_end_mark(&mut reader, &sound)? => {
            return Err(damage(
                segment,
                Flaw {
                    what: "the end mark is not what was written".into(),
                    ..flaw
                },
            ));
        }
        (Some(flaw), None) if flaw.may_be_torn && is_torn(&mut reader, &sound)? => Tail::Torn {
            bytes: reader.end().saturating_sub(sound.offset),
        },
        (Some(flaw), _) => return Err(damage(segment, flaw)),
    };
    Ok(Scanned {
        header,
        end: sound,
        tail,
    })
}

/// Converts a flaw into an error.
pub(super) fn damage(segment: &Segment, flaw: Flaw) -> JournalError {
    JournalError::Damaged {
        path: segment.path.clone(),
        offset: flaw.offset,
        after: flaw.after,
        what: flaw.what,
    }
}

/// The end mark at the end of the file, if there is one.
pub(super) fn end_mark(
    reader: &mut SegmentReader,
    incarnation: Incarnation,
) -> Result<Option<FrameHeader>, JournalError> {
    let Some(at) = reader.end().checked_sub(FRAME_HEADER_BYTES as u64) else {
        return Ok(None);
    };
    if at < reader.offset() {
        return Ok(None);
    }
    Ok(reader
        .look(at, FRAME_HEADER_BYTES)?
        .and_then(|bytes| FrameHeader::decode(bytes, incarnation))
        .map(|(header, _)| header)
        .filter(|header| header.introduces == Introduces::End))
}

/// Whether the bytes after the last sound frame are its end mark with a change in at most two
/// bytes. An interrupted group differs in more bytes: magic, length and count. Returns false if all
/// differing bytes are zero and more than one bit differs, because a power loss may have left these
/// bytes unwritten.
fn is_changed_end_mark(reader: &mut SegmentReader, sound: &EndMark) -> Result<bool, JournalError> {
    if reader.end().saturating_sub(sound.offset) != FRAME_HEADER_BYTES as u64 {
        return Ok(false);
    }
    let mark = FrameHeader::end_mark(sound.next, sound.chain);
    let (right, _) = mark.encode(reader.incarnation());
    let Some(found) = reader.look(sound.offset, FRAME_HEADER_BYTES)? else {
        return Ok(false);
    };
    let changed: Vec<(u8, u8)> = found
        .iter()
        .copied()
        .zip(right)
        .filter(|(found, right)| found != right)
        .collect();
    let bits: u32 = changed
        .iter()
        .map(|(found, right)| (found ^ right).count_ones())
        .sum();
    let may_be_unwritten = bits > 1 && changed.iter().all(|(found, _)| *found == 0);
    Ok(changed.len() <= 2 && !may_be_unwritten)
}

/// Whether the bytes after the last sound frame can be an interrupted group. They can if nothing
/// was ever written after them.
fn is_torn(reader: &mut SegmentReader, sound: &EndMark) -> Result<bool, JournalError> {
    let incarnation = reader.incarnation();
    let frame = reader
        .look(sound.offset, FRAME_HEADER_BYTES)?
        .and_then(|bytes| FrameHeader::decode(bytes, incarnation));
    if let Some((header, _)) = frame {
        // The length in a sound header can be trusted. Bytes after the frame are only written when
        // the frame is durable, so the frame was once whole.
        let frame_end = sound
            .offset
            .saturating_add(FRAME_HEADER_BYTES as u64)
            .saturating_add(u64::from(header.length));
        if frame_end < reader.end() {
            return Ok(false);
        }
    }
    let behind = sound.offset.saturating_add(1);
    Ok(next_frame(reader, behind, sound.next)?.is_none())
}

/// The first sound frame header at or after the offset `from`. Headers of groups that begin before
/// the sequence `next` are skipped.
pub(super) fn next_frame(
    reader: &mut SegmentReader,
    from: u64,
    next: Sequence,
) -> Result<Option<(u64, FrameHeader)>, JournalError> {
    const WINDOW: u64 = 256 * 1024;
    let incarnation = reader.incarnation();
    let finder = memchr::memmem::Finder::new(&FRAME_MAGIC);
    let mut start = from;
    loop {
        let left = reader.end().saturating_sub(start);
        if left < FRAME_HEADER_BYTES as u64 {
            return Ok(None);
        }
        let window = usize::try_from(left.min(WINDOW)).unwrap_or(usize::MAX);
        let Some(bytes) = reader.look(start, window)? else {
            return Ok(None);
        };
        for at in finder.find_iter(bytes) {
            let header = bytes
                .get(at..)
                .and_then(|bytes| FrameHeader::decode(bytes, incarnation));
            if let Some((header, _)) = header
                && header.first >= next
            {
                return Ok(Some((start.saturating_add(at as u64), header)));
            }
        }
        if left <= WINDOW {
            return Ok(None);
        }
        // A header can begin in one window and end in the next, so the windows overlap.
        start = start.saturating_add(WINDOW - (FRAME_HEADER_BYTES as u64 - 1));
    }
}
