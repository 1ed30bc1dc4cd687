//! Recognises what may follow a noun: nothing, particles, the copula, a light verb, and suffixes
//! such as 들 and 님.

use super::super::lexicon::Form;
use super::eojeol::{Eojeol, Final};

/// The kind of text between a noun and the end of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    Nothing,
    Particle,
    Copula,
    LightVerb,
    /// A suffix that is not part of the noun, and the text after it.
    Suffix,
}

/// Suffixes that are not part of the noun: plural, courtesy, kind, purpose, side, place and time.
const SUFFIXES: [char; 16] = [
    '들', '님', '씨', '분', '급', '용', '측', '쪽', '적', '중', '속', '때', '후', '전', '등', '간',
];

impl Eojeol<'_> {
    /// The kind of the text from `position` to the end as a rest; `None` if it cannot follow a
    /// noun.
    pub(super) fn rest(&mut self, position: usize) -> Option<Rest> {
        if position >= self.length {
            return Some(Rest::Nothing);
        }
        let behind = self.from(position);
        // 하고 is also a particle, so the light verb is checked first.
        if behind.starts_with('하') && self.light_verb(position) {
            return Some(Rest::LightVerb);
        }
        if let Some(rest) = self.particle_or_copula(position) {
            return Some(rest);
        }
        if self.light_verb(position) {
            return Some(Rest::LightVerb);
        }
        let fits = behind.starts_with(SUFFIXES)
            && (position + 1 >= self.length
                || self.particle_or_copula(position + 1).is_some()
                || (behind.starts_with(['들', '분', '적']) && self.rest(position + 1).is_some()));
        fits.then_some(Rest::Suffix)
    }

    fn particle_or_copula(&mut self, position: usize) -> Option<Rest> {
        if self.particle(position) {
            Some(Rest::Particle)
        } else if self.copula(position) || self.particle_and_copula(position) {
            Some(Rest::Copula)
        } else {
            None
        }
    }

    /// Whether a particle and the copula extend from `position` to the end, as in 까지였다.
    fn particle_and_copula(&mut self, position: usize) -> bool {
        let forms = self.forms(position);
        forms.iter().enumerate().skip(1).any(|(length, form)| {
            let end = position + length;
            end < self.length && form.is(Form::PARTICLE) && self.copula(end)
        })
    }

    /// Whether a particle extends from `position` to the end and fits the syllable before it.
    pub(super) fn particle(&mut self, position: usize) -> bool {
        let fitting = match self.final_before(position) {
            Final::None => Form::PARTICLE_VOWEL.or(Form::PARTICLE_RO),
            Final::L => Form::PARTICLE_FINAL.or(Form::PARTICLE_RO),
            Final::N | Final::Other => Form::PARTICLE_FINAL,
            Final::Any => Form::PARTICLE_FINAL
                .or(Form::PARTICLE_VOWEL)
                .or(Form::PARTICLE_RO),
        };
        let fitting = fitting.or(Form::PARTICLE);
        let forms = self.forms(position);
        let length = self.length.saturating_sub(position);
        let is_particle = |length: usize| forms.get(length).is_some_and(|form| form.is(fitting));
        // 요 makes a particle polite.
        is_particle(length)
            || (length > 1 && is_particle(length - 1) && self.from(self.length - 1) == "요")
    }

    /// Whether the copula with its endings extends from `position` to the end.
    pub(super) fn copula(&mut self, position: usize) -> bool {
        let vowel = matches!(self.final_before(position), Final::None | Final::Any);
        let forms = self.forms(position);
        forms.iter().enumerate().skip(1).any(|(length, form)| {
            let end = position + length;
            if end > self.length || (form.is(Form::COPULA_VOWEL) && !vowel) {
                return false;
            }
            (form.is(Form::COPULA) && (end == self.length || self.after_copula(end, *form)))
                || (form.is(Form::COPULA_STEM) && end < self.length && self.copula_ending(end))
        })
    }

    /// Whether the text from `position` on may follow the copula with its ending.
    fn after_copula(&mut self, position: usize, form: Form) -> bool {
        self.particle(position) || (form.is(Form::ADNOMINAL) && self.dependent_noun(position))
    }

    /// Whether endings of the copula extend from `position` to the end. Endings that only verbs
    /// have do not count.
    fn copula_ending(&mut self, position: usize) -> bool {
        let verbal = ["는", "은", "을", "으", "습", "느", "려", "러"];
        let rest = self.from(position);
        let past = self.to(position).ends_with(['었', '였']);
        (past || !verbal.iter().any(|ending| rest.starts_with(ending))) && self.endings(position)
    }

    fn light_verb(&mut self, position: usize) -> bool {
        let forms = self.forms(position);
        forms.iter().enumerate().skip(1).any(|(length, form)| {
            let end = position + length;
            end <= self.length
                && ((form.is(Form::LIGHT) && self.after_ending(end, *form))
                    || (form.is(Form::LIGHT_STEM) && end < self.length && self.endings(end)))
        })
    }
}
