//! URLs, mentions and hashtags in the normal form of a text.
//!
//! The contract defines the characters of hashtags and mentions. Three things count as URLs: a
//! scheme with `://`, a host that begins with `www.`, and a bare host with a common ending or with
//! a path. A mail address is treated like a URL.
//!
//! A URL ends before the first character outside ASCII, except a letter that begins a part of the
//! path. So the particle in "t.co/a에서" is outside the URL, and the word in `/wiki/한국어` is inside.

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// Returns the end of the hashtag whose `#` is at `position`, or `None` if there is no hashtag.
pub(super) fn hashtag_at(text: &str, position: usize) -> Option<usize> {
    let before = text.get(..position)?.chars().next_back();
    if before.is_some_and(|c| c == '&' || is_tag(c) && !is_joiner(c)) {
        return None;
    }
    let tag = text.get(position + 1..)?;
    let length = tag.find(|c| !is_tag(c)).unwrap_or(tag.len());
    let has_letter = tag.get(..length)?.chars().any(is_letter);
    has_letter.then_some(position + 1 + length)
}

/// Whether a name is a hashtag as a whole when `#` is put before it.
pub fn is_hashtag(name: &str) -> bool {
    !name.is_empty() && name.chars().all(is_tag) && name.chars().any(is_letter)
}

/// Returns the end of the mention whose `@` is at `position`, or `None` if there is no mention.
pub(super) fn mention_at(text: &str, position: usize) -> Option<usize> {
    let before = text.get(..position)?.chars().next_back();
    if before.is_some_and(|c| c == '_' || is_letter(c) || is_digit(c)) {
        return None;
    }
    let rest = text.as_bytes().get(position + 1..)?;
    let mut length = 0;
    for (index, byte) in rest.iter().enumerate() {
        if byte.is_ascii_alphanumeric() || *byte == b'_' {
            length = index + 1;
        } else if index == 0 || !matches!(byte, b'.' | b'-') {
            break;
        }
    }
    (length > 0).then_some(position + 1 + length)
}

/// Returns the end of the URL or mail address that begins at `position`, or `None` if there is
/// none. The character at `position` is an ASCII letter or digit, and the one before it is neither.
pub(super) fn url_at(text: &str, position: usize) -> Option<usize> {
    let rest = text.as_bytes().get(position..)?;
    let letters = length_of(rest, u8::is_ascii_alphanumeric);
    match rest.get(letters)? {
        b':' if rest.get(letters..)?.starts_with(b"://") => {
            let end = end_of_url(text, position + letters + 3);
            (end > position + letters + 3).then_some(end)
        }
        b'.' | b'-' | b'_' | b'+' | b'@' => address_at(text, position),
        _ => None,
    }
}

/// Top-level domains of hosts that count as URLs without a path.
const ENDINGS: [&[u8]; 14] = [
    b"com", b"net", b"org", b"kr", b"jp", b"uk", b"edu", b"gov", b"info", b"app", b"dev", b"shop",
    b"gl", b"be",
];

fn address_at(text: &str, position: usize) -> Option<usize> {
    let rest = text.as_bytes().get(position..)?;
    let host = length_of(rest, is_host);
    let local = length_of(rest, |byte| is_host(byte) || matches!(byte, b'_' | b'+'));
    if rest.get(local) == Some(&b'@') {
        let domain = rest.get(local + 1..)?;
        let length = trimmed(domain, length_of(domain, is_host));
        let has_dot = domain.get(..length)?.contains(&b'.');
        return has_dot.then_some(position + local + 1 + length);
    }
    let length = trimmed(rest, host);
    let name = rest.get(..length)?;
    let dot = name.iter().rposition(|byte| *byte == b'.')?;
    let ending = name.get(dot + 1..)?;
    let behind = rest.get(length).copied();
    let has_path = matches!(behind, Some(b'/')) && ending.len() >= 2 && length == host;
    let is_name = name.starts_with(b"www.") || ENDINGS.contains(&ending) || has_path;
    if !is_name || !ending.iter().all(u8::is_ascii_alphabetic) || behind == Some(b'_') {
        return None;
    }
    match behind {
        Some(b'/' | b':' | b'?' | b'#') => Some(end_of_url(text, position + length)),
        _ => Some(position + length),
    }
}

/// Returns the end of a URL whose part before `position` has been read.
fn end_of_url(text: &str, position: usize) -> usize {
    let mut end = position;
    let mut last = '/';
    for (index, character) in text.get(position..).unwrap_or_default().char_indices() {
        let goes_on = if character.is_ascii() {
            !character.is_ascii_whitespace()
                && !matches!(
                    character,
                    '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}'
                )
        } else {
            (!last.is_ascii() || matches!(last, '/' | '#' | '=' | '-' | '_' | '%' | '+' | '&'))
                && (is_letter(character) || is_mark(character))
        };
        if !goes_on {
            break;
        }
        last = character;
        // Punctuation at the end of a URL belongs to the sentence.
        if !matches!(
            character,
            '.' | ',' | ':' | ';' | '!' | '?' | '\'' | '(' | ')' | '[' | ']' | '*' | '~'
        ) {
            end = position + index + character.len_utf8();
        }
    }
    end
}

