//! Reads files in order on a thread of its own, ahead of what is published.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::super::clock;
use super::done::{DoneFiles, OpenFile, Place};
use crate::sources::{FileError, FileInput, FileOptions, FileReader, FileRecord, SourceRecord};

/// Maximum number of records that are read ahead.
const AHEAD: usize = 1_000;

/// What the thread passes on.
#[derive(Debug)]
pub(super) enum Read {
    /// A record that is not done yet.
    Record(Place, SourceRecord),
    /// A file could not be read, or not to its end.
    Failed(FileError),
}

/// The reading thread.
#[derive(Debug)]
pub(super) struct Reading {
    /// The records, then the end.
    pub(super) read: mpsc::Receiver<Read>,
    /// The thread. It can block for ever on the standard input.
    pub(super) thread: JoinHandle<()>,
    /// The size of all files in bytes; `None` when one of them is a pipe.
    pub(super) total: Option<u64>,
    /// The number of bytes that were read of all files, before decompression.
    pub(super) bytes: Arc<AtomicU64>,
}

/// Begins to read. Records that are done are skipped.
pub(super) fn start(inputs: Vec<FileInput>, options: FileOptions, done: DoneFiles) -> Reading {
    let (send, read) = mpsc::channel(AHEAD);
    let bytes = Arc::new(AtomicU64::new(0));
    let total = total_of(&inputs);
    let job = Job {
        options,
        done,
        send,
        bytes: Arc::clone(&bytes),
    };
    Reading {
        read,
        thread: tokio::task::spawn_blocking(move || job.run(&inputs)),
        total,
        bytes,
    }
}

fn total_of(inputs: &[FileInput]) -> Option<u64> {
    let mut total = 0_u64;
    for input in inputs {
        total = total.saturating_add(input.identity().ok()??.size);
    }
    Some(total)
}

/// What the thread needs.
struct Job {
    options: FileOptions,
    done: DoneFiles,
    send: mpsc::Sender<Read>,
    bytes: Arc<AtomicU64>,
}

impl Job {
    /// Reads the files. A file that is torn does not keep the next one from being read; a wrong
    /// argument does.
    fn run(&self, inputs: &[FileInput]) {
        for input in inputs {
            let Err(error) = self.read(input) else {
                continue;
            };
            let is_usage = matches!(error, FileError::Usage(_));
            let sent = self.send.blocking_send(Read::Failed(error));
            if is_usage || sent.is_err() {
                return;
            }
        }
    }

    fn read(&self, input: &FileInput) -> Result<(), FileError> {
        let mut reader = FileReader::open(input, &self.options, &clock())?;
        let before = self.bytes.load(Ordering::Relaxed);
        let file = Arc::new(OpenFile {
            name: input.name(),
            identity: reader.identity().cloned(),
        });
        let identity = file.identity.as_ref();
        let skipped = identity.map_or(0, |identity| self.done.records_of(identity));
        while let Some(record) = reader.next_record() {
            let position = before.saturating_add(reader.bytes_read());
            self.bytes.store(position, Ordering::Relaxed);
            let FileRecord {
                number,
                line,
                record,
            } = record?;
            // A receiver that is closed wants no further record, done or not.
            if self.send.is_closed() {
                return Ok(());
            }
            if number <= skipped {
                continue;
            }
            let file = Arc::clone(&file);
            let place = Place { file, number, line };
            if self
                .send
                .blocking_send(Read::Record(place, record))
                .is_err()
            {
                return Ok(());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"data":{"id":"1","text":"갤럭시","created_at":"2026-01-01T00:00:00Z"}}"#;

    fn options() -> FileOptions {
        FileOptions::default()
    }

    async fn all(mut reading: Reading) -> (Vec<(String, u64)>, Vec<FileError>) {
        let (mut records, mut errors) = (Vec::new(), Vec::new());
        while let Some(read) = reading.read.recv().await {
            match read {
                Read::Record(place, _) => records.push((place.file.name.clone(), place.number)),
                Read::Failed(error) => errors.push(error),
            }
        }
        (records, errors)
    }

    #[tokio::test]
    async fn missing_file_does_not_keep_the_next_one_from_being_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.ndjson");
        std::fs::write(&path, format!("{LINE}\n{LINE}\n")).unwrap();
        let inputs = [folder.path().join("none.ndjson"), path.clone()];
        let inputs: Vec<FileInput> = inputs.iter().map(|path| FileInput::named(path)).collect();
        let (records, errors) = all(start(inputs, options(), DoneFiles::default())).await;
        let name = path.display().to_string();
        assert_eq!(records, [(name.clone(), 1), (name, 2)]);
        assert!(matches!(errors.as_slice(), [FileError::Unreadable { .. }]));
    }

    #[tokio::test]
    async fn done_records_are_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.ndjson");
        std::fs::write(&path, format!("{LINE}\n{LINE}\n{LINE}\n")).unwrap();
        let input = FileInput::named(&path);
        let file = Arc::new(OpenFile {
            name: input.name(),
            identity: input.identity().unwrap(),
        });
        let mut done = DoneFiles::default();
        done.note(&[Place {
            file,
            number: 2,
            line: 2,
        }]);
        let reading = start(vec![input], options(), done);
        assert_eq!(reading.total, Some(std::fs::metadata(&path).unwrap().len()));
        let (records, _) = all(reading).await;
        assert_eq!(records, [(path.display().to_string(), 3)]);
    }
}
