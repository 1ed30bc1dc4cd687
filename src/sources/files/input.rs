//! Opens a file or the standard input, counts what is read of it, and decompresses it by content.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use flate2::bufread::MultiGzDecoder;
use serde::{Deserialize, Serialize};

use super::FileError;

/// The first bytes of a gz file.
const GZ: &[u8] = &[0x1f, 0x8b];
/// The first bytes of a zstd frame.
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// The largest window of a zstd file that is read, as a power of 2: 128 MiB, the limit of the zstd
/// program.
const MAX_ZSTD_WINDOW_LOG: u32 = 27;
/// The size of reads from the file, in bytes.
const READ_BYTES: usize = 64 * 1024;

/// A file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileInput {
    /// A file.
    Path(PathBuf),
    /// The standard input.
    Stdin,
}

/// Identifies the content of a file, so that a later run can go on where an earlier one ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileIdentity {
    /// The path as given.
    pub path: PathBuf,
    /// The size in bytes.
    pub size: u64,
    /// The time of the last change, in milliseconds since 1970.
    pub mtime: u64,
}

/// What is known of the reading from outside the decoders.
#[derive(Debug, Default)]
pub(super) struct Progress {
    bytes: AtomicU64,
    has_failed: AtomicBool,
}

impl Progress {
    /// The number of bytes that were read of the file, before decompression.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether the system failed to read the file. An error without such a failure is one of the
    /// decoder.
    pub(super) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }
}

/// The decompressed bytes of a file.
pub(super) struct Opened {
    /// The bytes.
    pub(super) bytes: Box<dyn Read + Send>,
    /// Counts what was read.
    pub(super) progress: Arc<Progress>,
}

impl FileInput {
    /// The input that an argument names; `-` is the standard input.
    pub fn named(path: &Path) -> Self {
        if path == Path::new("-") {
            Self::Stdin
        } else {
            Self::Path(path.to_owned())
        }
    }

    /// The name for messages.
    pub fn name(&self) -> String {
        match self {
            Self::Path(path) => path.display().to_string(),
            Self::Stdin => "standard input".to_owned(),
        }
    }

    /// The identity of a regular file; `None` for the standard input, pipes and devices.
    ///
    /// # Errors
    /// [`FileError::Unreadable`].
    pub fn identity(&self) -> Result<Option<FileIdentity>, FileError> {
        let Self::Path(path) = self else {
            return Ok(None);
        };
        let metadata = std::fs::metadata(path).map_err(|error| self.unreadable(error))?;
        if !metadata.is_file() {
            return Ok(None);
        }
        let changed = metadata.modified().ok();
        let age = changed.and_then(|changed| changed.duration_since(UNIX_EPOCH).ok());
        let mtime = age.map_or(0, |age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
        Ok(Some(FileIdentity {
            path: path.clone(),
            size: metadata.len(),
            mtime,
        }))
    }

    /// Opens the input.
    ///
    /// # Errors
    /// [`FileError::Unreadable`].
    pub(super) fn open(&self) -> Result<Opened, FileError> {
        let raw: Box<dyn Read + Send> = match self {
            Self::Path(path) => Box::new(File::open(path).map_err(|error| self.unreadable(error))?),
            Self::Stdin => Box::new(io::stdin()),
        };
        decompressed(raw).map_err(|error| self.unreadable(error))
    }

    fn unreadable(&self, error: io::Error) -> FileError {
        FileError::Unreadable {
            file: self.name(),
            error,
        }
    }
}

/// Decompresses bytes that are gz or zstd by their first bytes; others stay as they are.
///
/// # Errors
/// Errors of reading the first bytes.
pub(super) fn decompressed(raw: Box<dyn Read + Send>) -> io::Result<Opened> {
    let progress = Arc::new(Progress::default());
    let counted = Counted {
        raw,
        progress: Arc::clone(&progress),
    };
    let mut counted = BufReader::with_capacity(READ_BYTES, counted);
    let mut first = Vec::with_capacity(ZSTD.len());
    let longest = u64::try_from(ZSTD.len()).unwrap_or_default();
    (&mut counted).take(longest).read_to_end(&mut first)?;
    let is_gz = first.starts_with(GZ);
    let is_zstd = first == ZSTD;
    let whole = io::Cursor::new(first).chain(counted);
    let bytes: Box<dyn Read + Send> = if is_gz {
        Box::new(MultiGzDecoder::new(whole))
    } else if is_zstd {
        let mut decoder = zstd::stream::read::Decoder::with_buffer(whole)?;
        decoder.window_log_max(MAX_ZSTD_WINDOW_LOG)?;
        Box::new(decoder)
    } else {
        Box::new(whole)
    };
    Ok(Opened { bytes, progress })
}

/// Counts the bytes that are read.
struct Counted {
    raw: Box<dyn Read + Send>,
    progress: Arc<Progress>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.raw.read(into).inspect_err(|error| {
            let is_final = error.kind() != io::ErrorKind::Interrupted;
            self.progress
                .has_failed
                .fetch_or(is_final, Ordering::Relaxed);
        })?;
        let count = u64::try_from(read).unwrap_or(u64::MAX);
        self.progress.bytes.fetch_add(count, Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gz(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn read(raw: Vec<u8>) -> (String, u64) {
        let mut opened = decompressed(Box::new(io::Cursor::new(raw))).unwrap();
        let mut text = String::new();
        opened.bytes.read_to_string(&mut text).unwrap();
        (text, opened.progress.bytes())
    }

    #[test]
    fn compression_is_found_by_content_and_all_members_are_read() {
        let two = [gz("first\n"), gz("second\n")].concat();
        let size = u64::try_from(two.len()).unwrap();
        assert_eq!(read(two), ("first\nsecond\n".to_owned(), size));
        let frames = ["one\n", "two\n"].map(|text| zstd::encode_all(text.as_bytes(), 1).unwrap());
        assert_eq!(read(frames.concat()).0, "one\ntwo\n");
        assert_eq!(read(b"plain".to_vec()), ("plain".to_owned(), 5));
        assert_eq!(read(b"a".to_vec()).0, "a");
        assert_eq!(read(Vec::new()).0, "");
    }

    #[test]
    fn identity_names_size_and_time_of_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("posts.csv");
        std::fs::write(&path, "12345").unwrap();
        let identity = FileInput::named(&path).identity().unwrap().unwrap();
        assert_eq!((identity.path, identity.size), (path, 5));
        assert!(identity.mtime > 1_600_000_000_000);
        assert_eq!(FileInput::named(Path::new("-")).identity().unwrap(), None);
    }
}
