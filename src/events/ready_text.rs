//! Finds the part of a text that is in normal form already.

/// Size of a block, in bytes. Checking ASCII at the start of a text in blocks is faster than
/// checking it byte by byte.
const BLOCK_BYTES: usize = 16;

/// Returns the number of bytes at the start of `text`, at most `room`, that are in normal form
/// except for their ASCII case, whatever text follows. They are Hangul syllables, and ASCII with
/// single spaces inside. Most texts consist mostly of such bytes.
pub(super) fn ready(text: &str, room: usize) -> usize {
    let bytes = text.as_bytes();
    // A character may combine with the next one, so it is ready only when the next one is read.
    let mut end = plain_blocks(bytes, room) * BLOCK_BYTES;
    let mut ready = end.saturating_sub(1);
    while let Some(byte) = bytes.get(end) {
        let length = match byte {
            b'!'..=b'~' => 1,
            b' ' if end > 0 && bytes.get(end + 1).is_some_and(|next| *next > b' ') => 1,
            0xea..=0xed if is_hangul_syllable(bytes, end) => 3,
            _ => return ready,
        };
        if end + length > room {
            return ready;
        }
        ready = end;
        end += length;
    }
    end
}

/// Number of blocks at the start of a text, in at most `room` bytes, that are ASCII with single
/// spaces inside. At least one byte follows each counted block.
fn plain_blocks(bytes: &[u8], room: usize) -> usize {
    if bytes.first() == Some(&b' ') {
        return 0;
    }
    let is_plain =
        |(byte, next): (&u8, &u8)| matches!(byte, b' '..=b'~') & ((*byte != b' ') | (*next > b' '));
    let next = bytes.get(1..).unwrap_or_default();
    let blocks = bytes
        .chunks_exact(BLOCK_BYTES)
        .zip(next.chunks_exact(BLOCK_BYTES));
    blocks
        .take(room / BLOCK_BYTES)
        .take_while(|(block, next)| {
            // The fold always reads the whole block, so that the compiler can vectorize it.
            let pairs = block.iter().zip(*next);
            pairs.fold(true, |is_so, pair| is_so & is_plain(pair))
        })
        .count()
}

/// Whether a Hangul syllable (U+AC00..=U+D7A3) stands at a position where a character begins.
fn is_hangul_syllable(bytes: &[u8], position: usize) -> bool {
    match bytes.get(position..position + 3) {
        Some([0xea, second, _]) => *second >= 0xb0,
        Some([0xeb | 0xec, _, _]) => true,
        Some([0xed, second, third]) => *second < 0x9e || (*second == 0x9e && *third <= 0xa3),
        _ => false,
    }
}
