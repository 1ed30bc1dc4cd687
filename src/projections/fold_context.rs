//! What rows depend on besides the events: the version of the fold, and its settings.
//!
//! In: the settings of texts and spikes. Out: one value that a store hands to folds and queries
//! together with its rows, so that all of them use what the rows were made with.

use super::registry::{FOLD_VERSION, kept_since};
use super::rows::{RowKind, RowsError};
use super::spikes::SpikeSettings;
use crate::text::{Analyser, AnalyserSettings};

/// The version of the fold that makes rows, and its settings. Cheap to clone.
#[derive(Debug, Clone)]
pub struct FoldContext {
    /// The version of the fold.
    version: u32,
    /// `None` when the rows were made with settings that are not known.
    settings: Option<Settings>,
    settings_hash: u64,
}

/// The settings of a fold.
#[derive(Debug, Clone)]
struct Settings {
    analyser: Analyser,
    spikes: SpikeSettings,
}

impl FoldContext {
    /// The context of the current version of the fold, with these settings.
    pub fn new(texts: &AnalyserSettings, spikes: SpikeSettings) -> Self {
        Self {
            version: FOLD_VERSION,
            settings: Some(Settings {
                analyser: Analyser::new(texts),
                spikes,
            }),
            settings_hash: settings_hash(texts, &spikes),
        }
    }

    /// The context of an earlier version of the fold with these settings, for rows that are only
    /// read.
    #[must_use]
    pub fn of_fold(&self, version: u32) -> Self {
        Self {
            version,
            ..self.clone()
        }
    }

    /// The context of this version of the fold with unknown settings, of which only the hash is
    /// known. Rows in this context are only read. Queries that depend on settings get no answer
    /// from them.
    #[must_use]
    pub const fn of_unknown_settings(&self, settings_hash: u64) -> Self {
        Self {
            version: self.version,
            settings: None,
            settings_hash,
        }
    }

    /// The analyser of texts.
    ///
    /// # Errors
    /// [`RowsError::NotKept`] when the settings are not known.
    pub fn analyser(&self) -> Result<&Analyser, RowsError> {
        Ok(&self.settings()?.analyser)
    }

    /// The settings of spikes.
    ///
    /// # Errors
    /// [`RowsError::NotKept`] when the settings are not known.
    pub fn spikes(&self) -> Result<&SpikeSettings, RowsError> {
        Ok(&self.settings()?.spikes)
    }

    fn settings(&self) -> Result<&Settings, RowsError> {
        self.settings.as_ref().ok_or(RowsError::NotKept)
    }

    /// The hash of all settings, a part of the epoch. It is 0 for the default settings.
    pub const fn settings_hash(&self) -> u64 {
        self.settings_hash
    }

    /// Checks that folds of this version keep rows of a kind.
    ///
    /// # Errors
    /// [`RowsError::NotKept`].
    pub fn check_kept(&self, kind: RowKind) -> Result<(), RowsError> {
        if self.version < FOLD_VERSION && self.version < kept_since(kind) {
            return Err(RowsError::NotKept);
        }
        Ok(())
    }
}

impl Default for FoldContext {
    /// The context of the default settings.
    fn default() -> Self {
        Self::new(&AnalyserSettings::default(), SpikeSettings::default())
    }
}

/// Folds in equal contexts make equal rows and answers from equal events.
impl PartialEq for FoldContext {
    fn eq(&self, other: &Self) -> bool {
        let parts = |of: &Self| (of.version, of.settings_hash, of.settings.is_some());
        parts(self) == parts(other)
    }
}

impl Eq for FoldContext {}

