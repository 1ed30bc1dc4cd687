//! The normal form by its definition, in two passes over the whole text.

use unicode_normalization::UnicodeNormalization;

use super::class::{compatibility_jamo, is_variation_selector};

/// The characters of a text without variation selectors.
pub(super) fn without_selectors(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().filter(|c| !is_variation_selector(*c))
}

/// The normal form by its definition. It is slower than
/// [`Writer`](super::writer::Writer).
pub(super) fn by_definition(text: &str) -> String {
    pass(&pass(text).to_lowercase())
}

/// One pass over a text, as the documentation of [`super`] describes it.
fn pass(text: &str) -> String {
    let text: String = without_selectors(text).collect();
    let mut composed = String::with_capacity(text.len());
    for stretch in text.split_inclusive(|c| compatibility_jamo(c).is_some()) {
        let jamo = stretch.chars().next_back().and_then(compatibility_jamo);
        let others = match jamo {
            Some(_) => stretch.len() - stretch.chars().next_back().map_or(0, char::len_utf8),
            None => stretch.len(),
        };
        composed.extend(stretch.get(..others).unwrap_or_default().nfkc());
        composed.extend(jamo);
    }
    with_single_spaces(&composed)
}

/// Trims a text, and makes one space of every run of white space in it.
pub(super) fn with_single_spaces(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}
