//! Epochs: one life of the views. Every answer names the epoch of its rows.
//!
//! In: the journal, the versions of fold and analyser, the settings of the fold, and the
//! generation. Out: their hash, the [`Epoch`].

use serde::{Deserialize, Serialize};

use super::Generation;
use crate::events::Incarnation;
use crate::projections::{FOLD_VERSION, FoldContext};
use crate::text::ANALYSER_VERSION;

/// The epoch of views. Within one epoch, equal sequences mean equal views. Displayed as 16 hex
/// digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(u64);

/// The parts from which the epoch is hashed. The parts are stored with the epoch, so that a later
/// version can tell which part differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochParts {
    /// The journal from which the rows were made.
    pub incarnation: Incarnation,
    /// The version of the fold that made the rows.
    pub fold: u32,
    /// The analyser that made the rows.
    pub analyser: AnalyserPart,
    /// The generation in which the rows were made.
    pub generation: Generation,
}

/// The part of an epoch that stands for how texts are analysed and spikes are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnalyserPart {
    /// The [version](ANALYSER_VERSION) of the rules.
    pub version: u32,
    /// The hash of the settings. The hash is 0 for the default settings, and in rows from before
    /// there were settings.
    pub settings: u64,
}

/// The last fold version whose rows store the epoch without its parts, and the only version of the
/// analyser at that time.
const LAST_WITHOUT_PARTS: (u32, u32) = (3, 0);

impl EpochParts {
    /// The parts of rows that this version of tidings makes with the settings of this context.
    pub const fn current(
        incarnation: Incarnation,
        generation: Generation,
        context: &FoldContext,
    ) -> Self {
        Self {
            incarnation,
            fold: FOLD_VERSION,
            analyser: AnalyserPart {
                version: ANALYSER_VERSION,
                settings: context.settings_hash(),
            },
            generation,
        }
    }

    /// Returns the parts of an epoch that was stored without them, as fold versions before 4 did;
    /// `None` when the rows are of another journal or another generation.
    pub fn of_bare(epoch: Epoch, incarnation: Incarnation, generation: Generation) -> Option<Self> {
        let (last_fold, version) = LAST_WITHOUT_PARTS;
        let analyser = AnalyserPart {
            version,
            settings: 0,
        };
        (0..=last_fold)
            .map(|fold| Self {
                incarnation,
                fold,
                analyser,
                generation,
            })
            .find(|parts| parts.epoch() == epoch)
    }

    /// The epoch: the hash of the parts.
    pub fn epoch(&self) -> Epoch {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.incarnation.0.to_be_bytes());
        hasher.update(&self.fold.to_be_bytes());
        hasher.update(&self.analyser.version.to_be_bytes());
        hasher.update(&self.generation.0.to_be_bytes());
        // Epochs from before there were settings keep their values.
        if self.analyser.settings != 0 {
            hasher.update(&self.analyser.settings.to_be_bytes());
        }
        let mut first = [0; 8];
        hasher.finalize_xof().fill(&mut first);
        Epoch(u64::from_be_bytes(first))
    }

    /// Whether the versions of fold and analyser are the same, with any settings. Equal records
    /// then have equal hashes.
    pub const fn has_versions_of(&self, other: &Self) -> bool {
        self.fold == other.fold && self.analyser.version == other.analyser.version
    }

    /// Whether a new generation of the same journal has begun since the rows were made. A new
    /// generation begins when the rows contradict the journal.
    pub fn is_superseded_by(&self, current: &Self) -> bool {
        self.incarnation == current.incarnation && self.generation != current.generation
    }

    /// Whether an older version, or the current one with other settings, made the rows from the
    /// same journal in the same generation. Such rows are correct for the fold that made them.
    /// Neither the fold nor the analyser is newer than the current one.
    pub fn is_older_than(&self, current: &Self) -> bool {
        self.incarnation == current.incarnation
            && self.generation == current.generation
            && self.fold <= current.fold
            && self.analyser.version <= current.analyser.version
            && self != current
    }
}

impl std::fmt::Display for Epoch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A text that is not an epoch.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projections::spikes::SpikeSettings;
    use crate::text::AnalyserSettings;

    /// Clients and rows keep the value of the epoch.
    #[test]
    fn epoch_is_this_hash_of_its_parts() {
        let parts = EpochParts {
            incarnation: Incarnation(1),
            fold: 3,
            analyser: AnalyserPart {
                version: 0,
                settings: 0,
            },
            generation: Generation(2),
        };
        let input: Vec<u8> = [1_u64.to_be_bytes().as_slice(), &3_u32.to_be_bytes()]
            .into_iter()
            .chain([&0_u32.to_be_bytes()[..], &2_u64.to_be_bytes()])
            .flatten()
            .copied()
            .collect();
        let hash = blake3::hash(&input).to_hex();
        assert_eq!(Some(&*parts.epoch().to_string()), hash.as_str().get(..16));
        let found = EpochParts::of_bare(parts.epoch(), parts.incarnation, parts.generation);
        assert_eq!(found, Some(parts));
        let elsewhere = EpochParts::of_bare(parts.epoch(), Incarnation(9), parts.generation);
        assert_eq!(elsewhere, None);

        let mut parts = parts;
        parts.analyser.settings = 9;
        let hash = blake3::hash(&[&input[..], &9_u64.to_be_bytes()].concat()).to_hex();
        assert_eq!(Some(&*parts.epoch().to_string()), hash.as_str().get(..16));
    }

    #[test]
    fn epochs_are_equal_exactly_if_the_settings_are() {
        let epoch = |words: &[&str]| {
            let texts = AnalyserSettings {
                user_words: words.iter().map(|word| (*word).to_owned()).collect(),
            };
            let context = FoldContext::new(&texts, SpikeSettings::default());
            EpochParts::current(Incarnation(1), Generation(2), &context).epoch()
        };
        assert_eq!(epoch(&["b", "a"]), epoch(&["a", "B"]));
        assert_ne!(epoch(&["a"]), epoch(&["b"]));
        assert_ne!(epoch(&["a"]), epoch(&[]));
    }

    #[test]
    fn rows_are_older_if_an_earlier_version_made_them_from_the_same_journal_and_generation() {
        let context = FoldContext::default();
        let current = EpochParts::current(Incarnation(1), Generation(2), &context);
        let is_older = |change: fn(&mut EpochParts)| {
            let mut parts = current;
            change(&mut parts);
            parts.is_older_than(&current)
        };
        assert!(is_older(|parts| parts.fold -= 1));
        assert!(is_older(|parts| parts.analyser.version -= 1));
        assert!(is_older(|parts| parts.analyser.settings += 1));
        assert!(!is_older(|_| {}));
        assert!(!is_older(|parts| parts.fold += 1));
        assert!(!is_older(|parts| parts.analyser.version += 1));
        assert!(!is_older(|parts| {
            parts.fold -= 1;
            parts.analyser.version += 1;
        }));
        assert!(!is_older(|parts| {
            parts.fold -= 1;
            parts.generation = Generation(3);
        }));
        assert!(!is_older(|parts| {
            parts.fold -= 1;
            parts.incarnation = Incarnation(3);
        }));
    }
}
