//! A run of Hangul syllables, and the forms of its parts in the lexicon.

use super::super::lexicon::{Form, LONGEST_FORM, Lexicon, SYLLABLE, Syllable};

/// Maximum length of a run that is analysed, in syllables.
pub(super) const LONGEST: usize = 16;

/// The final consonant of a syllable, as particles distinguish it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Final {
    None,
    N,
    L,
    Other,
    /// Unknown, because the character before is not a Hangul syllable.
    Any,
}

/// One run of Hangul syllables, with the results of look-ups in the lexicon.
#[derive(Debug)]
pub(super) struct Eojeol<'t> {
    pub(super) lexicon: &'static Lexicon,
    text: &'t str,
    syllables: [Syllable; LONGEST],
    /// Length of the run, in syllables.
    pub(super) length: usize,
    /// The forms that begin at each position, by their length in syllables.
    forms: [[Form; LONGEST_FORM + 1]; LONGEST],
    /// Bit `n` is set if the forms at position `n` were looked up.
    looked_up: u32,
    /// Bit `n` is set if no predicate extends from position `n` to the end.
    pub(super) no_predicate: u32,
    /// Bit `n` is set if no auxiliary verb extends from position `n` to the end.
    pub(super) no_auxiliary: u32,
    /// Bit `n` is set if no ending extends from position `n` to the end.
    pub(super) no_ending: u32,
}

impl<'t> Eojeol<'t> {
    /// Begins the analysis of a run. `text` has at most [`LONGEST`] characters, all of them Hangul
    /// syllables.
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

    /// The text from a position on, which is counted in syllables.
    pub(super) fn from(&self, position: usize) -> &'t str {
        self.text.get(position * SYLLABLE..).unwrap_or_default()
    }

    /// The text before a position, which is counted in syllables.
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
                if let Some(slot) = row.get_mut(length) {
                    *slot = form;
                }
            });
        }
        *row
    }

    /// The forms of the whole text from `position` to the end of the run.
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