fn settings_hash(texts: &AnalyserSettings, spikes: &SpikeSettings) -> u64 {
    let words = texts.words();
    if words.is_empty() && *spikes == SpikeSettings::default() {
        return 0;
    }
    let mut hash = blake3::Hasher::new();
    hash.update(spikes.to_string().as_bytes());
    for word in words {
        // No word contains a line feed.
        hash.update(b"\n");
        hash.update(word.as_bytes());
    }
    hash.finalize()
        .as_bytes()
        .first_chunk()
        .map_or(0, |first| u64::from_be_bytes(*first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Event, Timestamp};
    use crate::projections::keys::background;
    use crate::projections::keys::{KeyKind, RankingQuery, ranking};
    use crate::projections::overview::Window;
    use crate::projections::statistics::Decimal;
    use crate::projections::test_history::{NOON, TestKeyword, deleted, tweet};
    use crate::projections::{KeywordSummary, Projections, RowFormat};
    use crate::text::ANALYSER_VERSION;

    fn texts(words: &[&str]) -> AnalyserSettings {
        AnalyserSettings {
            user_words: words.iter().map(|word| (*word).to_owned()).collect(),
        }
    }

    /// The hash of the default settings is 0, whatever they are. When they change, raise
    /// [`ANALYSER_VERSION`], so that the epoch changes with them.
    #[test]
    fn version_belongs_to_these_default_settings() {
        assert_eq!(FoldContext::default().settings_hash(), 0);
        assert_eq!(
            (
                ANALYSER_VERSION,
                SpikeSettings::default().to_string().as_str()
            ),
            (1, "spikes threshold=16.000 minimum=18 factor=3.0")
        );
    }

    #[test]
    fn hash_names_every_setting() {
        let default = SpikeSettings::default();
        let threshold = Decimal::of_units(17_000);
        let factor = Decimal::of_units(40);
        let minimum = 19;
        let hashes = [
            (texts(&[]), default),
            (texts(&["ab"]), default),
            (texts(&["a", "b"]), default),
            (
                texts(&[]),
                SpikeSettings {
                    threshold,
                    ..default
                },
            ),
            (texts(&[]), SpikeSettings { minimum, ..default }),
            (texts(&[]), SpikeSettings { factor, ..default }),
            (texts(&["ab"]), SpikeSettings { minimum, ..default }),
        ]
        .map(|(texts, spikes)| FoldContext::new(&texts, spikes).settings_hash());
        for (index, hash) in hashes.iter().enumerate() {
            assert!(!hashes[..index].contains(hash), "{index}");
        }
    }

    #[test]
    fn equal_words_give_equal_hashes_in_any_order_and_spelling() {
        let of = |words: &[&str]| {
            let context = FoldContext::new(&texts(words), SpikeSettings::default());
            context.settings_hash()
        };
        assert_eq!(of(&["Wi-Fi", "집"]), of(&["집", "ＷＩ-fi", "wi-fi", " "]));
        assert_eq!(of(&[" "]), 0);
        // Stored epochs contain this value.
        let known = blake3::hash(b"spikes threshold=16.000 minimum=18 factor=3.0\na\nb").to_hex();
        assert_eq!(Some(&*format!("{:016x}", of(&["b", "a"]))), known.get(..16));
    }

    /// A bucket of a unit test is cut at 40 words. After a deletion it is counted again from the
    /// texts of its tweets.
    #[test]
    fn words_of_the_settings_are_folded_also_after_untracking_and_counted_again_in_a_cut_bucket() {
        let context = FoldContext::new(&texts(&["new phone"]), SpikeSettings::default());
        let mut keyword = TestKeyword::in_context(context);
        let posted = |number: u64, text: String| {
            let mut tweet = tweet(number);
            (tweet.at, tweet.text) = (NOON, text);
            Event::TweetPosted(Box::new(tweet))
        };
        let word = |keyword: &TestKeyword| {
            let query = RankingQuery {
                by: KeyKind::Word,
                window: Window::Hour,
                at: NOON,
                limit: 1,
            };
            let ranking = ranking(&keyword.rows, &query).unwrap();
            let first = ranking.items.into_iter().next();
            (first.map(|item| (item.key, item.count)), ranking.is_cut)
        };
        let of_settings = |count| Some(("new phone".to_owned(), count));
        let untracked = Event::keyword_untracked(Timestamp::EARLIEST);
        let tracked = Event::keyword_tracked(Timestamp::EARLIEST);
        let first = posted(0, "a new phone".to_owned());
        keyword.fold([untracked, tracked, first]);
        assert_eq!(word(&keyword), (of_settings(1), false));

        keyword.fold((1..1_000).map(|number| {
            let other = number % 60;
            posted(number, format!("new phone x{other}"))
        }));
        assert_eq!(word(&keyword), (of_settings(1_000), true));
        let mut event = deleted(1);
        if let Event::TweetDeleted(deleted) = &mut event {
            deleted.at = NOON;
        }
        keyword.fold([event]);
        assert_eq!(word(&keyword), (of_settings(999), true));
    }

    #[test]
    fn unknown_settings_answer_nothing_that_depends_on_them() {
        let known = FoldContext::default();
        let unknown = known.of_unknown_settings(0);
        assert_ne!(unknown, known);
        assert!(matches!(unknown.spikes(), Err(RowsError::NotKept)));
        assert!(matches!(unknown.analyser(), Err(RowsError::NotKept)));
        unknown.check_kept(KeywordSummary::FORMAT.kind).unwrap();
    }

    #[test]
    fn rows_of_a_projection_are_kept_since_its_first_fold_version() {
        let current = FoldContext::default();
        for projection in Projections::ALL {
            assert!(projection.since <= FOLD_VERSION, "{projection:?}");
            for RowFormat { kind, .. } in projection.formats {
                current.check_kept(*kind).unwrap();
                let first = current.of_fold(projection.since);
                first.check_kept(*kind).unwrap();
                if let Some(earlier) = projection.since.checked_sub(1) {
                    let refused = current.of_fold(earlier).check_kept(*kind);
                    assert!(matches!(refused, Err(RowsError::NotKept)), "{projection:?}");
                }
            }
        }
        for RowFormat { kind, .. } in background::FORMATS {
            current.check_kept(kind).unwrap();
            current.of_fold(12).check_kept(kind).unwrap();
            let refused = current.of_fold(11).check_kept(kind);
            assert!(matches!(refused, Err(RowsError::NotKept)));
        }
        let summary = current.of_fold(0).check_kept(KeywordSummary::FORMAT.kind);
        summary.unwrap();
    }
}