fn length_of(bytes: &[u8], is_part: impl Fn(&u8) -> bool) -> usize {
    bytes
        .iter()
        .position(|byte| !is_part(byte))
        .unwrap_or(bytes.len())
}

const fn is_host(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')
}

/// The length without dots and hyphens at the end.
fn trimmed(bytes: &[u8], length: usize) -> usize {
    let name = bytes.get(..length).unwrap_or_default();
    let last = name.iter().rposition(u8::is_ascii_alphanumeric);
    last.map_or(0, |last| last + 1)
}

fn is_tag(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric() || character == '_';
    }
    is_syllable(character)
        || is_joiner(character)
        || is_digit(character)
        || matches!(
            character.general_category_group(),
            GeneralCategoryGroup::Letter | GeneralCategoryGroup::Mark
        )
}

const fn is_joiner(character: char) -> bool {
    matches!(character, '\u{200c}' | '\u{200d}')
}

/// Whether a character is a precomposed Hangul syllable. This is a shortcut before the tables.
pub(super) const fn is_syllable(character: char) -> bool {
    matches!(character, '가'..='힣')
}

pub(super) fn is_letter(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphabetic();
    }
    is_syllable(character) || character.general_category_group() == GeneralCategoryGroup::Letter
}

fn is_mark(character: char) -> bool {
    character.general_category_group() == GeneralCategoryGroup::Mark
}

fn is_digit(character: char) -> bool {
    character.is_ascii_digit()
        || (!character.is_ascii() && character.general_category() == GeneralCategory::DecimalNumber)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashtags_are_those_of_the_contract() {
        for (text, position, tag) in [
            ("#일상 좋아", 0, Some("일상")),
            ("(#one_2)", 1, Some("one_2")),
            ("a#b", 1, None),
            ("가#나", 3, None),
            ("_#b", 1, None),
            ("1#b", 1, None),
            ("&#b", 1, None),
            ("-#b", 1, Some("b")),
            ("##b", 1, Some("b")),
            ("#2024", 0, None),
            ("#2024년", 0, Some("2024년")),
            ("# b", 0, None),
            ("#ㅋㅋ!", 0, Some("ㅋㅋ")),
            ("#می\u{200c}خواهم", 0, Some("می\u{200c}خواهم")),
            ("#हिन्दी।", 0, Some("हिन्दी")),
            ("#café!", 0, Some("café")),
            ("\u{301}#b", 2, None),
            ("\u{200d}#b", 3, Some("b")),
            ("#", 0, None),
        ] {
            let found = hashtag_at(text, position).map(|end| &text[position + 1..end]);
            assert_eq!(found, tag, "{text:?}");
        }
    }

    #[test]
    fn name_is_a_hashtag_only_as_a_whole() {
        for (name, is_one) in [
            ("일상", true),
            ("one_2", true),
            ("2024년", true),
            ("2024", false),
            ("us airways", false),
            ("#일상", false),
            ("c++", false),
            ("", false),
        ] {
            assert_eq!(is_hashtag(name), is_one, "{name:?}");
        }
    }

    #[test]
    fn mentions_are_those_of_the_contract() {
        for (text, position, name) in [
            ("@lumi 안녕", 0, Some("lumi")),
            ("@lumi님", 0, Some("lumi")),
            ("@a.b-c.", 0, Some("a.b-c")),
            ("@a--", 0, Some("a")),
            ("@.a", 0, None),
            ("@_a_", 0, Some("_a_")),
            ("a@b", 1, None),
            ("가@b", 3, None),
            (".@b", 1, Some("b")),
            ("@@b", 1, Some("b")),
            ("@루미", 0, None),
            ("@a@b", 2, None),
        ] {
            let found = mention_at(text, position).map(|end| &text[position + 1..end]);
            assert_eq!(found, name, "{text:?}");
        }
    }

    #[test]
    fn urls_end_before_particles_and_punctuation() {
        for (text, url) in [
            ("https://t.co/xyz 봐", Some("https://t.co/xyz")),
            ("https://t.co/xyz에서", Some("https://t.co/xyz")),
            ("http://a.kr.", Some("http://a.kr")),
            (
                "https://a.org/wiki/한국어 문서",
                Some("https://a.org/wiki/한국어"),
            ),
            ("https://a.org/?q=a#top)", Some("https://a.org/?q=a#top")),
            ("www.lumi.example입니다", Some("www.lumi.example")),
            ("lumi.co.kr/a?b=1, 그리고", Some("lumi.co.kr/a?b=1")),
            ("youtu.be/abc-d_e", Some("youtu.be/abc-d_e")),
            ("lumi.com이", Some("lumi.com")),
            ("lumi.com.", Some("lumi.com")),
            ("me@lumi.com", Some("me@lumi.com")),
            (
                "first.last+tag@lumi.co.kr로",
                Some("first.last+tag@lumi.co.kr"),
            ),
            ("node.js", None),
            ("end.start", None),
            ("and/or", None),
            ("3.5", None),
            ("https:", None),
            ("https://", None),
            ("a.b/c", None),
        ] {
            let found = url_at(text, 0).map(|end| &text[..end]);
            assert_eq!(found, url, "{text:?}");
        }
    }
}
