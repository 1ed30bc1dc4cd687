//! Compresses the rows of closed pages with zstd.
//!
//! In: a row with its header. Out: the header with another version, the uncompressed length of the
//! rest (4 bytes, little-endian), and the compressed rest.

use std::cell::RefCell;
use std::io;

use zstd::zstd_safe::CParameter;

use crate::events::binary;
use crate::projections::row_format::ROW_HEADER_BYTES;

/// The version of rows that are not compressed.
pub(super) const PLAIN: u8 = 3;
/// The version of compressed rows.
pub(super) const COMPRESSED: u8 = 4;

/// The compression level of zstd.
const LEVEL: i32 = 1;
/// The size of the hash table of zstd, as the exponent of a power of two. A page has fewer
/// positions than the table. The usual table for this level is four times as large, which costs
/// time and makes pages hardly smaller.
const HASH_LOG: u32 = 13;
/// Maximum length of an uncompressed page, in bytes. A page is never larger than a few stored
/// tweets, so a row with a greater length is damaged.
const MAX_DECOMPRESSED: usize = 16 * binary::MAX_BYTES;

thread_local! {
    static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> =
        RefCell::new(compressor());
    static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> =
        RefCell::new(zstd::bulk::Decompressor::new().ok());
}

fn compressor() -> Option<zstd::bulk::Compressor<'static>> {
    let mut compressor = zstd::bulk::Compressor::new(LEVEL).ok()?;
    let table = CParameter::HashLog(HASH_LOG);
    compressor.set_parameter(table).ok()?;
    Some(compressor)
}

/// Packs the row of a closed page; `None` when the row is written unchanged.
pub fn pack_page(row: &[u8]) -> Option<Vec<u8>> {
    let (header, content) = row.split_at_checked(ROW_HEADER_BYTES)?;
    let (&PLAIN, changed_at) = header.split_first()? else {
        return None;
    };
    let compressed =
        COMPRESSOR.with_borrow_mut(|compressor| compressor.as_mut()?.compress(content).ok())?;
    let length = u32::try_from(content.len())
        .unwrap_or(u32::MAX)
        .to_le_bytes();
    if compressed.len().saturating_add(length.len()) >= content.len() {
        return None;
    }
    let whole = ROW_HEADER_BYTES + length.len();
    let mut packed = Vec::with_capacity(compressed.len().saturating_add(whole));
    packed.push(COMPRESSED);
    packed.extend_from_slice(changed_at);
    packed.extend_from_slice(&length);
    packed.extend_from_slice(&compressed);
    Some(packed)
}

/// Decompresses the rest of a row that [`pack_page`] packed.
pub(super) fn unpack(packed: &[u8]) -> io::Result<Vec<u8>> {
    let parts = packed.split_first_chunk::<4>();
    let (length, compressed) = parts.ok_or_else(|| io::Error::other("no length"))?;
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    decompress(compressed, length.min(MAX_DECOMPRESSED))
}

fn decompress(compressed: &[u8], max: usize) -> io::Result<Vec<u8>> {
    DECOMPRESSOR.with_borrow_mut(|decompressor| match decompressor {
        Some(decompressor) => decompressor.decompress(compressed, max),
        None => zstd::bulk::decompress(compressed, max),
    })
}
