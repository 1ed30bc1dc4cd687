//! Splits a file, a pipe or standard input into numbered lines of bounded length.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read as _, Seek as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Maximum length of a line, in bytes. A longer line is not sent; the server accepts 64 KiB.
pub(in crate::cli) const MAX_LINE_BYTES: u64 = 1024 * 1024;

/// The first bytes of every zstd frame.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The UTF-8 byte order mark, which some editors write at the start of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The input, which is read once or twice.
pub(in crate::cli) enum Input {
    /// A plain file, opened again each time.
    File(PathBuf),
    /// A copy of a stream, in an unnamed temporary file.
    Copy(File),
    /// A stream that can be read once, such as a pipe; `None` after it was read.
    Stream(Option<Box<dyn io::Read + Send>>),
}

/// A line as read.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) enum SourceRead {
    /// A line: its number in the input, from 1, and its bytes without the line end.
    Line { number: u64, bytes: Vec<u8> },
    /// A line of more than [`MAX_LINE_BYTES`].
    TooLong { number: u64 },
}

impl SourceRead {
    /// Size of the line in bytes.
    pub(in crate::cli) fn bytes(&self) -> usize {
        match self {
            Self::Line { bytes, .. } => bytes.len(),
            Self::TooLong { .. } => 0,
        }
    }
}

impl Input {
    /// The input at `path`; `-` is standard input. An input that can be read only once, such as a
    /// pipe, is copied to a temporary file when it is needed `twice`.
    pub(in crate::cli) fn of(path: &Path, twice: bool) -> anyhow::Result<Self> {
        let mut stream: Box<dyn io::Read + Send> = if path == Path::new("-") {
            Box::new(io::stdin())
        } else {
            let unreadable = || format!("{} cannot be opened", path.display());
            let found = std::fs::metadata(path).with_context(unreadable)?;
            anyhow::ensure!(
                !found.is_dir(),
                "{} is a folder; name a file of NDJSON, plain or zstd",
                path.display()
            );
            if found.is_file() {
                return Ok(Self::File(path.to_owned()));
            }
            Box::new(File::open(path).with_context(unreadable)?)
        };
        if !twice {
            return Ok(Self::Stream(Some(stream)));
        }
        let folder = std::env::temp_dir();
        let mut copy = tempfile::tempfile()
            .with_context(|| format!("no temporary file can be created in {}", folder.display()))?;
        io::copy(&mut stream, &mut copy).with_context(|| {
            format!(
                "{} cannot be copied to a temporary file in {}",
                path.display(),
                folder.display()
            )
        })?;
        Ok(Self::Copy(copy))
    }

    /// Iterates over the lines from the start. Blank lines are counted but not returned.
    pub(in crate::cli) fn lines(&mut self) -> anyhow::Result<SourceLines> {
        let raw: Box<dyn io::Read + Send> = match self {
            Self::File(path) => Box::new(
                File::open(&path)
                    .with_context(|| format!("{} cannot be opened", path.display()))?,
            ),
            Self::Copy(file) => {
                let mut again = file.try_clone()?;
                again.rewind()?;
                Box::new(again)
            }
            Self::Stream(stream) => stream.take().context("the input was read already")?,
        };
        SourceLines::of(raw)
    }
}

/// Iterates over lines; ends at the first error.
pub(in crate::cli) struct SourceLines {
    reader: Box<dyn BufRead + Send>,
    number: u64,
    ended: bool,
}

impl SourceLines {
    pub(super) fn of(mut raw: Box<dyn io::Read + Send>) -> anyhow::Result<Self> {
        let mut head = Vec::new();
        raw.as_mut().take(4).read_to_end(&mut head)?;
        let packed = head == ZSTD_MAGIC;
        let whole = Cursor::new(head).chain(raw);
        let reader: Box<dyn BufRead + Send> = if packed {
            Box::new(BufReader::with_capacity(
                256 * 1024,
                zstd::stream::read::Decoder::new(whole)?,
            ))
        } else {
            Box::new(BufReader::with_capacity(256 * 1024, whole))
        };
        Ok(Self {
            reader,
            number: 0,
            ended: false,
        })
    }

