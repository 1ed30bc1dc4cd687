//! Nouns of the lexicon that cover the left part of a run.

use super::super::lexicon::Form;
use super::eojeol::Eojeol;
use super::nouns::SHORTEST;
use super::rests::Rest;

/// The cost of each noun of a cover, in syllables.
const COST: usize = 3;

/// The nouns that cover the left part of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cover {
    pub(super) syllables: usize,
    pub(super) nouns: usize,
    pub(super) rest: Rest,
    /// True if the last noun is more probably the stem of a verb when the particle after the noun
    /// can also be an ending.
    verbal: bool,
}

impl Cover {
    /// The number of syllables minus [`COST`] for each noun. The cost of three nouns is added, so
    /// that the score is never negative.
    const fn score(&self) -> usize {
        self.syllables + 3 * COST - self.nouns * COST
    }
}

impl Eojeol<'_> {
    /// The cover with the highest score, if there is one.
    pub(super) fn cover(&mut self) -> Option<Cover> {
        let mut best: Option<Cover> = None;
        // Bit `n` is set if the nouns so far cover `n` syllables.
        let mut reached = 1_u32;
        for nouns in 1..=3 {
            let most = self.length + 3 * COST - nouns * COST;
            if reached == 0 || best.is_some_and(|best| best.score() >= most) {
                break;
            }
            let mut next = 0_u32;
            let mut verbal = 0_u32;
            for start in 0..self.length {
                if reached >> start & 1 == 0 {
                    continue;
                }
                let lexicon = self.lexicon;
                lexicon.nouns_in(self.syllables(start), |length, is_verbal| {
                    next |= 1 << (start + length);
                    verbal |= u32::from(is_verbal) << (start + length);
                });
            }
            for end in (SHORTEST..=self.length).rev() {
                if next >> end & 1 == 0 {
                    continue;
                }
                let mut cover = Cover {
                    syllables: end,
                    nouns,
                    rest: Rest::Nothing,
                    verbal: verbal >> end & 1 == 1,
                };
                if best.is_some_and(|best| best.score() >= cover.score()) {
                    break;
                }
                if nouns > 1 && end == self.length && self.ends_with_particle() {
                    continue;
                }
                if let Some(rest) = self.rest(end) {
                    cover.rest = rest;
                    best = Some(cover);
                }
            }
            reached = next;
        }
        best
    }

    /// Whether the last syllable of the run is a plain particle that fits. The last one of several
    /// nouns does not end with such a particle: 충전소가 is not 충전 with 소가.
    fn ends_with_particle(&mut self) -> bool {
        let last = self.length - 1;
        self.from(last)
            .starts_with(['이', '가', '은', '는', '을', '를', '의'])
            && self.particle(last)
    }

    /// Whether the run is more probably a verb than this cover with its rest.
    pub(super) fn is_rather_predicate(&mut self, cover: &Cover) -> bool {
        let single = cover.nouns == 1;
        // The run is a noun of one syllable with its particle: 번이나 is 번 with 이나.
        if cover.syllables == SHORTEST && self.length > SHORTEST && self.particle(1) {
            return true;
        }
        if single && (cover.syllables > 3 || cover.rest == Rest::Suffix) {
            return false;
        }
        if cover.rest == Rest::LightVerb {
            let root = self
                .forms(0)
                .get(cover.syllables)
                .is_some_and(|form| form.is(Form::ROOT));
            return root || self.predicate(0) > cover.syllables;
        }
        if single && !cover.verbal {
            let is_ending =
                cover.rest != Rest::Particle || self.form_to_end(cover.syllables).is(Form::ENDING);
            if cover.rest == Rest::Nothing || !is_ending {
                return false;
            }
        }
        let head = self.predicate(0);
        if head == 0 || (single && cover.rest == Rest::Nothing) {
            return false;
        }
        if head > cover.syllables || !single || cover.verbal {
            return true;
        }
        let particle = ["은", "는", "을", "도", "이", "가"];
        let rest = self.from(cover.syllables);
        rest == "요"
            || (head == cover.syllables
                && self.form_to_end(head).is(Form::ENDING)
                && !particle.contains(&rest))
    }
}
