//! A log of opaque records in segment files: what the embedded journal and its rejected log stand
//! on.
//!
//! ```text
//! folder   00000000000000000001.segment  00000000000000210733.segment  …   named by first sequence
//! segment  header, frame, frame, …, and after a clean stop an end mark
//! header   magic 8 │ version u16 │ kind u16 │ shards u16 │ form u16 │ incarnation u64 │ first u64
//!          │ chain u32 │ crc u32
//! frame    magic 4 │ length u32 │ first u64 │ count u32 │ chain u32 │ crc u32,
//!          then `count` records in `length` bytes
//! record   length u32 │ crc u32 │ body
//! end mark a frame's header with its own magic, no records, and `first` = the next sequence
//! ```
//!
//! `form` is the version of the normal form that the tokens of the records are in; segments of
//! version 1 hold 0 there, and tokens in version 1 of it. That of a log is its last segment's.
//!
//! All numbers are little endian, all checksums CRC-32C. A frame is one group commit: it is on
//! disk before it is acknowledged, read, or followed by the next, so that only the last one can be
//! torn by a crash. `chain` is the checksum of the header before (in a segment's header: of the
//! last frame of the segment before), so that no frame can be missing or moved unseen; it does not
//! cover the records, so that a body can be erased in place. The checksums of headers are seeded
//! with the incarnation, so that no payload can look like a frame of this very log.
//!
//! A log has one [`Writer`], and any number of [`SegmentCursor`]s that read up to where the
//! writer's last group ends. [`verify`] walks everything and names all damage.

mod chunks;
mod cursor;
mod files;
mod frame;
mod log;
mod open;
mod reader;
mod scan;
mod segment;
#[cfg(test)]
mod tests;
mod verify;
mod writer;

pub(super) use cursor::SegmentCursor;
pub(super) use frame::{FrameBuilder, MAX_FRAME_BYTES, RECORD_HEADER_BYTES};
pub(super) use log::Log;
pub(super) use open::NewLog;
pub(super) use reader::RawRecord;
pub(super) use segment::Kind;
pub(super) use verify::{Walk, Walked};
pub(super) use writer::Writer;
