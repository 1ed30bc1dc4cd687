//! Seals: the lengths and checksums of all files of the views, written at a clean stop.
//!
//! sled checks what it reads, but it can miss a flipped bit in its snapshot or a lost tail. The
//! seal closes this gap: the next open compares every file with the seal, and removes the seal
//! before it changes a file. After a crash there is no seal, and only the checks of sled apply.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::StoreError;

/// The files of a folder when it was sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// All files, sorted by name.
    files: Vec<SealedFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct SealedFile {
    /// The path relative to the folder.
    name: String,
    bytes: u64,
    crc32c: u32,
}

impl Seal {
    fn file(dir: &Path) -> PathBuf {
        dir.with_extension("seal")
    }

    /// Whether a folder has a seal, valid or not.
    pub(super) fn is_on(dir: &Path) -> bool {
        dir.exists() && Self::file(dir).exists()
    }

    /// Seals a folder. Nothing may write to the folder afterwards.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn write(dir: &Path) -> Result<(), StoreError> {
        let text = serde_json::to_vec(&Self::of(dir)?)
            .map_err(std::io::Error::other)
            .map_err(StoreError::io("seal", dir))?;
        Self::put(dir, &text)
    }

    /// Writes the text of a seal beside a folder, durably.
    pub(super) fn put(dir: &Path, text: &[u8]) -> Result<(), StoreError> {
        let path = Self::file(dir);
        let write = || {
            let next = path.with_extension("seal-next");
            let mut file = std::fs::File::create(&next)?;
            std::io::Write::write_all(&mut file, text)?;
            file.sync_all()?;
            std::fs::rename(&next, &path)?;
            sync_parent(&path)
        };
        write().map_err(StoreError::io("seal", &path))
    }

    /// Compares a folder with its seal and removes the seal, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the seal cannot be read or removed; [`StoreError::Inconsistent`]
    /// when the folder differs from the seal.
    pub fn open(dir: &Path) -> Result<(), StoreError> {
        let path = Self::file(dir);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(StoreError::io("read", path)(error)),
        };
        let intact = serde_json::from_slice::<Self>(&text)
            .map_err(|error| format!("the seal {} is damaged: {error}", path.display()))
            .and_then(|sealed| {
                let found = Self::of(dir).map_err(|error| error.to_string())?;
                sealed.difference(&found).map_or(Ok(()), Err)
            });
        // A seal that does not match stays until the folder is discarded.
        intact.map_err(StoreError::Inconsistent)?;
        std::fs::remove_file(&path)
            .and_then(|()| sync_parent(&path))
            .map_err(StoreError::io("remove", &path))
    }

    /// Removes the seal without reading it.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn remove(dir: &Path) -> Result<(), StoreError> {
        let path = Self::file(dir);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(StoreError::io("remove", path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Renames a folder and then its seal. In this order a crash in between leaves a folder without
    /// a seal, which can be opened. A folder with the seal of another folder would count as
    /// damaged.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
        let seal = Self::file(from);
        let rename = || {
            std::fs::rename(from, to)?;
            if seal.exists() {
                std::fs::rename(&seal, Self::file(to))?;
            }
            sync_parent(to)
        };
        rename().map_err(StoreError::io("rename", from))
    }

    fn of(dir: &Path) -> Result<Self, StoreError> {
        let mut files = Vec::new();
        collect(dir, "", &mut files)?;
        files.sort();
        Ok(Self { files })
    }

    fn difference(&self, found: &Self) -> Option<String> {
        if self == found {
            return None;
        }
        let changed = self
            .files
            .iter()
            .find(|file| !found.files.contains(file))
            .or_else(|| found.files.iter().find(|file| !self.files.contains(file)));
        Some(format!(
            "the file {:?} is not as the last clean stop left it",
            changed.map_or("?", |file| file.name.as_str())
        ))
    }
}

pub(super) fn sync_parent(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(parent) => std::fs::File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

fn collect(dir: &Path, prefix: &str, files: &mut Vec<SealedFile>) -> Result<(), StoreError> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StoreError::io("list", dir)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(StoreError::io("list", dir))?;
        let path = entry.path();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry
            .file_type()
            .map_err(StoreError::io("look at", &path))?;
        if kind.is_dir() {
            collect(&path, &format!("{name}/"), files)?;
        } else {
            let (bytes, crc32c) = checksum(&path).map_err(StoreError::io("read", &path))?;
            files.push(SealedFile {
                name,
                bytes,
                crc32c,
            });
        }
    }
    Ok(())
}

fn checksum(path: &Path) -> std::io::Result<(u64, u32)> {
    let mut file = std::fs::File::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    let (mut bytes, mut crc) = (0_u64, 0);
    loop {
        let read = file.read(&mut buffer)?;
        let Some(chunk) = buffer.get(..read).filter(|chunk| !chunk.is_empty()) else {
            return Ok((bytes, crc));
        };
        bytes = bytes.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        crc = crc32c::crc32c_append(crc, chunk);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_change_after_a_clean_stop_is_detected() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("views");
        std::fs::create_dir_all(dir.join("blobs")).unwrap();
        std::fs::write(dir.join("db"), vec![7; 5000]).unwrap();
        std::fs::write(dir.join("blobs/1"), b"blob").unwrap();
        for damage in [
            Box::new(|| std::fs::write(dir.join("blobs/1"), b"blub").unwrap()) as Box<dyn Fn()>,
            Box::new(|| std::fs::write(dir.join("new"), b"").unwrap()),
            Box::new(|| std::fs::remove_file(dir.join("db")).unwrap()),
        ] {
            Seal::write(&dir).unwrap();
            assert!(Seal::open(&dir).is_ok());
            Seal::write(&dir).unwrap();
            damage();
            for _ in 0..2 {
                assert!(matches!(Seal::open(&dir), Err(StoreError::Inconsistent(_))));
            }
            Seal::remove(&dir).unwrap();
        }
    }
}
