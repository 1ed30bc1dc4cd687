//! Where the reports of sources are kept: [`ReportStore`] is the port.
//!
//! On the embedded journal they are files in the data folder ([`FolderReports`]). With NATS they
//! are in a bucket that all servers share ([`KvReports`]), so that every server answers alike.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Report, SourceName};
use crate::events::Timestamp;
use crate::journal::{JetStreamOptions, JournalError, SourcesBucket};
use crate::telemetry::{log_throttled, whole};

/// The part of a key before the name of the source.
const KEY_PREFIX: &str = "report.";

/// The newest report of a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptReport {
    /// When the report arrived, in milliseconds since 1970.
    pub at: Timestamp,
    /// The report.
    pub report: Report,
}

/// Why reports cannot be read or kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportStoreError {
    /// A file of a report fails.
    #[error("{} cannot be used", path.display())]
    File {
        /// The file or the folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The bucket fails.
    #[error(transparent)]
    Bucket(#[from] JournalError),
    /// A report cannot be written as JSON.
    #[error("a report cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// The task that worked on the files ended.
    #[error("the task that keeps reports ended")]
    Ended,
}

/// The port of stores of reports.
#[async_trait]
pub trait ReportStore: fmt::Debug + Send + Sync + 'static {
    /// Whether other servers write to the store too.
    fn is_shared(&self) -> bool;

    /// Reads the newest report of every source. What cannot be decoded is left out.
    ///
    /// # Errors
    /// [`ReportStoreError`].
    async fn load(&self) -> Result<Vec<KeptReport>, ReportStoreError>;

    /// Keeps a report in place of the one before.
    ///
    /// # Errors
    /// [`ReportStoreError`].
    async fn save(&self, name: &SourceName, kept: &KeptReport) -> Result<(), ReportStoreError>;

    /// Removes the report of a source.
    ///
    /// # Errors
    /// [`ReportStoreError`].
    async fn remove(&self, name: &SourceName) -> Result<(), ReportStoreError>;
}

/// Keeps nothing: reports last as long as the process.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoReports;

#[async_trait]
impl ReportStore for NoReports {
    fn is_shared(&self) -> bool {
        false
    }

    async fn load(&self) -> Result<Vec<KeptReport>, ReportStoreError> {
        Ok(Vec::new())
    }

    async fn save(&self, _: &SourceName, _: &KeptReport) -> Result<(), ReportStoreError> {
        Ok(())
    }

    async fn remove(&self, _: &SourceName) -> Result<(), ReportStoreError> {
        Ok(())
    }
}

/// Keeps each report in a file of a folder. The folder is created with the first report.
#[derive(Debug, Clone)]
pub struct FolderReports {
    folder: PathBuf,
}

impl FolderReports {
    /// Keeps reports in this folder.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    fn file(&self, name: &SourceName) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }
}

#[async_trait]
impl ReportStore for FolderReports {
    fn is_shared(&self) -> bool {
        false
    }

    async fn load(&self) -> Result<Vec<KeptReport>, ReportStoreError> {
        let folder = self.folder.clone();
        off_the_event_loop(move || read_folder(&folder)).await
    }

    async fn save(&self, name: &SourceName, kept: &KeptReport) -> Result<(), ReportStoreError> {
        let json = serde_json::to_vec(kept)?;
        let (folder, file) = (self.folder.clone(), self.file(name));
        off_the_event_loop(move || write_file(&folder, &file, &json)).await
    }

    async fn remove(&self, name: &SourceName) -> Result<(), ReportStoreError> {
        let file = self.file(name);
        off_the_event_loop(move || match std::fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(&file, error)),
            Ok(()) | Err(_) => Ok(()),
        })
        .await
    }
}

async fn off_the_event_loop<T: Send + 'static>(
    task: impl FnOnce() -> Result<T, ReportStoreError> + Send + 'static,
) -> Result<T, ReportStoreError> {
    let done = tokio::task::spawn_blocking(task).await;
    done.map_err(|_| ReportStoreError::Ended)?
}

