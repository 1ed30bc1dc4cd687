//! Generations: the part of an epoch that tells apart views of the same journal and the same
//! versions.
//!
//! The generation changes when the journal contradicts the views. The generation is in a file
//! beside the views, so that it remains when the views are removed. The file has 16 hex digits,
//! then one line for each journal that was replaced by another one.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::events::{Incarnation, RecordHash, Sequence};

/// Maximum number of replaced journals in the generation file.
const MAX_LEFT: usize = 256;

/// A generation of the views. The first one is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(pub(super) u64);

/// A contradiction between the views and the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contradiction {
    /// The journal from which the views were made.
    pub of: Incarnation,
    /// The current journal.
    pub now: Incarnation,
    /// A folded position that the journal contradicts.
    pub sequence: Sequence,
    /// The hash of the record that was folded at that position.
    pub hash: RecordHash,
}

/// The content of the generation file.
struct Kept {
    generation: Generation,
    /// The journals that were replaced by another one, the latest last.
    left: Vec<Incarnation>,
}

impl Generation {
    const FIRST: Self = Self(0);

    fn file(dir: &Path) -> PathBuf {
        dir.join("generation")
    }

    /// Reads the generation in `dir`; the first generation when there is no file.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the file cannot be read, [`StoreError::Inconsistent`] when it has no
    /// generation.
    pub fn load(dir: &Path) -> Result<Self, StoreError> {
        Ok(Kept::load(dir)?.generation)
    }

    /// Draws a new random generation and stores it durably in `dir`. For a journal that no other
    /// server reads.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn renew(dir: &Path) -> Result<Self, StoreError> {
        let path = Self::file(dir);
        let drawn = getrandom::u64().map_err(|error| {
            StoreError::io("draw a random number for", &path)(std::io::Error::other(error))
        })?;
        Kept::load(dir)?.replace(Self(drawn), dir)
    }

    /// Derives a generation from a contradiction and stores it durably in `dir`. For a journal that
    /// other servers read too: servers that had folded the same records to the same position get
    /// the same generation, whenever they find the contradiction.
    ///
    /// A journal that was created again begins with the first generation, as it does for a server
    /// with a new data folder. Its incarnation already makes the epoch a new one. A replaced
    /// journal that comes back gets another generation, because clients may still have its first
    /// epoch.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn next_after(dir: &Path, found: &Contradiction) -> Result<Self, StoreError> {
        let mut kept = Kept::load(dir)?;
        let is_another = found.of != found.now;
        if is_another {
            kept.left.retain(|left| *left != found.of);
            kept.left.push(found.of);
            let surplus = kept.left.len().saturating_sub(MAX_LEFT);
            kept.left.drain(..surplus);
        }
        let next = if is_another && !kept.left.contains(&found.now) {
            Self::FIRST
        } else {
            let next = Self::of(found);
            // A contradiction can be found a second time. The generation must change then, too.
            if !is_another && next == kept.generation {
                Self(next.0.wrapping_add(1))
            } else {
                next
            }
        };
        kept.replace(next, dir)
    }

    fn of(found: &Contradiction) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&found.now.0.to_be_bytes());
        hasher.update(&found.sequence.get().to_be_bytes());
        hasher.update(&found.hash.0.to_be_bytes());
        let mut first = [0; 8];
        hasher.finalize_xof().fill(&mut first);
        Self(u64::from_be_bytes(first))
    }
}

impl Kept {
    fn load(dir: &Path) -> Result<Self, StoreError> {
        let path = Generation::file(dir);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self {
                    generation: Generation::FIRST,
                    left: Vec::new(),
                });
            }
            Err(error) => return Err(StoreError::io("read", path)(error)),
        };
        let number = |text: &str| u64::from_str_radix(text.trim(), 16).ok();
        let mut lines = text.lines();
        let generation = lines.next().and_then(number).map(Generation);
        let left = lines.map(|line| number(line).map(Incarnation)).collect();
        generation
            .zip(left)
            .map(|(generation, left)| Self { generation, left })
            .ok_or_else(|| {
                StoreError::Inconsistent(format!(
                    "{} does not hold a generation (16 hex digits); delete it",
                    path.display()
                ))
            })
    }

    /// Stores another generation durably.
    fn replace(self, next: Generation, dir: &Path) -> Result<Generation, StoreError> {
        let path = Generation::file(dir);
        let mut text = format!("{:016x}\n", next.0);
        for left in &self.left {
            text.push_str(&format!("{left}\n"));
        }
        let unfinished = path.with_extension("next");
        let write = || {
            let mut file = std::fs::File::create(&unfinished)?;
            std::io::Write::write_all(&mut file, text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&unfinished, &path)?;
            std::fs::File::open(dir)?.sync_all()
        };
        write().map_err(StoreError::io("write", &path))?;
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contradiction(of: u64, now: u64, sequence: u64) -> Contradiction {
        Contradiction {
            of: Incarnation(of),
            now: Incarnation(now),
            sequence: Sequence::new(sequence),
            hash: RecordHash(sequence + 1),
        }
    }

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn next_after(folder: &tempfile::TempDir, found: &Contradiction) -> Generation {
        let next = Generation::next_after(folder.path(), found).unwrap();
        assert_eq!(Generation::load(folder.path()).unwrap(), next, "it is kept");
        next
    }

    #[test]
    fn servers_with_the_same_contradictions_get_the_same_generations() {
        let (one, other) = (folder(), folder());
        let mut all = vec![Generation::FIRST];
        for sequence in [5, 9, 9, 9, 5] {
            let found = contradiction(1, 1, sequence);
            let next = next_after(&one, &found);
            assert_eq!(next_after(&other, &found), next);
            assert_ne!(all.last(), Some(&next), "it changes each time");
            all.push(next);
        }
    }

    #[test]
    fn only_a_new_journal_starts_with_the_first_generation() {
        let folder = folder();
        next_after(&folder, &contradiction(1, 1, 5));
        assert_eq!(
            next_after(&folder, &contradiction(1, 2, 7)),
            Generation::FIRST
        );
        // The server starts again with the same journal, after a crash.
        assert_eq!(
            next_after(&folder, &contradiction(1, 2, 7)),
            Generation::FIRST
        );
        let back = next_after(&folder, &contradiction(2, 1, 3));
        assert_ne!(back, Generation::FIRST);
        assert_eq!(
            next_after(&folder, &contradiction(1, 3, 3)),
            Generation::FIRST
        );
    }

    #[test]
    fn renewed_generation_differs_each_time_and_keeps_the_replaced_journals() {
        let folder = folder();
        next_after(&folder, &contradiction(1, 2, 7));
        let first = Generation::renew(folder.path()).unwrap();
        assert_ne!(Generation::renew(folder.path()).unwrap(), first);
        assert_ne!(
            next_after(&folder, &contradiction(2, 1, 7)),
            Generation::FIRST,
            "it was left before"
        );
    }

    #[test]
    fn error_names_a_file_without_a_generation() {
        let folder = folder();
        for text in ["", "x\n", "0000000000000001\nx\n"] {
            std::fs::write(folder.path().join("generation"), text).unwrap();
            let error = Generation::load(folder.path()).unwrap_err();
            assert!(
                matches!(error, StoreError::Inconsistent(_)),
                "{text:?}: {error}"
            );
        }
    }
}
