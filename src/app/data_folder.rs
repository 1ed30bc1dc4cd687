//! The data folder and its lock: one process at a time works on its files.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataFolderError {
    /// The folder does not exist and cannot be created.
    #[error("the data folder {} cannot be created", path.display())]
    Create {
        /// The folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The folder does not exist, and the command needs it.
    #[error(
        "there is no data folder {}; name one with --data, or start a server with `tidings serve` \
        to create it",
        .0.display()
    )]
    Missing(PathBuf),
    /// The lock file cannot be written.
    #[error("{} cannot be opened for writing", path.display())]
    Unwritable {
        /// The lock file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The lock file cannot be locked.
    #[error("{} cannot be locked", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Another process holds the folder.
    #[error(
        "the data folder {} is in use by the tidings with process id {holder}; stop it first \
        (commands on files need it for themselves), or name another folder with --data",
        path.display()
    )]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The process id that the lock file names, or "(unknown)".
        holder: String,
    },
}

/// A data folder that this process holds. Dropping it releases the lock; the operating system
/// releases the lock when the process crashes.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    lock: Lock,
}

/// The kind of lock on a folder.
#[derive(Debug)]
enum Lock {
    /// Held by this process alone.
    Exclusive(File),
    /// Held for reading, in a folder that cannot be written. No server can hold the folder at the
    /// same time.
    Shared(#[expect(dead_code, reason = "it is held")] File),
    /// Not locked: the folder cannot be written, and its lock file cannot be opened or locked.
    None,
}

impl DataFolder {
    /// Takes the folder, creating it when it is missing.
    ///
    /// # Errors
    /// [`DataFolderError`].
    pub fn take(path: &Path) -> Result<Self, DataFolderError> {
        std::fs::create_dir_all(path).map_err(|source| DataFolderError::Create {
            path: path.to_owned(),
            source,
        })?;
        Self::exclusively(path)?.map_err(|source| unwritable(path, source))
    }

    /// Takes an existing folder, for a command that changes its files.
    ///
    /// # Errors
    /// [`DataFolderError`].
    pub fn take_existing(path: &Path) -> Result<Self, DataFolderError> {
        Self::check(path)?;
        Self::exclusively(path)?.map_err(|source| unwritable(path, source))
    }

    /// Takes a folder for a command that need not write to it. A folder that cannot be written
    /// (because the file system is read-only or full, or permissions are missing) is read under a
    /// shared lock, or without a lock if its lock file is missing or cannot be locked. `note` is
    /// then called with a sentence that says so.
    ///
    /// # Errors
    /// [`DataFolderError`].
    pub fn look(path: &Path, note: impl FnOnce(&str)) -> Result<Self, DataFolderError> {
        Self::check(path)?;
        let error = match Self::exclusively(path)? {
            Ok(folder) => return Ok(folder),
            Err(error) if is_unwritable(&error) => error,
            Err(source) => return Err(unwritable(path, source)),
        };
        let lock = match File::open(lock_path(path)) {
            Ok(file) => match file.try_lock_shared() {
                Ok(()) => Lock::Shared(file),
                Err(TryLockError::WouldBlock) => return Err(in_use(path, file)),
                Err(TryLockError::Error(_)) => Lock::None,
            },
            Err(_) => Lock::None,
        };
        let with = match lock {
            Lock::None => "without a lock: make sure that no server writes to it",
            Lock::Exclusive(_) | Lock::Shared(_) => "under a shared lock",
        };
        note(&format!(
            "note: the data folder {} cannot be written ({error}); it is read as it is, {with}",
            path.display()
        ));
        Ok(Self {
            path: path.to_owned(),
            lock,
        })
    }

    fn check(path: &Path) -> Result<(), DataFolderError> {
        if !path.is_dir() {
            return Err(DataFolderError::Missing(path.to_owned()));
        }
        Ok(())
    }

    /// Locks the folder for this process alone. The inner error is that of a lock file that cannot
    /// be written.
    fn exclusively(path: &Path) -> Result<io::Result<Self>, DataFolderError> {
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(lock_path(path));
        let mut file = match opened {
            Ok(file) => file,
            Err(error) => return Ok(Err(error)),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(path, file)),
            Err(TryLockError::Error(error)) => {
                return Err(DataFolderError::Lock {
                    path: lock_path(path),
                    source: error,
                });
            }
        }
        // The process id is only used in messages, so a full disk is no error here.
        let _ = file
            .set_len(0)
            .and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes()));
        Ok(Ok(Self {
            path: path.to_owned(),
            lock: Lock::Exclusive(file),
        }))
    }

    /// True when this process may write to the folder.
    pub const fn is_writable(&self) -> bool {
        matches!(self.lock, Lock::Exclusive(_))
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of the embedded journal.
    pub fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }

    /// The folder of the reports of sources. It is not in `sources`, where each source has a folder
    /// of its name.
    pub fn source_reports(&self) -> PathBuf {
        self.path.join("source-reports")
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        if let Lock::Exclusive(file) = &self.lock {
            // An error is ignored, because the content of the lock file is read only while a
            // process holds the lock.
            let _ = file.set_len(0);
        }
    }
}

fn lock_path(folder: &Path) -> PathBuf {
    folder.join("lock")
}

fn unwritable(folder: &Path, source: io::Error) -> DataFolderError {
    DataFolderError::Unwritable {
        path: lock_path(folder),
        source,
    }
}

/// The error when another process has the lock.
fn in_use(folder: &Path, lock: File) -> DataFolderError {
    let mut holder = String::new();
    // The process id only improves the message.
    let _ = lock.take(32).read_to_string(&mut holder);
    let holder = match holder.trim() {
        "" => "(unknown)",
        id => id,
    };
    DataFolderError::InUse {
        path: folder.to_owned(),
        holder: holder.to_owned(),
    }
}

/// True when the folder or its file system refuses writes.
fn is_unwritable(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ReadOnlyFilesystem
            | ErrorKind::PermissionDenied
            | ErrorKind::StorageFull
            | ErrorKind::QuotaExceeded
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_lock_is_exclusive_and_names_its_holder() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("deep/data");
        assert!(DataFolder::take_existing(&path).is_err());
        let held = DataFolder::take(&path).unwrap();
        let refused = DataFolder::take_existing(&path).unwrap_err().to_string();
        assert!(
            refused.contains(&std::process::id().to_string()),
            "{refused}"
        );
        drop(held);
        assert!(DataFolder::take_existing(&path).is_ok());
    }
}
