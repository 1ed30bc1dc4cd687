//! The cursor of a timeline: encodes the last tweet of a result page as an opaque text, and decodes
//! it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::events::{Timestamp, TweetId};
use crate::projections::TweetKey;

/// Version of the cursor's form: its first byte.
const VERSION: u8 = 1;

/// Encodes a cursor: base64url of a version byte, the time (milliseconds, 8 bytes, big-endian) and
/// the id.
pub fn encode(key: &TweetKey) -> String {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&key.at().millis().to_be_bytes());
    bytes.extend_from_slice(key.id());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes a cursor. Returns `None` for a text that [`encode`] does not write.
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
        fn decoded_cursor_equals_the_encoded_key(at in any::<i64>(), id in "[!-~]{1,128}") {
            let key = TweetKey::new(Timestamp::from_millis(at), &TweetId::new(&id).unwrap());
            prop_assert_eq!(decode(&encode(&key)), Some(key));
        }

        #[test]
        fn any_text_decodes_without_a_panic(text in "\\PC{0,60}") {
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
