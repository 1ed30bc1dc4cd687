//! Splits text into lines.

use super::buffer::Buffer;
use super::piece::{Growing, MAX_PAGE_BYTES, Piece};

/// Returns the next line that is not blank; `None` at the end. A last line without a newline
/// counts, unless the text ended in an error: then it is not whole.
pub(super) fn next_line(buffer: &mut Buffer) -> Option<Piece> {
    loop {
        let mut line = Growing::new(buffer.line(), MAX_PAGE_BYTES);
        let is_terminated = read_line(buffer, &mut line);
        let is_whole = is_terminated || !buffer.has_failed();
        if !line.bytes().trim_ascii().is_empty() && is_whole {
            return Some(trimmed(line.finish()));
        }
        if !is_terminated {
            return None;
        }
    }
}

/// Reads through the next newline, which is dropped. Returns whether there was one.
fn read_line(buffer: &mut Buffer, line: &mut Growing) -> bool {
    loop {
        let chunk = buffer.chunk();
        if chunk.is_empty() {
            return false;
        }
        if let Some(end) = memchr::memchr(b'\n', chunk) {
            line.push(chunk.get(..end).unwrap_or_default());
            buffer.consume(end.saturating_add(1));
            return true;
        }
        line.push(chunk);
        let count = chunk.len();
        buffer.consume(count);
    }
}

fn trimmed(mut piece: Piece) -> Piece {
    let text = piece.bytes.trim_ascii();
    piece.bytes = piece.bytes.slice_ref(text);
    piece
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8], step: usize) -> Vec<(u64, String)> {
        let mut buffer = Buffer::of_test(text, step);
        let lines = std::iter::from_fn(|| next_line(&mut buffer));
        let shown = |piece: Piece| String::from_utf8(piece.bytes.to_vec()).unwrap();
        lines.map(|piece| (piece.line, shown(piece))).collect()
    }

    #[test]
    fn lines_are_found_whatever_the_reads() {
        let text = b"\n{\"a\":1}\r\n  \r\n\n{\"b\":2}\nlast";
        for step in [1, 2, 3, 7, 100] {
            let found = lines(text, step);
            let expected = [(2, "{\"a\":1}"), (5, "{\"b\":2}"), (6, "last")];
            assert_eq!(found, expected.map(|(line, text)| (line, text.to_owned())));
        }
    }

    #[test]
    fn line_over_the_limit_is_rejected_and_the_next_one_read() {
        let text = [vec![b'x'; MAX_PAGE_BYTES + 1], b"\nnext\n".to_vec()].concat();
        let mut buffer = Buffer::of_test(&text, 100_000);
        let first = next_line(&mut buffer).unwrap();
        assert!(first.fault.is_some() && first.bytes.len() < 100_000);
        let second = next_line(&mut buffer).unwrap();
        assert_eq!((second.line, &second.bytes[..]), (2, &b"next"[..]));
    }
}
