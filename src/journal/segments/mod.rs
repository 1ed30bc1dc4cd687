//! The segment log: opaque records in segment files. The embedded journal and its rejected log use
//! it.
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
//! `form` is the version of the normal form of the tokens in the records. Segments of version 1
//! have 0 there, and their tokens are in version 1 of the normal form. The version of a log is that
//! of its last segment.
//!
//! All numbers are little endian, and all checksums are CRC-32C. A frame is one group commit. It is
//! on disk before it is acknowledged, read, or followed by the next frame, so a crash can only tear
//! the last frame. `chain` is the checksum of the previous header (in the header of a segment: of
//! the last frame of the previous segment). So a missing or moved frame is detected. `chain` does
//! not cover the records, so a body can be erased in place. The checksums of headers are seeded
//! with the incarnation, so no payload can look like a frame of the same log.
//!
//! A log has one [`Writer`], and any number of [`SegmentCursor`]s that read up to the end of the
//! last group. [`verify`] walks the whole log and names all damage.

mod chunks;
mod cursor;
mod files;
mod flaw;
mod frame;
mod log;
mod open;
mod raw_record;
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
pub(super) use raw_record::RawRecord;
pub(super) use segment::Kind;
pub(super) use verify::{Walk, Walked};
pub(super) use writer::Writer;
