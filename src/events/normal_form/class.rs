//! The classes of characters, by how they are normalised.

use unicode_normalization::UnicodeNormalization;

use crate::events::lone_form::lone_form;

/// The Hangul filler, which is not a jamo: NFKC turns it into U+1160, which is invisible.
const HANGUL_FILLER: char = '\u{3164}';

/// How a character is normalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// ASCII white space.
    Space,
    /// The character is its own NFKC, begins a new stretch for NFKC, and its lower case is its
    /// ASCII lower case.
    Plain,
    /// A compatibility or half-width jamo, as a compatibility jamo.
    Jamo(char),
    /// A character that needs the Unicode tables.
    Other,
}

impl Class {
    /// Returns the class of a character. Except for jamo, classes are only a shortcut: classing a
    /// plain character as other costs time and changes no result. A test checks the ranges against
    /// the Unicode tables.
    #[inline]
    pub(super) const fn of(character: char) -> Self {
        match character {
            '\t'..='\r' | ' ' => Self::Space,
            '\0'..='\u{7f}'
            // Cyrillic small letters.
            | '\u{430}'..='\u{45f}'
            // Arabic letters and digits.
            | '\u{621}'..='\u{64a}' | '\u{660}'..='\u{669}' | '\u{6cc}'
            // Devanagari letters (not those with nukta, which decompose), Thai letters except SARA
            // AM.
            | '\u{904}'..='\u{939}' | '\u{e01}'..='\u{e31}'
            // Dashes, quotes and bullets; CJK brackets and commas; Hiragana and Katakana.
            | '\u{2012}'..='\u{2016}' | '\u{2018}'..='\u{2023}' | '\u{3001}'..='\u{3003}'
            | '\u{3008}'..='\u{3011}' | '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fe}'
            // Han, Hangul syllables.
            | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}'
            // Emoji and other symbols, flags.
            | '\u{2600}'..='\u{27bf}' | '\u{1f300}'..='\u{1faff}' | '\u{1f1e6}'..='\u{1f1ff}' => {
                Self::Plain
            }
            '\u{3131}'..='\u{318e}' | '\u{ffa1}'..='\u{ffdc}' => match compatibility_jamo(character)
            {
                Some(jamo) => Self::Jamo(jamo),
                None => Self::Other,
            },
            _ => Self::Other,
        }
    }
}

/// The normal form of a character that combines with no neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lone {
    Space,
    Plain(char),
    Form(&'static str),
}

impl Class {
    /// Returns the normal form of a lone character of this class; `None` when the Unicode tables
    /// are needed.
    #[inline]
    pub(super) fn lone(self, character: char) -> Option<Lone> {
        match self {
            Self::Space => Some(Lone::Space),
            Self::Plain => Some(Lone::Plain(character.to_ascii_lowercase())),
            Self::Jamo(jamo) => Some(Lone::Plain(jamo)),
            Self::Other => lone_form(character).map(Lone::Form),
        }
    }
}

/// Returns the compatibility jamo for a character that is one, or is the half-width form of one.
pub(super) const fn compatibility_jamo(character: char) -> Option<char> {
    // `offset` is what to subtract from a half-width jamo to get its compatibility jamo.
    let offset = match character {
        HANGUL_FILLER => return None,
        '\u{3131}'..='\u{318e}' => return Some(character),
        '\u{ffa1}'..='\u{ffbe}' => 0xffa1 - 0x3131,
        '\u{ffc2}'..='\u{ffc7}' => 0xffc2 - 0x314f,
        '\u{ffca}'..='\u{ffcf}' => 0xffca - 0x3155,
        '\u{ffd2}'..='\u{ffd7}' => 0xffd2 - 0x315b,
        '\u{ffda}'..='\u{ffdc}' => 0xffda - 0x3161,
        _ => return None,
    };
    char::from_u32(character as u32 - offset)
}

/// Returns the compatibility jamo from which NFKC makes the jamo `conjoining`.
pub(in crate::events) fn compatibility_jamo_of(conjoining: char) -> Option<char> {
    ('\u{3131}'..='\u{318e}')
        .filter(|jamo| *jamo != HANGUL_FILLER)
        .find(|jamo| jamo.nfkc().eq([conjoining]))
}

pub(in crate::events) const fn is_variation_selector(character: char) -> bool {
    matches!(character, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}