fn failed(path: &Path, source: io::Error) -> ReportStoreError {
    ReportStoreError::File {
        path: path.to_owned(),
        source,
    }
}

fn read_folder(folder: &Path) -> Result<Vec<KeptReport>, ReportStoreError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(folder, error)),
    };
    let mut kept = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| failed(folder, error))?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let json = std::fs::read(&path).map_err(|error| failed(&path, error))?;
        kept.extend(decoded(&path.display().to_string(), &json));
    }
    Ok(kept)
}

/// Writes beside the file and renames, so that a crash leaves the old report or the new one.
fn write_file(folder: &Path, file: &Path, json: &[u8]) -> Result<(), ReportStoreError> {
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    let unfinished = file.with_extension("json.new");
    std::fs::write(&unfinished, json).map_err(|error| failed(&unfinished, error))?;
    std::fs::rename(&unfinished, file).map_err(|error| failed(file, error))
}

/// Decodes a report; `None`, with a log line, when it is damaged or of a later version.
fn decoded(location: &str, json: &[u8]) -> Option<KeptReport> {
    match serde_json::from_slice(json) {
        Ok(kept) => Some(kept),
        Err(error) => {
            let location = location.to_owned();
            log_throttled("report-unreadable", move |count| {
                tracing::warn!(location, error = %whole(&error), count, "the report of a source \
                    cannot be read; it is left out");
            });
            None
        }
    }
}

/// Keeps reports in a bucket in NATS, which all servers of a stream share.
#[derive(Debug)]
pub struct KvReports {
    bucket: SourcesBucket,
}

impl KvReports {
    /// Keeps reports in the bucket of the sources. Connects when it is first used.
    pub fn new(options: JetStreamOptions) -> Self {
        Self {
            bucket: SourcesBucket::new(options),
        }
    }
}

fn key(name: &SourceName) -> String {
    format!("{KEY_PREFIX}{name}")
}

#[async_trait]
impl ReportStore for KvReports {
    fn is_shared(&self) -> bool {
        true
    }

    async fn load(&self) -> Result<Vec<KeptReport>, ReportStoreError> {
        let values = self.bucket.values(KEY_PREFIX).await?;
        let kept = values.iter().filter_map(|(key, json)| decoded(key, json));
        Ok(kept.collect())
    }

    async fn save(&self, name: &SourceName, kept: &KeptReport) -> Result<(), ReportStoreError> {
        let json = serde_json::to_vec(kept)?;
        Ok(self.bucket.put(&key(name), json.into()).await?)
    }

    async fn remove(&self, name: &SourceName) -> Result<(), ReportStoreError> {
        Ok(self.bucket.delete(&key(name)).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::SourceKind;

    fn kept(name: &str, at: i64) -> KeptReport {
        KeptReport {
            at: Timestamp::from_millis(at),
            report: Report::starting(name, SourceKind::X, "i-1"),
        }
    }

    #[tokio::test]
    async fn folder_keeps_the_newest_report_of_each_source() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("deep/reports");
        let store = FolderReports::new(folder.clone());
        assert_eq!(store.load().await.unwrap(), []);
        let (a, b) = (
            SourceName::parse("a").unwrap(),
            SourceName::parse("b").unwrap(),
        );
        for (name, report) in [(&a, kept("a", 1)), (&b, kept("b", 2)), (&a, kept("a", 3))] {
            store.save(name, &report).await.unwrap();
        }
        // A crash can leave an unfinished file; a damaged report does not hide the others.
        std::fs::write(folder.join("c.json.new"), b"{").unwrap();
        std::fs::write(folder.join("d.json"), b"{").unwrap();
        let mut found = store.load().await.unwrap();
        found.sort_by_key(|kept| kept.at);
        assert_eq!(found, [kept("b", 2), kept("a", 3)]);

        store.remove(&a).await.unwrap();
        store.remove(&a).await.unwrap();
        assert_eq!(store.load().await.unwrap(), [kept("b", 2)]);
    }
}
