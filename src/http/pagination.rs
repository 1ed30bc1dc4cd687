//! Where a page of a timeline ends, as an opaque text for clients.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::events::{Timestamp, TweetId};
use crate::projections::TweetKey;

/// The first byte of a cursor, so that a later form can be told apart.
const VERSION: u8 = 1;

/// Writes a cursor: base64url of a version byte, the time (milliseconds, 8 bytes, big-endian) and
/// the id.
pub fn encode(key: &TweetKey) -> String {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&key.at().millis().to_be_bytes());
    bytes.extend_from_slice(key.id());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads a cursor; `None` when it is not one that [`encode`] wrote.
pub fn decode(text: &str) -> Option<TweetKey> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (version, rest) = bytes.split_first()?;
    let (at, id) = rest.split_first_chunk::<8>()?;
    let id = TweetId::new(std::str::from_utf8(id).ok()?).ok()?;
    let at = Timestamp::from_millis(i64::from_be_bytes(*at));
    (*version == VERSION).then(|| TweetKey::new(at, &id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn reading_what_was_written_gives_the_same_key(at in any::<i64>(), id in "[!-~]{1,128}") {
            let key = TweetKey::new(Timestamp::from_millis(at), &TweetId::new(&id).unwrap());
            prop_assert_eq!(decode(&encode(&key)), Some(key));
        }

        #[test]
        fn any_text_decodes_as_cursor_or_none(text in "\\PC{0,60}") {
            if let Some(key) = decode(&text) {
                prop_assert_eq!(encode(&key), text);
            }
        }
    }

    #[test]
    fn invalid_cursor_is_refused() {
        for text in [
            "",
            "AQ",
            "bm9wZQ",
            "AQAAAAAAAAAB",
            "AgAAAAAAAAABYQ",
            "!!",
            "AQAAAAAAAAABYQ==",
        ] {
            assert_eq!(decode(text), None, "{text:?}");
        }
        assert!(decode("AQAAAAAAAAABYQ").is_some());
    }
}
