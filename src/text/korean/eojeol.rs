//! A run of Hangul syllables, with what the lexicon says of its parts.

use super::super::lexicon::{Form, LONGEST_FORM, Lexicon, SYLLABLE, Syllable};

/// The syllables of the longest run that is taken apart.
pub(super) const LONGEST: usize = 16;

/// The final consonant of a syllable, as far as particles care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Final {
    None,
    N,
    L,
    Other,
    /// Unknown: what stands before is no Hangul.
    Any,
}

/// One run. What was looked up is kept.
#[derive(Debug)]
pub(super) struct Eojeol<'t> {
    pub(super) lexicon: &'static Lexicon,
    text: &'t str,
    syllables: [Syllable; LONGEST],
    /// The syllables of the run.
    pub(super) length: usize,
    /// The forms at each position, by their length.
    forms: [[Form; LONGEST_FORM + 1]; LONGEST],
    /// A bit for each position whose forms are known.
    looked_up: u32,
    /// A bit for each position where no predicate begins that goes on to the end.
    pub(super) no_predicate: u32,
    /// The same of auxiliary verbs.
    pub(super) no_auxiliary: u32,
    /// The same of endings.
    pub(super) no_ending: u32,
}

impl<'t> Eojeol<'t> {
    /// `text` is Hangul syllables, at most [`LONGEST`].
    pub(super) fn new(text: &'t str) -> Self {
        let mut syllables = [Syllable::default(); LONGEST];
        let (written, _) = text.as_bytes().as_chunks();
        for (syllable, bytes) in syllables.iter_mut().zip(written) {
            *syllable = Syllable::of(*bytes);
        }
        Self {
            lexicon: Lexicon::embedded(),
            text,
            syllables,
            length: written.len().min(LONGEST),
            forms: [[Form::default(); LONGEST_FORM + 1]; LONGEST],
            looked_up: 0,
            no_predicate: 0,
            no_auxiliary: 0,
            no_ending: 0,
        }
    }

    /// The text from a syllable on.
    pub(super) fn from(&self, position: usize) -> &'t str {
        self.text.get(position * SYLLABLE..).unwrap_or_default()
    }

    /// The first syllables of the text.
    pub(super) fn to(&self, position: usize) -> &'t str {
        self.text.get(..position * SYLLABLE).unwrap_or_default()
    }

    /// The syllables from a position on.
    pub(super) fn syllables(&self, position: usize) -> &[Syllable] {
        self.syllables
            .get(position..self.length)
            .unwrap_or_default()
    }

    /// The forms that begin at a position, by their length in syllables.
    pub(super) fn forms(&mut self, position: usize) -> [Form; LONGEST_FORM + 1] {
        let rest = self
            .syllables
            .get(position..self.length)
            .unwrap_or_default();
        let Some(row) = self.forms.get_mut(position) else {
            return [Form::default(); LONGEST_FORM + 1];
        };
        if self.looked_up >> position & 1 == 0 {
            self.looked_up |= 1 << position;
            self.lexicon.forms_in(rest, |length, form| {
                if let Some(place) = row.get_mut(length) {
                    *place = form;
                }
            });
        }
        *row
    }

    /// What the run from `position` to its end is as a whole.
    pub(super) fn form_to_end(&mut self, position: usize) -> Form {
        let length = self.length.saturating_sub(position);
        let forms = self.forms(position);
        forms.get(length).copied().unwrap_or_default()
    }

    /// The final consonant of the syllable before a position.
    pub(super) fn final_before(&self, position: usize) -> Final {
        let Some(before) = position
            .checked_sub(1)
            .and_then(|last| self.syllables.get(last))
        else {
            return Final::Any;
        };
        match before.final_consonant() {
            0 => Final::None,
            4 => Final::N,
            8 => Final::L,
            _ => Final::Other,
        }
    }
}
