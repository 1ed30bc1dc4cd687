//! The data folder, and the lock that lets one process at a time work on its files.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataFolderError {
    /// It is not there, and cannot be created.
    #[error("the data folder {} cannot be created", path.display())]
    Create {
        /// The folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A command needs it, and it is not there.
    #[error(
        "there is no data folder {}; name one with --data, or start a server with `tidings serve` \
        to create it",
        .0.display()
    )]
    Missing(PathBuf),
    /// Its lock file cannot be written.
    #[error("{} cannot be opened for writing", path.display())]
    Unwritable {
        /// The lock file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Its lock file cannot be locked.
    #[error("{} cannot be locked", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Another process holds it.
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

/// A data folder that this process holds; given back when dropped, also by a crash, because the
/// lock is the operating system's.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    lock: Lock,
}

/// How a folder is held.
#[derive(Debug)]
enum Lock {
    /// By this process alone.
    Exclusive(File),
    /// For reading, in a folder that cannot be written. No server holds it meanwhile.
    Shared(#[expect(dead_code, reason = "it is held")] File),
    /// Not at all: the folder cannot be written and has no lock file that can be opened.
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

    /// Takes a folder that has to be there, because the command changes what it holds.
    ///
    /// # Errors
    /// [`DataFolderError`].
    pub fn take_existing(path: &Path) -> Result<Self, DataFolderError> {
        Self::check(path)?;
        Self::exclusively(path)?.map_err(|source| unwritable(path, source))
    }

    /// Takes a folder for a command that changes nothing in it. One that cannot be written (a
    /// file system that is read-only or full, a lack of permission) is read as it is, under a
    /// shared lock where there is a lock file; `note` is called with a sentence that says so.
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
            Lock::None => "without a lock, so that no server may be writing to it",
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

    /// Takes the folder for this process alone. The inner error is that its lock file cannot be
    /// written.
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
        // The name of the holder only makes a message better, and a disk may be full.
        let _ = file
            .set_len(0)
            .and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes()));
        Ok(Ok(Self {
            path: path.to_owned(),
            lock: Lock::Exclusive(file),
        }))
    }

    /// This process may write to it.
    pub const fn is_writable(&self) -> bool {
        matches!(self.lock, Lock::Exclusive(_))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the journal is.
    pub fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        if let Lock::Exclusive(file) = &self.lock {
            // What stays in the file is only ever read while a process holds the lock.
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

/// Another process has the lock.
fn in_use(folder: &Path, lock: File) -> DataFolderError {
    let mut holder = String::new();
    // The name of the holder only makes the message better.
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

/// The folder, or the whole file system, takes nothing from this process.
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
