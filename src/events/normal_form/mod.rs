//! The normal form, in which keywords and texts are compared.
//!
//! One *pass* over a text does this:
//! 1. Variation selectors (U+FE00..=U+FE0F, U+E0100..=U+E01EF) are removed.
//! 2. Hangul compatibility jamo (U+3131..=U+318E without U+3164) stay unchanged, and half-width
//!    jamo (U+FFA1..=U+FFDC) become compatibility jamo. NFKC would turn both kinds into conjoining
//!    jamo, which join their neighbours: "배우ㄳ" would no longer contain "배우". NFKC is applied
//!    separately to every stretch between two jamo.
//! 3. White space (`White_Space`) is trimmed, and every run of it inside becomes one space.
//!
//! The normal form is a pass, then Unicode default lower case (with the final sigma), then a second
//! pass, because lower case can undo NFKC. It is idempotent.
//!
//! [`normalise_into`] computes this in one go over the text. A character that no neighbour can
//! change ([`class::Class::Plain`]) is written at once. The normal form of other lone characters is
//! cached ([`lone_form`](super::lone_form)). Only stretches with combining characters go through
//! the Unicode tables. A text with a capital sigma takes the slow path ([`by_definition`]), because
//! the lower case of a sigma depends on distant characters.

mod class;
mod definition;
mod writer;

pub(super) use class::{compatibility_jamo_of, is_variation_selector};
use definition::{by_definition, with_single_spaces};
use writer::{Stop, Writer};

/// The version of the normal form. A journal names the version of its tokens. A journal without a
/// version has version 1, in which compatibility jamo became conjoining jamo and variation
/// selectors stayed.
pub const NORMAL_FORM_VERSION: u16 = 2;

/// Returns the normal form of a text.
pub fn normal_form(text: &str) -> String {
    if text.is_ascii() {
        let mut out = with_single_spaces(text);
        out.make_ascii_lowercase();
        return out;
    }
    let mut out = String::with_capacity(text.len());
    normalise_into(text, usize::MAX, &mut out);
    out
}

