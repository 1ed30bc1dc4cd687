//! The Korean lexicon: nouns, and the forms of other words, particles and endings.
//!
//! Two embedded `fst` maps, which `scripts/lexicon/build` makes. A key is a sequence of Hangul
//! syllables with two bytes each ([`Syllable::bytes`]), which makes a walk a third shorter than
//! with UTF-8. [`Lexicon::nouns_in`] and [`Lexicon::forms_in`] walk a map once and find all keys
//! that are a prefix of a text. The node after the first syllable is looked up in a table.

use std::fmt;
use std::sync::LazyLock;

use fst::raw::{Fst, Node, Output};

const NOUNS: &[u8] = include_bytes!("../../assets/ko-nouns.fst");
const FORMS: &[u8] = include_bytes!("../../assets/ko-forms.fst");

/// Length of a Hangul syllable in UTF-8, in bytes.
pub(super) const SYLLABLE: usize = 3;
/// Length of the longest noun, in syllables.
pub(super) const LONGEST_NOUN: usize = 8;
/// Maximum length of a form that is searched for, in syllables. Longer forms are found in parts.
pub(super) const LONGEST_FORM: usize = 8;

/// A precomposed Hangul syllable, as its index in the block of Hangul syllables of Unicode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Syllable(u16);

impl Syllable {
    /// Number of syllables in the block.
    const COUNT: u16 = 11_172;

    /// The syllable with these three bytes in UTF-8.
    pub(super) fn of([first, second, third]: [u8; SYLLABLE]) -> Self {
        let code =
            u16::from(first & 0xf) << 12 | u16::from(second & 0x3f) << 6 | u16::from(third & 0x3f);
        Self(code.wrapping_sub(0xac00))
    }

    /// The number of the final consonant in the order of Unicode; 0 if the syllable has none.
    pub(super) const fn final_consonant(self) -> u16 {
        self.0 % 28
    }

    /// The number of the syllable, from 1; it takes 14 bits.
    pub(super) const fn number(self) -> u16 {
        self.0.wrapping_add(1)
    }

    /// The bytes of the syllable in a key.
    const fn bytes(self) -> [u8; 2] {
        let [high, low] = (self.0 << 2).to_be_bytes();
        [high, low >> 2]
    }
}

/// The grammatical functions of a form, as bits. A form can have several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Form(u32);

impl Form {
    /// The stem of a verb or adjective. An ending has to follow.
    pub(super) const STEM: Self = Self(1);
    /// A verb or adjective with its ending.
    pub(super) const PREDICATE: Self = Self(1 << 1);
    /// An ending after which another ending follows.
    pub(super) const ENDING_OPEN: Self = Self(1 << 2);
    /// An ending.
    pub(super) const ENDING: Self = Self(1 << 3);
    /// The stem of a light verb: 하, 되, 받 and others that turn a noun into a verb.
    pub(super) const LIGHT_STEM: Self = Self(1 << 4);
    /// A light verb with its ending.
    pub(super) const LIGHT: Self = Self(1 << 5);
    /// The copula 이 or its past. An ending has to follow.
    pub(super) const COPULA_STEM: Self = Self(1 << 6);
    /// The copula with its ending.
    pub(super) const COPULA: Self = Self(1 << 7);
    /// The copula occurs only after a vowel. Set together with [`Self::COPULA_STEM`] or
    /// [`Self::COPULA`].
    pub(super) const COPULA_VOWEL: Self = Self(1 << 8);
    /// One or two particles that can follow any noun.
    pub(super) const PARTICLE: Self = Self(1 << 9);
    /// A particle that follows a final consonant.
    pub(super) const PARTICLE_FINAL: Self = Self(1 << 10);
    /// A particle that follows a vowel.
    pub(super) const PARTICLE_VOWEL: Self = Self(1 << 11);
    /// A particle that follows a vowel or ㄹ.
    pub(super) const PARTICLE_RO: Self = Self(1 << 12);
    /// An adverb, pronoun, determiner or exclamation.
    pub(super) const FUNCTION: Self = Self(1 << 13);
    /// A root that is no noun by itself: 깨끗 of 깨끗하다.
    pub(super) const ROOT: Self = Self(1 << 14);
    /// A noun that only occurs after an adnominal ending: 것, 수, 듯.
    pub(super) const DEPENDENT: Self = Self(1 << 15);
    /// The predicate or ending is adnominal.
    pub(super) const ADNOMINAL: Self = Self(1 << 16);
    /// The stem or predicate is an auxiliary verb, which follows the ending of another verb.
    pub(super) const AUXILIARY: Self = Self(1 << 17);

