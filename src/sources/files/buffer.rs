//! A buffer in front of the text of a file: it can look ahead, take bytes back, and counts lines.

use std::io::{self, Read};

/// The size of reads, in bytes.
const READ_BYTES: usize = 64 * 1024;

/// How the text ended.
#[derive(Debug)]
pub(super) enum End {
    /// At its end.
    Complete,
    /// In an error of the file or its decoder.
    Failed(io::Error),
}

/// Buffered text.
pub(super) struct Buffer {
    from: Box<dyn Read + Send>,
    bytes: Vec<u8>,
    start: usize,
    line: u64,
    end: Option<End>,
}

impl Buffer {
    /// Nothing is read yet.
    pub(super) fn new(from: Box<dyn Read + Send>) -> Self {
        Self {
            from,
            bytes: Vec::new(),
            start: 0,
            line: 1,
            end: None,
        }
    }

    /// The bytes that were read and not consumed; none at the end. Reads when there are none.
    pub(super) fn chunk(&mut self) -> &[u8] {
        self.ahead(1)
    }

    /// At least `count` unconsumed bytes, fewer only at the end.
    pub(super) fn ahead(&mut self, count: usize) -> &[u8] {
        while self.bytes.len().saturating_sub(self.start) < count && self.end.is_none() {
            self.read();
        }
        self.bytes.get(self.start..).unwrap_or_default()
    }

    fn read(&mut self) {
        self.bytes.drain(..self.start);
        self.start = 0;
        let before = self.bytes.len();
        self.bytes.resize(before.saturating_add(READ_BYTES), 0);
        let room = self.bytes.get_mut(before..).unwrap_or_default();
        let read = loop {
            match self.from.read(room) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        match &read {
            Ok(count) => self.bytes.truncate(before.saturating_add(*count)),
            Err(_) => self.bytes.truncate(before),
        }
        match read {
            Ok(0) => self.end = Some(End::Complete),
            Ok(_) => {}
            Err(error) => self.end = Some(End::Failed(error)),
        }
    }

    /// Drops the next `count` bytes.
    pub(super) fn consume(&mut self, count: usize) {
        let end = self.start.saturating_add(count).min(self.bytes.len());
        let consumed = self.bytes.get(self.start..end).unwrap_or_default();
        self.line = self.line.saturating_add(newlines(consumed));
        self.start = end;
    }

    /// Puts consumed bytes back in front.
    pub(super) fn put_back(&mut self, bytes: &[u8]) {
        self.line = self.line.saturating_sub(newlines(bytes));
        self.bytes.splice(..self.start, bytes.iter().copied());
        self.start = 0;
    }

    /// Counts a line that does not end with a newline, but with a carriage return.
    pub(super) fn count_line(&mut self) {
        self.line = self.line.saturating_add(1);
    }

    /// The line of the next byte, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Whether the text ended in an error.
    pub(super) fn has_failed(&self) -> bool {
        matches!(self.end, Some(End::Failed(_)))
    }

    /// How the text ended, once it has.
    pub(super) fn take_end(&mut self) -> Option<End> {
        self.end.take()
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    u64::try_from(memchr::memchr_iter(b'\n', bytes).count()).unwrap_or(u64::MAX)
}

#[cfg(test)]
impl Buffer {
    /// Text that is read in pieces of at most `step` bytes.
    pub(super) fn of_test(text: &[u8], step: usize) -> Self {
        struct Steps(io::Cursor<Vec<u8>>, usize);
        impl Read for Steps {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                let count = into.len().min(self.1);
                self.0.read(&mut into[..count])
            }
        }
        Self::new(Box::new(Steps(io::Cursor::new(text.to_vec()), step)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_over_consumed_and_returned_bytes() {
        let mut buffer = Buffer::of_test(b"a\nb\nc", 2);
        assert_eq!(buffer.ahead(4), b"a\nb\n");
        buffer.consume(3);
        assert_eq!(buffer.line(), 2);
        buffer.put_back(b"\nb");
        assert_eq!((buffer.line(), buffer.ahead(99)), (1, &b"\nb\nc"[..]));
        buffer.consume(99);
        assert_eq!((buffer.line(), buffer.chunk().len()), (3, 0));
        assert!(matches!(buffer.take_end(), Some(End::Complete)));
    }
}
