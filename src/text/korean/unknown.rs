//! Runs that the lexicon does not know.

use super::super::lexicon::Form;
use super::eojeol::Eojeol;
use super::nouns::SHORTEST;
use super::rests::Rest;

/// Maximum length of a noun that only the rules find, in syllables.
const LONGEST_UNKNOWN: usize = 10;

impl Eojeol<'_> {
    /// Length in syllables of the noun of a run that the lexicon does not know; `None` if the run
    /// has no noun.
    pub(super) fn unknown(&mut self) -> Option<usize> {
        // The run is a noun of one syllable with its particle or the copula.
        if matches!(self.rest(1), Some(Rest::Particle | Rest::Copula)) {
            return None;
        }
        for end in SHORTEST..self.length {
            let Some(rest) = self.rest(end) else { continue };
            let stem_is_root = self
                .forms(0)
                .get(end)
                .is_some_and(|form| form.is(Form::ROOT));
            match rest {
                Rest::LightVerb if stem_is_root => return None,
                Rest::Particle | Rest::Copula
                    if end == SHORTEST && self.length == end + 1 && self.is_weak_ending(end) => {}
                _ => return self.accepted(end),
            }
        }
        if self.ends_like_predicate() {
            return None;
        }
        self.accepted(self.length)
    }

    /// Whether the last syllable is more probably a part of a short noun than its particle.
    fn is_weak_ending(&self, position: usize) -> bool {
        let rest = self.from(position);
        [
            "나", "고", "야", "라", "다", "지", "네", "니", "며", "면", "든", "랑", "요", "여",
            "아", "인", "일", "임", "로", "째",
        ]
        .contains(&rest)
    }

    /// Whether an unknown run ends like a predicate at the end of a sentence.
    fn ends_like_predicate(&mut self) -> bool {
        let last = self.from(self.length.saturating_sub(1));
        if ["요", "다", "죠", "까", "냐", "슴", "쥬", "됨", "함"].contains(&last) {
            return true;
        }
        (1..self.length.saturating_sub(1)).any(|start| self.form_to_end(start).is(Form::ENDING))
    }

    /// Returns `syllables` if the first `syllables` of the run can be a noun: they are neither too
    /// few nor too many, and no syllable comes three times in a row.
    fn accepted(&self, syllables: usize) -> Option<usize> {
        if !(SHORTEST..=LONGEST_UNKNOWN).contains(&syllables) {
            return None;
        }
        let noun = self.to(syllables);
        let mut run = 0;
        let mut last = None;
        for syllable in noun.chars() {
            run = if last == Some(syllable) { run + 1 } else { 1 };
            if run == 3 {
                return None;
            }
            last = Some(syllable);
        }
        Some(syllables)
    }
}
