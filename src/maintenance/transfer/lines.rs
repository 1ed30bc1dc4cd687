//! Reads the lines of an export, and counts and hashes them.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::ndjson::{Closing, Digests, Header, MAX_LINE_BYTES, Parsed};
use crate::maintenance::TransferError;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The lines of an export, with the digest of the lines read so far.
pub(super) struct ExportLines {
    path: PathBuf,
    reader: Box<dyn BufRead + Send>,
    line: Vec<u8>,
    /// The number of the last line read, from 1.
    number: u64,
    digests: Digests,
}

impl ExportLines {
    /// The lines of a file.
    pub(crate) fn open(path: &Path) -> Result<Self, TransferError> {
        let file = File::open(path).map_err(TransferError::file("open", path))?;
        Self::over(Box::new(file), path)
    }

    /// The lines of a stream. Recognizes zstd by its magic number, whatever the name.
    pub(crate) fn over(stream: Box<dyn Read + Send>, path: &Path) -> Result<Self, TransferError> {
        const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
        let mut buffered = BufReader::with_capacity(256 * 1024, stream);
        let failed = || TransferError::file("read", path);
        let compressed = buffered
            .fill_buf()
            .map_err(failed())?
            .starts_with(&ZSTD_MAGIC);
        let reader: Box<dyn BufRead + Send> = if compressed {
            let decoder = zstd::stream::read::Decoder::with_buffer(buffered).map_err(failed())?;
            Box::new(BufReader::with_capacity(256 * 1024, decoder))
        } else {
            Box::new(buffered)
        };
        Ok(Self {
            path: path.into(),
            reader,
            line: Vec::new(),
            number: 0,
            digests: Digests::default(),
        })
    }

    /// The name of the file or stream, for errors.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Number of counted record lines.
    pub(crate) const fn records(&self) -> u64 {
        self.digests.count
    }

    /// The next line without its line end; `None` at the end, or where a line is incomplete.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>, TransferError> {
        self.line.clear();
        let max = MAX_LINE_BYTES as u64;
        let read = (&mut self.reader)
            .take(max)
            .read_until(b'\n', &mut self.line);
        match read {
            Ok(_) => {}
            // An incomplete zstd frame ends like a file.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(TransferError::file("read", &self.path)(error)),
        }
        if let Some(line) = self.line.strip_suffix(b"\n") {
            self.number = self.number.saturating_add(1);
            return Ok(Some(line));
        }
        if self.line.len() >= MAX_LINE_BYTES {
            let what = format!("it is longer than {MAX_LINE_BYTES} bytes");
            return Err(self.wrong_at(self.number.saturating_add(1), what));
        }
        Ok(None)
    }

    /// Reads the first line.
    pub(crate) fn header(&mut self) -> Result<Header, TransferError> {
        let is_begun = self.next()?.is_some();
        // An editor may have added a byte order mark.
        if self.line.starts_with(BYTE_ORDER_MARK) {
            self.line.drain(..BYTE_ORDER_MARK.len());
        }
        let header = match self.line.strip_suffix(b"\n").filter(|_| is_begun) {
            Some(line) => Header::parse(line),
            None => Err("the first line is incomplete".into()),
        };
        let header = header.map_err(|what| self.wrong_at(1, what))?;
        self.digests.header(&self.line);
        Ok(header)
    }

    /// Counts the last line read as a record line.
    pub(crate) fn count(&mut self) {
        self.digests.record(&self.line);
    }

    /// Counts the last line read, after it was parsed.
    pub(crate) fn record(
        &mut self,
        parsed: Result<Parsed, String>,
    ) -> Result<Parsed, TransferError> {
        let parsed = parsed.map_err(|what| self.wrong_at(self.number, what))?;
        let sequence = parsed.sequence;
        if sequence <= self.digests.last {
            let what = format!("sequence {sequence} follows {}", self.digests.last);
            return Err(self.wrong_at(self.number, what));
        }
        self.count();
        self.digests.last = sequence;
        Ok(parsed)
    }

    /// Checks the closing line against the lines before it, and that no line follows it.
    pub(crate) fn end(&mut self, closing: &Closing) -> Result<(), TransferError> {
        let mut right = self.digests.closing();
        if right.last == 0 {
            // `check_export` does not parse the record lines, so their last sequence is not known.
            right.last = closing.last;
        }
        if right != *closing {
            return Err(TransferError::Digest {
                path: self.path.clone(),
            });
        }
        if self.next()?.is_some() || !self.line.is_empty() {
            let number = self.number;
            return Err(self.wrong_at(number, "the closing line is not the last one".into()));
        }
        Ok(())
    }

    /// The error of an export without a closing line.
    pub(super) fn cut_short(&self) -> TransferError {
        TransferError::CutShort {
            path: self.path.clone(),
            records: self.digests.count,
        }
    }

    fn wrong_at(&self, line: u64, what: String) -> TransferError {
        TransferError::line(&self.path, line, what)
    }
}
