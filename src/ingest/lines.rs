//! A body of NDJSON, line by line.

use bytes::{Buf, Bytes};

use crate::events::json::BYTE_ORDER_MARK;

/// The lines of a body, counted from 1. Blank lines are skipped and not counted. A byte order mark
/// at the start is skipped. A line may end with CR LF; the last one may end without a line end.
#[derive(Debug)]
pub(super) struct BodyLines {
    rest: Bytes,
    count: u64,
}

impl BodyLines {
    pub(super) fn of(mut body: Bytes) -> Self {
        if body.starts_with(BYTE_ORDER_MARK) {
            body.advance(BYTE_ORDER_MARK.len());
        }
        Self {
            rest: body,
            count: 0,
        }
    }

    /// Number of lines returned so far.
    pub(super) fn counted(&self) -> u64 {
        self.count
    }
}

impl Iterator for BodyLines {
    type Item = (u64, Bytes);

    fn next(&mut self) -> Option<(u64, Bytes)> {
        while self.rest.has_remaining() {
            let end = memchr::memchr(b'\n', &self.rest).unwrap_or(self.rest.len());
            let mut line = self.rest.split_to(end);
            self.rest.advance(self.rest.len().min(1));
            if line.ends_with(b"\r") {
                line.truncate(line.len().saturating_sub(1));
            }
            if !line.trim_ascii().is_empty() {
                self.count += 1;
                return Some((self.count, line));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(body: &[u8]) -> Vec<(u64, Vec<u8>)> {
        BodyLines::of(Bytes::copy_from_slice(body))
            .map(|(number, line)| (number, line.to_vec()))
            .collect()
    }

    #[test]
    fn blank_lines_are_not_counted() {
        assert_eq!(
            lines(b"\r\n a \r\n\n \t\nb\n\r\nc\r"),
            [(1, b" a ".to_vec()), (2, b"b".to_vec()), (3, b"c".to_vec())]
        );
        assert!(lines(b"").is_empty());
        assert!(lines(b"\n\n\r\n").is_empty());
    }

    #[test]
    fn byte_order_mark_is_skipped_at_the_start_only() {
        assert_eq!(
            lines(b"\xef\xbb\xbfa\nb"),
            [(1, b"a".to_vec()), (2, b"b".to_vec())]
        );
        assert_eq!(
            lines(b"\xef\xbb\xbf\n\xef\xbb\xbfa"),
            [(1, b"\xef\xbb\xbfa".to_vec())]
        );
        assert!(lines(b"\xef\xbb\xbf").is_empty());
    }

    proptest! {
        #[test]
        fn joined_lines_are_split_again(
            written in proptest::collection::vec("[a-z{}\u{ac00}]{1,20}", 0..20), crlf: bool, ended: bool,
        ) {
            let end = if crlf { "\r\n" } else { "\n" };
            let mut body = written.join(end);
            if ended {
                body.push_str(end);
            }
            let read: Vec<_> = lines(body.as_bytes()).into_iter().map(|(_, line)| line).collect();
            let expected: Vec<_> = written.iter().map(|line| line.as_bytes().to_vec()).collect();
            prop_assert_eq!(read, expected);
        }
    }
}
