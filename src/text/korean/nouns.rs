//! Decides which part of a run is its noun.
//!
//! 1. One to three nouns of the lexicon cover the left part, and the rest may follow a noun. The
//!    cover with the highest score is chosen: covered syllables minus three for each noun. The
//!    whole cover is the noun: 전쟁영화, not 전쟁 and 영화.
//! 2. A verb, adverb or pronoun contains no noun.
//! 3. A run that is not in the lexicon loses its particle. What is left is the noun if it has at
//!    least two syllables.

use std::ops::Range;

use super::super::lexicon::{Form, SYLLABLE};
use super::super::stop_words::is_stop_word;
use super::counters::{counter, counts};
use super::cover::Cover;
use super::eojeol::{Eojeol, LONGEST};
use super::recent::{NONE, remembered};
use super::rests::Rest;

/// The text directly before a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Before {
    /// A space, punctuation, or the beginning.
    Nothing,
    /// A Latin word, or a user's word.
    Word,
    /// A number.
    Number,
}

/// Minimum length of a noun, in syllables. Nouns of one syllable say too little.
pub(super) const SHORTEST: usize = 2;

/// The range in syllables of the noun of `run`; `None` if it has none, if the noun is a stop word,
/// and for a run longer than [`LONGEST`].
pub(in super::super) fn noun(run: &str, before: Before) -> Option<Range<usize>> {
    let syllables = run.len() / SYLLABLE;
    if !(SHORTEST..=LONGEST).contains(&syllables) {
        return None;
    }
    let found = remembered(run, before as u8, || {
        let found = find(run, before).filter(|noun| {
            let noun = run.get(noun.start * SYLLABLE..noun.end * SYLLABLE);
            noun.is_some_and(|noun| !is_stop_word(noun))
        });
        found.map_or(NONE, |noun| {
            [noun.start, noun.end].map(|end| u8::try_from(end).unwrap_or(0))
        })
    });
    (found != NONE).then(|| usize::from(found[0])..usize::from(found[1]))
}

fn find(run: &str, before: Before) -> Option<Range<usize>> {
    let mut eojeol = Eojeol::new(run);
    match before {
        Before::Nothing => {}
        Before::Word if eojeol.rest(0).is_some() => return None,
        Before::Number if counts(&mut eojeol) => return None,
        Before::Number if eojeol.cover().is_none() => {
            let start = counter(run)?;
            let length = Eojeol::new(eojeol.from(start)).known()??;
            return Some(start..start + length);
        }
        Before::Word | Before::Number => {}
    }
    if let Some(decided) = eojeol.known() {
        return decided.map(|length| 0..length);
    }
    if let Some(start) = eojeol.introduction() {
        return Eojeol::new(eojeol.from(start))
            .known()?
            .map(|length| start..start + length);
    }
    let length = eojeol.clause().or_else(|| eojeol.unknown())?;
    Some(0..length)
}

/// Whether a run may follow a noun that ends before it, such as a particle. The final consonant of
/// the noun is not considered.
pub(in super::super) fn may_follow_noun(run: &str) -> bool {
    run.is_empty() || Eojeol::new(run).rest(0).is_some()
}

/// Whether a run forms a word with a single Latin letter before it: k팝, s펜, a급. Its first syllable
/// is not a particle, and the text after it may follow a noun.
pub(in super::super) fn begins_with_syllable_noun(run: &str) -> bool {
    if run.len() > 4 * SYLLABLE || run.starts_with(['씨', '님', '들', '군', '양']) {
        return false;
    }
    let mut eojeol = Eojeol::new(run);
    matches!(eojeol.rest(0), None | Some(Rest::Suffix))
        && !eojeol.particle(0)
        && matches!(
            eojeol.rest(1),
            Some(Rest::Nothing | Rest::Particle | Rest::Copula)
        )
}

impl Eojeol<'_> {
    /// The decision by the lexicon alone: the length of the noun in syllables, or no noun. `None`
    /// if the lexicon does not know the run.
    pub(super) fn known(&mut self) -> Option<Option<usize>> {
        if self.particle(0) {
            return Some(None);
        }
        let cover = self.cover();
        // No adverb or pronoun is longer than a single noun that covers the run.
        let is_plain = |cover: Cover| cover.rest == Rest::Nothing && cover.nouns == 1;
        let function = if cover.is_some_and(is_plain) {
            0
        } else {
            self.function()
        };
        if let Some(cover) = cover
            && cover.syllables > function
            && !self.is_rather_predicate(&cover)
        {
            return Some(Some(cover.syllables));
        }
        let decided = function > 0 || cover.is_some() || self.predicate(0) > 0;
        decided.then_some(None)
    }

    /// Length in syllables of the longest adverb, pronoun or the like at the beginning of the run,
    /// if the text after it may follow a noun; 0 if there is none.
    fn function(&mut self) -> usize {
        let forms = self.forms(0);
        for (length, form) in forms.iter().enumerate().skip(SHORTEST).rev() {
            if length <= self.length && form.is(Form::FUNCTION) && self.rest(length).is_some() {
                return length;
            }
        }
        0
    }
}
