//! Lines of a stream, put together from pieces of any size.
//!
//! In: the bytes of a body as they arrive. Out: lines without their breaks (`\n` or `\r\n`). A line
//! that is too long is reported when it ends, and only its beginning is kept, so the memory is
//! bounded. A line without a break at the end of the body was never complete and is not given out.

use bytes::Bytes;

/// Maximum length of a line, in bytes, without its break.
const MAX_LINE_BYTES: usize = 1024 * 1024;
/// Length of the beginning of a line that is too long, in bytes. The rejected log keeps as much.
const KEPT_BYTES: usize = 64 * 1024;

/// Puts lines together.
#[derive(Debug)]
pub(super) struct LineSplitter {
    max: usize,
    kept: usize,
    /// The part of the line that has arrived, or the beginning of one that is too long.
    partial: Vec<u8>,
    /// The number of bytes of the line that have arrived.
    length: usize,
    /// The last byte of the line that has arrived.
    last: Option<u8>,
}

/// A line that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// A line without content: a keep-alive.
    Blank,
    /// A line.
    Whole(Bytes),
    /// A line that is too long.
    TooLong {
        /// Its beginning.
        beginning: Bytes,
        /// Its length, in bytes.
        length: usize,
    },
}

impl Default for LineSplitter {
    fn default() -> Self {
        Self::with_limits(MAX_LINE_BYTES, KEPT_BYTES)
    }
}

impl LineSplitter {
    fn with_limits(max: usize, kept: usize) -> Self {
        Self {
            max,
            kept,
            partial: Vec::new(),
            length: 0,
            last: None,
        }
    }

    /// Takes the next bytes; returns the lines that end in them.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut pieces = bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            self.extend(piece);
            if pieces.peek().is_some() {
                lines.push(self.end());
            }
        }
        lines
    }

    fn extend(&mut self, piece: &[u8]) {
        self.length = self.length.saturating_add(piece.len());
        self.last = piece.last().copied().or(self.last);
        // One byte more than a line can have: `\r` is not known to be a break before `\n` arrives.
        if self.length > self.max.saturating_add(1) {
            let room = self.kept.saturating_sub(self.partial.len());
            let beginning = piece.get(..room.min(piece.len())).unwrap_or_default();
            self.partial.extend_from_slice(beginning);
            self.partial.truncate(self.kept);
            self.partial.shrink_to_fit();
        } else {
            self.partial.extend_from_slice(piece);
        }
    }

    fn end(&mut self) -> Line {
        let mut line = std::mem::take(&mut self.partial);
        let mut length = std::mem::take(&mut self.length);
        if self.last.take() == Some(b'\r') {
            if line.len() == length {
                line.pop();
            }
            length = length.saturating_sub(1);
        }
        if length > self.max {
            line.truncate(self.kept);
            let beginning = line.into();
            return Line::TooLong { beginning, length };
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            return Line::Blank;
        }
        Line::Whole(line.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// The lines of `bytes`, which arrive in pieces of these lengths.
    fn split(max: usize, bytes: &[u8], lengths: &[usize]) -> Vec<Line> {
        let mut splitter = LineSplitter::with_limits(max, 3);
        let mut lines = Vec::new();
        let mut rest = bytes;
        for length in lengths {
            let (piece, behind) = rest.split_at((*length).min(rest.len()));
            lines.extend(splitter.push(piece));
            rest = behind;
        }
        lines.extend(splitter.push(rest));
        lines
    }

    fn whole(text: &'static str) -> Line {
        Line::Whole(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn line_is_too_long_from_one_byte_over_the_limit_on() {
        let too_long = |length| Line::TooLong {
            beginning: Bytes::from_static(b"abc"),
            length,
        };
        for (text, line) in [
            ("abcde\n", whole("abcde")),
            ("abcde\r\n", whole("abcde")),
            ("abcdef\n", too_long(6)),
            ("abcdef\r\n", too_long(6)),
            ("abcdefghijk\n", too_long(11)),
        ] {
            for length in 1..=text.len() {
                let lengths = vec![length; text.len()];
                let lines = split(5, text.as_bytes(), &lengths);
                assert_eq!(lines, std::slice::from_ref(&line), "{text:?} by {length}");
            }
        }
    }

    #[test]
    fn line_that_is_too_long_takes_no_memory_and_the_next_one_is_read() {
        let mut splitter = LineSplitter::default();
        let piece = vec![b'a'; 100_000];
        for _ in 0..100 {
            assert_eq!(splitter.push(&piece), []);
            assert!(splitter.partial.capacity() <= 2 * MAX_LINE_BYTES);
        }
        let lines = splitter.push(b"\r\nnext\r\n\r\nhalf");
        let [Line::TooLong { beginning, length }, next, Line::Blank] = lines.as_slice() else {
            panic!("{lines:?}");
        };
        assert_eq!((beginning.len(), *length / 1_000), (KEPT_BYTES, 10_000));
        assert_eq!(*next, whole("next"));
    }

    proptest! {
        #[test]
        fn lines_are_the_same_whatever_the_pieces(
            texts in vec("[a-c가 ]{0,12}", 0..8),
            breaks in vec(prop_oneof![Just("\n"), Just("\r\n")], 8),
            half in "[a-c]{0,5}",
            lengths in vec(0_usize..7, 0..40),
        ) {
            let mut bytes = String::new();
            let mut expected = Vec::new();
            for (text, end) in texts.iter().zip(&breaks) {
                bytes.push_str(text);
                bytes.push_str(end);
                expected.push(match text.trim().is_empty() {
                    true => Line::Blank,
                    false => Line::Whole(Bytes::from(text.clone())),
                });
            }
            bytes.push_str(&half);
            prop_assert_eq!(split(1_000, bytes.as_bytes(), &lengths), expected);
        }
    }
}
