//! A cache of the normal forms of single characters.

use std::sync::OnceLock;

use unicode_normalization::char::canonical_combining_class;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

use super::normal_form::is_variation_selector;

/// The normal forms of consecutive characters; `None` where [`lone_form`] has none.
type Page = Box<[Option<Box<str>>]>;
/// Number of characters in a page.
const PAGE: usize = 256;
/// Number of pages. They hold all assigned characters except tags, selectors and private use.
const PAGES: usize = 0x324;

/// The pages. A page is filled when one of its characters is first requested, which takes 256
/// look-ups in the Unicode tables. All pages together take some MB.
static FILLED: [OnceLock<Page>; PAGES] = [const { OnceLock::new() }; PAGES];

/// Returns the normal form of a character that can be normalised alone. No preceding character
/// changes this form, and the following character changes it only if it has no lone form itself.
/// Returns `None` for all other characters, for a capital sigma, and for variation selectors, which
/// are removed.
pub(super) fn lone_form(character: char) -> Option<&'static str> {
    let code = usize::try_from(u32::from(character)).ok()?;
    let page = FILLED.get(code / PAGE)?.get_or_init(|| fill(code / PAGE));
    page.get(code % PAGE)?.as_deref()
}

fn fill(page: usize) -> Page {
    let codes = page * PAGE..(page + 1) * PAGE;
    codes
        .map(|code| char::from_u32(u32::try_from(code).ok()?).and_then(make))
        .collect()
}

fn make(character: char) -> Option<Box<str>> {
    if is_variation_selector(character) {
        return None;
    }
    let composed: String = character.nfkc().collect();
    let lower: String = composed.chars().flat_map(char::to_lowercase).collect();
    let stands_alone =
        begins_stretch(&composed) && begins_stretch(&lower) && !composed.contains('Σ');
    stands_alone.then(|| lower.nfkc().collect::<String>().into())
}

/// Whether the decomposition of `text` begins with a character that does not combine with the one
/// before it.
fn begins_stretch(text: &str) -> bool {
    text.nfkd().next().is_some_and(|first| {
        canonical_combining_class(first) == 0
            && is_nfkc_quick(std::iter::once(first)) == IsNormalized::Yes
    })
}