    fn read(&mut self) -> io::Result<Option<SourceRead>> {
        loop {
            let mut bytes = Vec::new();
            let max = MAX_LINE_BYTES.saturating_add(1);
            (&mut self.reader).take(max).read_until(b'\n', &mut bytes)?;
            if bytes.is_empty() {
                return Ok(None);
            }
            self.number = self.number.saturating_add(1);
            let number = self.number;
            if number == 1 && bytes.starts_with(BYTE_ORDER_MARK) {
                bytes.drain(..BYTE_ORDER_MARK.len());
            }
            if bytes.last() == Some(&b'\n') {
                bytes.pop();
            } else if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_LINE_BYTES) {
                self.skip_line()?;
                return Ok(Some(SourceRead::TooLong { number }));
            }
            if !bytes.trim_ascii().is_empty() {
                return Ok(Some(SourceRead::Line { number, bytes }));
            }
        }
    }

    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let buffer = self.reader.fill_buf()?;
            let length = buffer.len();
            match memchr::memchr(b'\n', buffer) {
                Some(position) => {
                    self.reader.consume(position.saturating_add(1));
                    return Ok(());
                }
                None if length == 0 => return Ok(()),
                None => self.reader.consume(length),
            }
        }
    }
}

impl Iterator for SourceLines {
    type Item = io::Result<SourceRead>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let read = self.read().transpose();
        self.ended = !matches!(read, Some(Ok(_)));
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(bytes: &[u8]) -> Input {
        Input::Stream(Some(Box::new(Cursor::new(bytes.to_vec()))))
    }

    fn lines(bytes: &[u8]) -> Vec<SourceRead> {
        let lines = input(bytes).lines().unwrap();
        lines.map(Result::unwrap).collect()
    }

    fn line(number: u64, text: &str) -> SourceRead {
        let bytes = text.as_bytes().to_vec();
        SourceRead::Line { number, bytes }
    }

    #[test]
    fn blank_lines_are_counted_but_not_returned() {
        assert_eq!(lines(b"a\n\n \t\r\nb"), [line(1, "a"), line(4, "b")]);
        assert_eq!(lines(b""), []);
        assert_eq!(lines(b"\n"), []);
    }

    #[test]
    fn a_byte_order_mark_is_skipped_at_the_start_only() {
        let read = lines(b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n");
        assert_eq!(read, [line(1, "a"), line(2, "\u{feff}b")]);
        assert_eq!(lines(b"\xef\xbb\xbf\nb"), [line(2, "b")]);
    }

    #[test]
    fn a_stream_that_is_needed_twice_is_copied() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        for twice in [false, true] {
            let path = pipe.clone();
            let writing = std::thread::spawn(move || std::fs::write(path, "a\nb\n"));
            let mut input = Input::of(&pipe, twice).unwrap();
            for _ in 0..1 + usize::from(twice) {
                let read: Vec<_> = input.lines().unwrap().map(Result::unwrap).collect();
                assert_eq!(read, [line(1, "a"), line(2, "b")]);
            }
            writing.join().unwrap().unwrap();
        }
    }

    #[test]
    fn compressed_input_gives_the_same_lines() {
        let packed = zstd::encode_all(&b"a\nb\n"[..], 3).unwrap();
        assert_eq!(lines(&packed), [line(1, "a"), line(2, "b")]);
    }

    #[test]
    fn endless_line_is_skipped_in_bounded_memory() {
        let longest = usize::try_from(MAX_LINE_BYTES).unwrap();
        let mut bytes = vec![b'x'; longest];
        bytes.extend_from_slice(b"\n");
        bytes.extend(std::iter::repeat_n(b'y', longest + 1));
        bytes.extend_from_slice(b"\nz");
        let read = lines(&bytes);
        assert!(
            matches!(&read[0], SourceRead::Line { number: 1, bytes } if bytes.len() == longest)
        );
        assert_eq!(read[1..], [SourceRead::TooLong { number: 2 }, line(3, "z")]);
    }

    #[test]
    fn damaged_zstd_ends_with_an_error() {
        let mut packed = zstd::encode_all(&b"a\nb\n"[..], 3).unwrap();
        packed.truncate(packed.len() - 3);
        let last = input(&packed).lines().unwrap().last();
        assert!(last.unwrap().is_err());
    }
}
