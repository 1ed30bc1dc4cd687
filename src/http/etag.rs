//! Entity tags: computes the tag of a body, and compares it with `If-None-Match`.

use axum::http::{HeaderMap, HeaderValue, header};

/// The strong tag of a body: 128 bits of its BLAKE3 hash.
pub fn of(body: &[u8]) -> String {
    let hash = blake3::hash(body).to_hex();
    let short: String = hash.chars().take(32).collect();
    format!("\"{short}\"")
}

/// Whether the client holds the body with this tag already. Reads all `If-None-Match` headers, with
/// lists and `*`. Weak tags are compared by their value (RFC 9110, section 13.1.2).
pub fn is_held(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| HeaderValue::to_str(value).ok())
        .any(|list| list.trim() == "*" || tags_in(list).any(|held| held == tag))
}

/// The quoted tags of a list, without a leading `W/`. A tag may contain a comma.
fn tags_in(list: &str) -> impl Iterator<Item = &str> {
    let mut rest = list;
    std::iter::from_fn(move || {
        let start = rest.find('"')?;
        let opened = rest.get(start..)?;
        let end = opened.get(1..)?.find('"')? + 2;
        let tag = opened.get(..end)?;
        rest = opened.get(end..)?;
        Some(tag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(values: &[&str], tag: &str) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::IF_NONE_MATCH, value.parse().unwrap());
        }
        is_held(&headers, tag)
    }

    #[test]
    fn another_body_has_another_tag() {
        assert_eq!(of(b"a"), of(b"a"));
        assert_ne!(of(b"a"), of(b"b"));
        assert_eq!(of(b"a").len(), 34);
    }

    #[test]
    fn lists_weak_tags_and_the_star_are_understood() {
        for values in [
            &["\"a\""][..],
            &["W/\"a\""],
            &["\"b\", \"a\""],
            &["\"b,c\",W/\"a\""],
            &["\"b\"", "\"a\""],
            &["*"],
            &[" * "],
        ] {
            assert!(holds(values, "\"a\""), "{values:?}");
        }
        for values in [
            &[][..],
            &["\"b\""],
            &["a"],
            &["\"a"],
            &["\"*\""],
            &["\"b,\"a"],
        ] {
            assert!(!holds(values, "\"a\""), "{values:?}");
        }
    }
}