    /// Whether the form has any of these functions.
    pub(super) const fn is(self, any_of: Self) -> bool {
        self.0 & any_of.0 != 0
    }

    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The lexicon: nouns, and forms with their grammatical functions.
pub(super) struct Lexicon {
    nouns: Map,
    forms: Map,
}

/// A map of the lexicon, with a table for the first syllable.
struct Map {
    /// `None` when the embedded bytes are not a valid map, which a test excludes.
    map: Option<Fst<&'static [u8]>>,
    /// For each syllable, by its index in the block: the node after it.
    first: Vec<Option<First>>,
}

/// The node after a first syllable.
#[derive(Debug, Clone, Copy)]
struct First {
    node: usize,
    output: u64,
    /// The value of the syllable, if it is a key by itself.
    value: Option<u64>,
}

impl fmt::Debug for Lexicon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lexicon").finish_non_exhaustive()
    }
}

static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| Lexicon {
    nouns: Map::new(NOUNS),
    forms: Map::new(FORMS),
});

impl Lexicon {
    /// The embedded lexicon.
    pub(super) fn embedded() -> &'static Self {
        &LEXICON
    }

    /// The bytes of the embedded maps.
    pub(super) const fn bytes() -> [&'static [u8]; 2] {
        [NOUNS, FORMS]
    }

    /// Calls `found` with the length in syllables of every noun at the beginning of `text`,
    /// shortest first. The flag is true if the noun is more probably the stem of a verb when the
    /// particle after the noun can also be an ending.
    pub(super) fn nouns_in(&self, text: &[Syllable], mut found: impl FnMut(usize, bool)) {
        self.nouns.prefixes(text, LONGEST_NOUN, |length, value| {
            found(length, value == 1);
        });
    }

    /// Calls `found` with the length in syllables of every form at the beginning of `text`,
    /// shortest first.
    pub(super) fn forms_in(&self, text: &[Syllable], mut found: impl FnMut(usize, Form)) {
        self.forms.prefixes(text, LONGEST_FORM, |length, value| {
            found(length, Form(u32::try_from(value).unwrap_or_default()));
        });
    }
}

impl Map {
    fn new(bytes: &'static [u8]) -> Self {
        let map = Fst::new(bytes).ok();
        let first = |number| {
            let map = map.as_ref()?;
            let mut walk = Walk::at_root(map);
            walk.step(map, Syllable(number))?;
            Some(First {
                node: walk.node.addr(),
                output: walk.output.value(),
                value: walk.value(),
            })
        };
        Self {
            first: (0..Syllable::COUNT).map(first).collect(),
            map,
        }
    }

    /// Calls `found` with the length in syllables and the value of every key at the beginning of
    /// `text`, up to `longest` syllables.
    #[inline]
    fn prefixes(&self, text: &[Syllable], longest: usize, mut found: impl FnMut(usize, u64)) {
        let (Some(map), Some((first, rest))) = (&self.map, text.split_first()) else {
            return;
        };
        let Some(Some(first)) = self.first.get(usize::from(first.0)) else {
            return;
        };
        if let Some(value) = first.value {
            found(1, value);
        }
        if rest.is_empty() {
            return;
        }
        let mut walk = Walk {
            node: map.node(first.node),
            output: Output::new(first.output),
        };
        for (syllable, length) in rest.iter().zip(2..=longest) {
            if walk.step(map, *syllable).is_none() {
                return;
            }
            if let Some(value) = walk.value() {
                found(length, value);
            }
        }
    }
}

/// A position in a map.
struct Walk<'m> {
    node: Node<'m>,
    output: Output,
}

impl<'m> Walk<'m> {
    fn at_root(map: &'m Fst<&'static [u8]>) -> Self {
        Self {
            node: map.root(),
            output: Output::zero(),
        }
    }

    /// Follows a syllable. Returns `None` when no key continues with it.
    #[inline]
    fn step(&mut self, map: &'m Fst<&'static [u8]>, syllable: Syllable) -> Option<()> {
        for byte in syllable.bytes() {
            let transition = self.node.transition(self.node.find_input(byte)?);
            self.output = self.output.cat(transition.out);
            self.node = map.node(transition.addr);
        }
        Some(())
    }

    /// The value of the key that ends at this position, if there is one.
    fn value(&self) -> Option<u64> {
        let value = self.output.cat(self.node.final_output()).value();
        self.node.is_final().then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn syllables(text: &str) -> Vec<Syllable> {
        let (syllables, _) = text.as_bytes().as_chunks();
        syllables.iter().map(|bytes| Syllable::of(*bytes)).collect()
    }

    #[test]
    fn embedded_maps_are_sound() {
        let lexicon = Lexicon::embedded();
        lexicon.nouns.map.as_ref().unwrap().verify().unwrap();
        lexicon.forms.map.as_ref().unwrap().verify().unwrap();
    }

    #[test]
    fn a_walk_finds_every_noun_and_form_at_the_beginning() {
        let lexicon = Lexicon::embedded();
        let mut nouns = Vec::new();
        lexicon.nouns_in(&syllables("배우자의"), |length, _| nouns.push(length));
        assert_eq!(nouns, [2, 3]);
        let mut forms = Vec::new();
        lexicon.forms_in(&syllables("에서는"), |length, form| {
            if form.is(Form::PARTICLE) {
                forms.push(length);
            }
        });
        assert_eq!(forms, [1, 2, 3]);
    }
}
