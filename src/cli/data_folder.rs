//! The data folder, and the lock that lets one process at a time work on its files.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

/// A data folder that this process holds; given back when dropped, also by a crash, because the
/// lock is the operating system's.
#[derive(Debug)]
pub(super) struct DataFolder {
    path: PathBuf,
    lock: File,
}

impl DataFolder {
    /// Takes the folder, creating it when it is missing.
    pub(super) fn take(path: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(path)
            .with_context(|| format!("the data folder {} cannot be created", path.display()))?;
        Self::lock(path)
    }

    /// Takes a folder that has to be there, because the command reads what it holds.
    pub(super) fn take_existing(path: &Path) -> anyhow::Result<Self> {
        if !path.is_dir() {
            bail!(
                "there is no data folder {}; name one with --data, or start a server with `tidings serve` to create it",
                path.display()
            );
        }
        Self::lock(path)
    }

    fn lock(path: &Path) -> anyhow::Result<Self> {
        let lock_path = path.join("lock");
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&lock_path)
            .with_context(|| format!("{} cannot be opened", lock_path.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The name of the holder only makes the message better.
                let _ = (&mut lock).take(32).read_to_string(&mut holder);
                bail!(
                    "the data folder {} is in use by the tidings with process id {}; stop it first (commands on files need it for themselves), or name another folder with --data",
                    path.display(),
                    if holder.trim().is_empty() {
                        "(unknown)"
                    } else {
                        holder.trim()
                    },
                );
            }
            Err(TryLockError::Error(error)) => {
                return Err(error)
                    .with_context(|| format!("{} cannot be locked", lock_path.display()));
            }
        }
        lock.set_len(0)?;
        lock.write_all(format!("{}\n", std::process::id()).as_bytes())?;
        Ok(Self {
            path: path.to_owned(),
            lock,
        })
    }

    /// The folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the journal is.
    pub(super) fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        // What stays in the file is only ever read while somebody holds the lock.
        let _ = self.lock.set_len(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_held_by_one_at_a_time_who_is_named() {
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
