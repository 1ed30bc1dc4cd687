//! The two logs of a source: what happened to its connections, and the rejected records.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::StateError;
use crate::events::Timestamp;

/// Size at which a log is moved aside, in bytes. One earlier part is kept.
const MAX_LOG_BYTES: u64 = 64 * 1024 * 1024;
/// Maximum number of bytes of a record in the rejected log.
const MAX_RAW_BYTES: usize = 64 * 1024;

/// A line of `log.ndjson`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogEntry {
    /// `source.gap`, `source.gap_closed`, `source.started`, `source.connected`,
    /// `source.disconnected`, `source.rules` or `source.stopped`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The name of the source.
    pub source: String,
    /// When it happened.
    #[serde(serialize_with = "as_text")]
    pub at: Timestamp,
    /// Further members.
    #[serde(flatten)]
    pub members: serde_json::Map<String, serde_json::Value>,
}

/// A line of `rejected.ndjson`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedEntry {
    /// When the record was rejected, in RFC 3339.
    pub at: String,
    /// Why.
    pub reason: String,
    /// Where the record came from: a stream, a search, or a file with its line.
    #[serde(rename = "where")]
    pub place: String,
    /// The record, at most 64 KiB of it; base64 when `encoding` says so.
    pub raw: String,
    /// `base64` when the record is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// True when only the beginning of the record is kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

fn as_text<S: serde::Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

impl RejectedEntry {
    /// The entry of a record.
    pub fn new(at: Timestamp, reason: &str, place: &str, raw: &[u8]) -> Self {
        let (kept, cut) = match raw.get(..MAX_RAW_BYTES) {
            Some(kept) if raw.len() > MAX_RAW_BYTES => (kept, true),
            _ => (raw, false),
        };
        // A cut inside of a character leaves a text that is not UTF-8; it is kept up to there.
        let text = match std::str::from_utf8(kept) {
            Ok(text) => Some(text),
            Err(error) if cut && error.error_len().is_none() => {
                let whole = kept.get(..error.valid_up_to()).unwrap_or_default();
                std::str::from_utf8(whole).ok()
            }
            Err(_) => None,
        };
        Self {
            at: at.to_string(),
            reason: reason.to_owned(),
            place: place.to_owned(),
            raw: text.map_or_else(|| STANDARD.encode(kept), str::to_owned),
            encoding: text.is_none().then(|| "base64".to_owned()),
            cut,
        }
    }

    /// The record; `None` when it was cut or is not decodable.
    pub fn record(&self) -> Option<Bytes> {
        match &self.encoding {
            _ if self.cut => None,
            None => Some(Bytes::from(self.raw.clone())),
            Some(_) => STANDARD.decode(&self.raw).ok().map(Bytes::from),
        }
    }
}

/// Reads a rejected log. A line that is no entry is given as it is.
///
/// # Errors
/// [`StateError::File`].
pub fn read_rejected(path: &Path) -> Result<Vec<Result<RejectedEntry, String>>, StateError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StateError::file(path, error)),
    };
    let mut entries = Vec::new();
    for line in BufReader::new(file).lines() {
        let line = line.map_err(|error| StateError::file(path, error))?;
        entries.push(serde_json::from_str(&line).map_err(|_| line));
    }
    Ok(entries)
}

/// A log of JSON lines that is moved aside when it is large.
#[derive(Debug)]
pub(super) struct JsonLog {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl JsonLog {
    /// Opens or creates the log. A torn line at its end is ended, so that it stays alone.
    pub(super) fn open(path: PathBuf) -> Result<Self, StateError> {
        let fail = |error| StateError::file(&path, error);
        let mut file = append_to(&path).map_err(fail)?;
        let bytes = file.metadata().map_err(fail)?.len();
        if bytes > 0 && !ends_with_newline(&path).map_err(fail)? {
            file.write_all(b"\n").map_err(fail)?;
        }
        Ok(Self { path, file, bytes })
    }

    /// Appends a line.
    pub(super) fn append(&mut self, entry: &impl Serialize) -> Result<(), StateError> {
        let mut line = serde_json::to_vec(entry).unwrap_or_default();
        line.push(b'\n');
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        if self.bytes.saturating_add(length) > MAX_LOG_BYTES {
            let aside = self.path.with_extension("1.ndjson");
            let moved = std::fs::rename(&self.path, aside).and_then(|()| append_to(&self.path));
            self.file = moved.map_err(|error| StateError::file(&self.path, error))?;
            self.bytes = 0;
        }
        let written = self.file.write_all(&line);
        written.map_err(|error| StateError::file(&self.path, error))?;
        self.bytes = self.bytes.saturating_add(length);
        Ok(())
    }

    /// Makes what was appended durable.
    pub(super) fn sync(&self) -> Result<(), StateError> {
        let synced = self.file.sync_data();
        synced.map_err(|error| StateError::file(&self.path, error))
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

fn ends_with_newline(path: &Path) -> io::Result<bool> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_417_200_000);

    #[test]
    fn rejected_record_is_kept_as_text_or_base64_up_to_its_limit() {
        let text = RejectedEntry::new(NOW, "r", "w", "{\"텍\"".as_bytes());
        assert_eq!(text.record().unwrap(), "{\"텍\"".as_bytes());
        let bytes = RejectedEntry::new(NOW, "r", "w", b"\xff\x00");
        assert_eq!(bytes.encoding.as_deref(), Some("base64"));
        assert_eq!(bytes.record().unwrap(), &b"\xff\x00"[..]);
        let long = "텍".repeat(30_000);
        let cut = RejectedEntry::new(NOW, "r", "w", long.as_bytes());
        assert!(cut.cut && cut.raw.len() <= MAX_RAW_BYTES && long.starts_with(&cut.raw));
        assert_eq!(cut.record(), None);
    }

    #[test]
    fn torn_line_stays_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rejected.ndjson");
        std::fs::write(&path, "{\"at\":\"to").unwrap();
        let mut log = JsonLog::open(path.clone()).unwrap();
        let entry = RejectedEntry::new(NOW, "r", "w", b"{}");
        log.append(&entry).unwrap();
        log.sync().unwrap();
        let read = read_rejected(&path).unwrap();
        assert_eq!(read, [Err("{\"at\":\"to".to_owned()), Ok(entry)]);
    }
}