/// Appends the normal form of `text` to `out`. Stops as soon as it has appended more than
/// `max_bytes` bytes, and then returns false. In that case the appended bytes are the beginning of
/// the normal form. They exceed `max_bytes` by at most one stretch of combining characters. For a
/// text with a capital sigma the whole normal form is computed, which is at most 12 times as long
/// as the text.
pub fn normalise_into(text: &str, max_bytes: usize, out: &mut String) -> bool {
    let mut writer = Writer::new(max_bytes, out);
    match writer.text(text) {
        Ok(()) => true,
        Err(Stop::Full) => false,
        Err(Stop::Sigma) => {
            writer.restart();
            let normal = by_definition(text);
            normal.chars().try_for_each(|c| writer.push(c)).is_ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::class::{Class, compatibility_jamo};
    use super::*;
    use proptest::prelude::*;
    use unicode_normalization::char::canonical_combining_class;
    use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

    /// Every character of the ranges in which Unicode has assigned characters. Planes 15 and 16 are
    /// left out: they are for private use.
    fn every_character() -> impl Iterator<Item = char> {
        ('\0'..='\u{323ff}').chain('\u{e0000}'..='\u{e0fff}')
    }

    #[test]
    fn spellings_of_one_text_are_equal() {
        for (spelled, normal) in [
            ("  US \t Airways ", "us airways"),
            ("ＡＩ", "ai"),
            ("\u{1103}\u{1161}", "다"),
            ("ΟΔΟΣ ΟΣΑ", "οδος οσα"),
            ("배우ㄳ", "배우ㄳ"),
            ("ㅋㅋㅠㅠ", "ㅋㅋㅠㅠ"),
            ("ﾡｱￜ", "ㄱアㅣ"),
            ("\u{ffa0}가", "\u{1160}가"),
            ("❤\u{fe0f}", "❤"),
            ("a\u{fe00}\u{301}", "á"),
            ("漢\u{e0100}字", "漢字"),
            ("ㄱ\u{302}A\u{302}", "ㄱ\u{302}â"),
            ("İ", "i\u{307}"),
            ("\u{a0}a\u{3000}\u{2028}b\u{85}", "a b"),
            ("کی\u{200c}خواهم", "کی\u{200c}خواهم"),
            ("👩\u{200d}💻", "👩\u{200d}💻"),
            ("K ﷺ", "k صلى الله عليه وسلم"),
        ] {
            assert_eq!(normal_form(spelled), normal, "{spelled:?}");
        }
    }

    #[test]
    fn half_width_jamo_become_the_ones_of_their_decomposition() {
        let full = |c: char| c.nfkc().collect::<String>();
        for half in '\u{ffa1}'..='\u{ffdc}' {
            let assigned = full(half) != half.to_string();
            match compatibility_jamo(half) {
                Some(jamo) => assert_eq!(full(jamo), full(half), "{half:?}"),
                None => assert!(!assigned, "{half:?}"),
            }
        }
    }

    #[test]
    fn tables_leave_plain_characters_unchanged() {
        for c in every_character().filter(|c| Class::of(*c) == Class::Plain) {
            assert_eq!(
                is_nfkc_quick(std::iter::once(c)),
                IsNormalized::Yes,
                "{c:?}"
            );
            assert_eq!(canonical_combining_class(c), 0, "{c:?}");
            assert_eq!(
                c.to_lowercase().to_string(),
                c.to_ascii_lowercase().to_string()
            );
            assert!(!c.is_whitespace() && !is_variation_selector(c), "{c:?}");
        }
    }

    #[test]
    fn every_character_has_the_normal_form_of_the_definition() {
        // The character between neighbours that may combine with it. An x ends each stretch.
        let among_others = |c: char| {
            format!("a{c}bx가{c}\u{301}xㄱ {c}\u{11a8}ㄱx\u{9c7}{c}\u{9be}éx\u{1100}{c}\u{1161}")
        };
        for c in every_character() {
            for text in [c.to_string(), among_others(c)] {
                let normal = normal_form(&text);
                assert_eq!(normal, by_definition(&text), "{text:?}");
                if normal != text {
                    assert_eq!(normal_form(&normal), normal, "{text:?}");
                }
            }
        }
    }

    /// Characters that change, combine or separate their neighbours, and some without any effect.
    fn texts() -> impl Strategy<Value = String> {
        let character = prop_oneof![
            prop::sample::select(
                "aB \t.Σσςİß\u{301}\u{323}\u{345}\u{fe0f}\u{200d}\u{200c}가각ㄱㅏㄳ\u{1100}\u{1161}\u{11a8}ﾡￂ\u{3164}か\u{3099}ｶﾞﷺ漢\u{a0}\u{a8}\u{85}Ⅷ㎏\u{1f1f0}❤ด\u{e33}\u{f73}ﬃé\u{9c7}\u{9be}\u{dd9}\u{dcf}\u{b47}\u{b57}"
                    .chars()
                    .collect::<Vec<_>>()
            ),
            any::<char>(),
        ];
        prop::collection::vec(character, 0..24).prop_map(String::from_iter)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8_192))]
        #[test]
        fn normal_form_matches_the_definition_and_is_idempotent(text in texts()) {
            let normal = normal_form(&text);
            prop_assert_eq!(&normal, &by_definition(&text));
            prop_assert_eq!(&normal_form(&normal), &normal);
        }

        #[test]
        fn ascii_before_other_characters_is_normalised_by_the_definition(
            ascii in "[a-zA-Z. \t]{0,50}",
            rest in texts(),
        ) {
            let text = ascii + &rest;
            let mut out = String::new();
            normalise_into(&text, usize::MAX, &mut out);
            prop_assert_eq!(out, by_definition(&text));
        }

        #[test]
        fn limit_gives_the_beginning_of_the_normal_form(text in texts(), max in 0..60_usize) {
            let text = "A plain beginning ".to_owned() + &text;
            let normal = normal_form(&text);
            let mut out = String::from("before ");
            let whole = normalise_into(&text, max, &mut out);
            let written = out.strip_prefix("before ").unwrap();
            prop_assert!(normal.starts_with(written));
            prop_assert_eq!(whole, written == normal);
            prop_assert!(whole || written.len() > max);
            prop_assert!(written.len() <= max + 5);
        }
    }
}
