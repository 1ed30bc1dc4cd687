//! Texts and languages as X writes them.

/// Decodes `&amp;`, `&lt;` and `&gt;`, the only entities that X writes, once: what a decoded entity
/// forms with the text behind it is not decoded again.
pub(in crate::sources) fn decode_entities(text: &str) -> String {
    const ENTITIES: [(&str, char); 3] = [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>')];
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, _)) = rest.split_once('&') {
        decoded.push_str(before);
        rest = rest.strip_prefix(before).unwrap_or_default();
        let found = ENTITIES.iter().find_map(|(entity, character)| {
            rest.strip_prefix(entity).map(|behind| (behind, *character))
        });
        let (behind, character) = found.unwrap_or((rest.strip_prefix('&').unwrap_or(""), '&'));
        decoded.push(character);
        rest = behind;
    }
    decoded.push_str(rest);
    decoded
}

/// The text of a repost without the `RT @handle: ` before it.
pub(in crate::sources) fn without_repost_mark(text: &str) -> &str {
    let behind = text.strip_prefix("RT @").and_then(|marked| {
        let (handle, behind) = marked.split_once(": ")?;
        let is_handle = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        (!handle.is_empty() && handle.bytes().all(is_handle)).then_some(behind)
    });
    behind.unwrap_or(text)
}

/// A language tag, without X's marks for texts that have no language (`und`, `zxx`, `q…`), and with
/// the present codes of Hebrew and Indonesian.
pub(in crate::sources) fn language(tag: &str) -> Option<&str> {
    match tag {
        "" | "und" | "zxx" => None,
        "iw" => Some("he"),
        "in" => Some("id"),
        tag if tag.starts_with('q') => None,
        tag => Some(tag),
    }
}

/// The first `max` code points of a text.
pub(in crate::sources) fn cut(mut text: String, max: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(max) {
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn entities_are_decoded_once() {
        for (text, decoded) in [
            ("a &amp; b", "a & b"),
            ("&lt;b&gt;", "<b>"),
            ("&amp;lt;", "&lt;"),
            ("&amp;amp;amp;", "&amp;amp;"),
            ("&quot; &#39; & &am", "&quot; &#39; & &am"),
            ("&&amp;&", "&&&"),
            ("", ""),
        ] {
            assert_eq!(decode_entities(text), decoded);
        }
    }

    #[test]
    fn mark_of_a_repost_is_removed_and_other_texts_stay() {
        for (text, behind) in [
            ("RT @some_1: 안녕: 하세요", "안녕: 하세요"),
            ("RT @some_1 안녕: 하세요", "RT @some_1 안녕: 하세요"),
            ("RT @: x", "RT @: x"),
            ("안녕 RT @a: x", "안녕 RT @a: x"),
        ] {
            assert_eq!(without_repost_mark(text), behind);
        }
    }

    #[test]
    fn text_is_cut_between_code_points() {
        assert_eq!(cut("가나다".to_owned(), 2), "가나");
        assert_eq!(cut("가나다".to_owned(), 3), "가나다");
    }

    proptest! {
        #[test]
        fn text_that_was_escaped_is_decoded_to_itself(text in "[&<>amplgt;가 ]{0,30}") {
            let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            prop_assert_eq!(decode_entities(&escaped), text);
        }
    }
}
