//! The state folder: the lock, the checkpoint, the report and the logs as files.

use std::fs::{File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::logs::JsonLog;
use super::{Checkpoint, LogEntry, RejectedEntry, StateError};
use crate::sources::report::Report;

/// A state folder that this process holds.
#[derive(Debug)]
pub struct StateFolder {
    path: PathBuf,
    log: JsonLog,
    rejected: JsonLog,
    _lock: File,
}

impl StateFolder {
    /// Takes the folder; creates it when it is missing.
    ///
    /// # Errors
    /// [`StateError::Locked`] when another process holds it.
    pub fn take(path: &Path) -> Result<Self, StateError> {
        std::fs::create_dir_all(path).map_err(|error| StateError::file(path, error))?;
        let lock_path = path.join("lock");
        let fail = |error| StateError::file(&lock_path, error);
        let mut lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(fail)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StateError::Locked {
                    folder: path.display().to_string(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(fail(error)),
        }
        lock.set_len(0).map_err(fail)?;
        writeln!(lock, "{}", std::process::id()).map_err(fail)?;
        Ok(Self {
            log: JsonLog::open(path.join("log.ndjson"))?,
            rejected: JsonLog::open(path.join("rejected.ndjson"))?,
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Identifies the collector of this folder in reports, over all its runs: a run after a kill
    /// reports at once. It is made from a random number at the first call.
    ///
    /// # Errors
    /// [`StateError::File`].
    pub fn instance(&self) -> Result<String, StateError> {
        let path = self.path.join("instance");
        if let Some(bytes) = read(&path)?
            && let Ok(instance) = String::from_utf8(bytes)
            && !instance.trim().is_empty()
        {
            return Ok(instance.trim().to_owned());
        }
        let random = getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()));
        let instance = format!("{random:016x}");
        replace(&path, instance.as_bytes())?;
        Ok(instance)
    }

    /// The checkpoint; `None` before the first one.
    ///
    /// # Errors
    /// [`StateError::Checkpoint`] when it cannot be used.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>, StateError> {
        checkpoint_in(&self.path)
    }

    /// Writes the checkpoint, after the logs: what it counts is durable.
    ///
    /// # Errors
    /// [`StateError::File`].
    pub fn save(&mut self, checkpoint: &Checkpoint) -> Result<(), StateError> {
        self.rejected.sync()?;
        let bytes = serde_json::to_vec(checkpoint).unwrap_or_default();
        replace(&self.path.join("checkpoint.json"), &bytes)
    }

    /// Writes the report.
    ///
    /// # Errors
    /// [`StateError::File`].
    pub fn save_report(&self, report: &Report) -> Result<(), StateError> {
        let bytes = serde_json::to_vec(report).unwrap_or_default();
        replace(&self.path.join("report.json"), &bytes)
    }

    /// Appends to the log.
    ///
    /// # Errors
    /// [`StateError::File`].
    pub fn log(&mut self, entry: &LogEntry) -> Result<(), StateError> {
        self.log.append(entry)
    }

    /// Appends to the rejected log.
    ///
    /// # Errors
    /// [`StateError::File`].
    pub fn reject(&mut self, entry: &RejectedEntry) -> Result<(), StateError> {
        self.rejected.append(entry)
    }

    /// Replaces the rejected log by these entries.
    ///
    /// # Errors
    /// [`StateError::File`].
    pub fn replace_rejected(&mut self, lines: &[String]) -> Result<(), StateError> {
        let path = self.path.join("rejected.ndjson");
        let mut text = lines.join("\n");
        if !text.is_empty() {
            text.push('\n');
        }
        replace(&path, text.as_bytes())?;
        self.rejected = JsonLog::open(path)?;
        Ok(())
    }
}

/// True when a process holds the folder. The lock is tried and not kept.
///
/// # Errors
/// [`StateError::File`].
pub fn is_held(folder: &Path) -> Result<bool, StateError> {
    let path = folder.join("lock");
    let lock = match File::open(&path) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(StateError::file(&path, error)),
    };
    match lock.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(StateError::file(&path, error)),
    }
}

/// The checkpoint of a folder that another process may hold.
///
/// # Errors
/// [`StateError::Checkpoint`] when it cannot be used.
pub fn checkpoint_in(folder: &Path) -> Result<Option<Checkpoint>, StateError> {
    let path = folder.join("checkpoint.json");
    let Some(bytes) = read(&path)? else {
        return Ok(None);
    };
    let checkpoint = Checkpoint::decode(&bytes).map_err(|reason| StateError::Checkpoint {
        path: path.display().to_string(),
        reason,
    })?;
    Ok(Some(checkpoint))
}

/// The report of a folder that another process may hold, as it was written.
///
/// # Errors
/// [`StateError::File`].
pub fn report_in(folder: &Path) -> Result<Option<Vec<u8>>, StateError> {
    read(&folder.join("report.json"))
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, StateError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StateError::file(path, error)),
    }
}

/// Replaces a file: after a crash it has the old content or the new one.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), StateError> {
    let next = path.with_extension("next");
    let written = File::create(&next)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .and_then(|()| std::fs::rename(&next, path))
        .and_then(|()| match path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        });
    written.map_err(|error| StateError::file(path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_lets_one_holder_in_and_keeps_the_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sources/x");
        let mut state = StateFolder::take(&path).unwrap();
        assert!(matches!(
            StateFolder::take(&path),
            Err(StateError::Locked { .. })
        ));
        assert!(is_held(&path).unwrap());
        assert_eq!(state.checkpoint().unwrap(), None);
        let checkpoint = Checkpoint {
            cursor: Some(9),
            ..Checkpoint::default()
        };
        state.save(&checkpoint).unwrap();
        drop(state);
        assert!(!is_held(&path).unwrap());
        let state = StateFolder::take(&path).unwrap();
        assert_eq!(state.checkpoint().unwrap(), Some(checkpoint));
    }

    #[test]
    fn damaged_checkpoint_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("checkpoint.json"), "{").unwrap();
        let state = StateFolder::take(folder.path()).unwrap();
        let text = state.checkpoint().unwrap_err().to_string();
        assert!(text.contains("checkpoint.json"), "{text}");
    }
}
