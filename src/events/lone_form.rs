//! Normal forms of single characters, remembered.

use std::sync::OnceLock;

use unicode_normalization::char::canonical_combining_class;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

use super::normal_form::is_variation_selector;

/// The normal forms of characters that follow one another; `None` as [`lone_form`] says.
type Page = Box<[Option<Box<str>>]>;
/// The characters of a page.
const PAGE: usize = 256;
/// So many pages hold all characters that are assigned but for tags, selectors and private use.
const PAGES: usize = 0x324;

/// A page is filled when a character of it is first asked for: 256 times the tables, once. All of
/// them together take some MB.
static FILLED: [OnceLock<Page>; PAGES] = [const { OnceLock::new() }; PAGES];

/// The normal form of a character that no character before it can change, and that none behind it
/// changes that is of this kind, too; `None` of any other, of a capital sigma, and of variation
/// selectors, which go.
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

/// What it decomposes to begins with a character that doesn't join one before it.
fn begins_stretch(text: &str) -> bool {
    text.nfkd().next().is_some_and(|first| {
        canonical_combining_class(first) == 0
            && is_nfkc_quick(std::iter::once(first)) == IsNormalized::Yes
    })
}
