//! Which life of the views an answer belongs to.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::events::Incarnation;
use crate::projections::FOLD_VERSION;
use crate::text::ANALYSER_VERSION;

/// Within one epoch, equal sequences mean equal views. Shown as 16 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(u64);

impl Epoch {
    /// The hash of all that decides what the views are made of.
    pub fn of(incarnation: Incarnation, generation: Generation) -> Self {
        Self::of_versions(incarnation, generation, FOLD_VERSION, ANALYSER_VERSION)
    }

    /// The epoch in which these versions of fold and analyser made the views.
    pub fn of_versions(
        incarnation: Incarnation,
        generation: Generation,
        fold: u32,
        analyser: u32,
    ) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&incarnation.0.to_be_bytes());
        hasher.update(&fold.to_be_bytes());
        hasher.update(&analyser.to_be_bytes());
        hasher.update(&generation.0.to_be_bytes());
        let mut first = [0; 8];
        hasher.finalize_xof().fill(&mut first);
        Self(u64::from_be_bytes(first))
    }

    /// It is one in which an older version made views of the same journal in the same generation:
    /// they were right, as that version understood it.
    pub fn is_of_older_version(self, incarnation: Incarnation, generation: Generation) -> bool {
        (0..=FOLD_VERSION)
            .flat_map(|fold| (0..=ANALYSER_VERSION).map(move |analyser| (fold, analyser)))
            .filter(|versions| *versions != (FOLD_VERSION, ANALYSER_VERSION))
            .any(|(fold, analyser)| {
                self == Self::of_versions(incarnation, generation, fold, analyser)
            })
    }
}

impl std::fmt::Display for Epoch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A text that is no epoch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an epoch is 16 hex digits")]
pub struct EpochError;

impl std::str::FromStr for Epoch {
    type Err = EpochError;

    fn from_str(text: &str) -> Result<Self, EpochError> {
        let is_hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex
            .then(|| u64::from_str_radix(text, 16).ok())
            .flatten()
            .map(Self)
            .ok_or(EpochError)
    }
}

/// Changes to a fresh random value when the views no longer follow from the journal as it was
/// seen before. Kept in a file beside the views, so that it outlives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generation(u64);

impl Generation {
    fn file(dir: &Path) -> PathBuf {
        dir.join("generation")
    }

    /// The generation kept in `dir`; the first one where none is kept.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the file can't be read, [`StoreError::Inconsistent`] when it holds
    /// no generation.
    pub fn load(dir: &Path) -> Result<Self, StoreError> {
        let path = Self::file(dir);
        match std::fs::read_to_string(&path) {
            Ok(text) => u64::from_str_radix(text.trim(), 16).map(Self).map_err(|_| {
                StoreError::Inconsistent(format!(
                    "{} does not hold a generation (16 hex digits); delete it",
                    path.display()
                ))
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self(0)),
            Err(error) => Err(StoreError::io("read", path)(error)),
        }
    }

    /// A fresh random generation, kept in `dir` from now on, durably.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn renew(dir: &Path) -> Result<Self, StoreError> {
        let path = Self::file(dir);
        let drawn = getrandom::u64().map_err(|error| {
            StoreError::io("draw a random number for", &path)(std::io::Error::other(error))
        })?;
        let fresh = Self(drawn);
        let next = path.with_extension("next");
        let write = || {
            let mut file = std::fs::File::create(&next)?;
            std::io::Write::write_all(&mut file, format!("{:016x}\n", fresh.0).as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&next, &path)?;
            std::fs::File::open(dir)?.sync_all()
        };
        write().map_err(StoreError::io("write", &path))?;
        Ok(fresh)
    }
}
