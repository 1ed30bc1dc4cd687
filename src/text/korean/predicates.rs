//! Verbs and adjectives with their endings.

use super::super::lexicon::Form;
use super::eojeol::Eojeol;

impl Eojeol<'_> {
    /// Length in syllables of the longest stem or finished form of a predicate that extends from
    /// `position` to the end; 0 if there is none.
    pub(super) fn predicate(&mut self, position: usize) -> usize {
        if self.no_predicate >> position & 1 == 1 {
            return 0;
        }
        let head = self.predicate_of(position, Form::STEM.or(Form::PREDICATE));
        if head == 0 {
            self.no_predicate |= 1 << position;
        }
        head
    }

    /// Whether an auxiliary verb extends from `position` to the end.
    fn auxiliary(&mut self, position: usize) -> bool {
        if (self.no_predicate | self.no_auxiliary) >> position & 1 == 1 {
            return false;
        }
        let found = self.predicate_of(position, Form::AUXILIARY) > 0;
        if !found {
            self.no_auxiliary |= 1 << position;
        }
        found
    }

    fn predicate_of(&mut self, position: usize, kind: Form) -> usize {
        let forms = self.forms(position);
        for (length, form) in forms.iter().enumerate().skip(1).rev() {
            let end = position + length;
            if end > self.length || !form.is(kind) {
                continue;
            }
            let whole = (form.is(Form::PREDICATE) && self.after_ending(end, *form))
                || (form.is(Form::STEM) && end < self.length && self.endings(end));
            if whole {
                return length;
            }
        }
        0
    }

    /// Whether the whole run is a verb or adjective in its adnominal form.
    pub(super) fn adnominal_predicate(&mut self) -> bool {
        let forms = self.forms(0);
        forms.iter().enumerate().skip(1).any(|(length, form)| {
            if length == self.length {
                return form.is(Form::PREDICATE) && form.is(Form::ADNOMINAL);
            }
            length < self.length && form.is(Form::STEM) && {
                let ending = self.form_to_end(length);
                ending.is(Form::ENDING) && ending.is(Form::ADNOMINAL)
            }
        })
    }

    /// Whether endings extend from `position` to the end.
    pub(super) fn endings(&mut self, position: usize) -> bool {
        if position >= self.length || self.no_ending >> position & 1 == 1 {
            return false;
        }
        let forms = self.forms(position);
        for (length, form) in forms.iter().enumerate().skip(1).rev() {
            let end = position + length;
            if end > self.length {
                continue;
            }
            let whole = (form.is(Form::ENDING) && self.after_ending(end, *form))
                || (form.is(Form::ENDING_OPEN) && end < self.length && self.endings(end));
            if whole {
                return true;
            }
        }
        self.no_ending |= 1 << position;
        false
    }

    /// Whether the text from `position` on may follow a finished form: nothing, a particle, a
    /// second verb, or, after an adnominal form, a dependent noun.
    pub(super) fn after_ending(&mut self, position: usize, form: Form) -> bool {
        if position >= self.length || self.particle(position) {
            return true;
        }
        if form.is(Form::ADNOMINAL) && self.dependent_noun(position) {
            return true;
        }
        self.auxiliary(position)
    }

    /// Whether a dependent noun, with a text that may follow it, extends from `position` to the
    /// end.
    pub(super) fn dependent_noun(&mut self, position: usize) -> bool {
        let forms = self.forms(position);
        forms.iter().enumerate().skip(1).any(|(length, form)| {
            let end = position + length;
            end <= self.length
                && form.is(Form::DEPENDENT)
                && (end == self.length || self.particle(end) || self.copula(end))
        })
    }
}
