//! Encodes events as JSON that fits the size limit of payloads.

use serde_json::Value;

use super::{Event, json};

/// Encodes an event as publishers do. The result has at most [`json::MAX_PAYLOAD_BYTES`] if the
/// event came from a payload within that limit.
///
/// [`json::encode`] writes zero metrics and milliseconds, which a publisher may have left out. If
/// its result is too long, both are left out. The shorter form has the same meaning.
pub fn encode_fitting(event: &Event) -> Vec<u8> {
    let json = json::encode(event);
    if json.len() <= json::MAX_PAYLOAD_BYTES {
        return json;
    }
    shortened(&json).unwrap_or(json)
}

/// Returns the JSON of an event without the parts that can be left out; `None` when it is not an
/// object.
pub fn shortened(json: &[u8]) -> Option<Vec<u8>> {
    let mut event: Value = serde_json::from_slice(json).ok()?;
    let object = event.as_object_mut()?;
    if let Some(Value::String(at)) = object.get_mut("at")
        && let Some(seconds) = at.strip_suffix('Z').filter(|at| at.contains('.'))
    {
        let seconds = seconds.trim_end_matches('0').trim_end_matches('.');
        *at = format!("{seconds}Z");
    }
    // In an engagement, a metric of 0 is a new value. In a tweet it is the default.
    if object.get("type").and_then(Value::as_str) == Some("tweet.posted")
        && let Some(Value::Object(metrics)) = object.get_mut("metrics")
    {
        metrics.retain(|_, count| count.as_u64() != Some(0));
        if metrics.is_empty() {
            object.remove("metrics");
        }
    }
    serde_json::to_vec(&event).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Timestamp;

    #[test]
    fn event_that_fills_its_payload_fits_when_encoded_again() {
        let now = Timestamp::parse("2026-11-23T07:00:00Z").unwrap();
        for at in [
            "2026-11-23T07:00:00Z",
            "2026-11-23T07:00:00.12Z",
            "2026-11-23T07:00:00.120Z",
        ] {
            let short = format!(
                r#"{{"type":"tweet.posted","id":"a","at":"{at}","author":{{"handle":"h","name":""}},"text":"t"}}"#
            );
            let room = json::MAX_PAYLOAD_BYTES - short.len();
            let full = short.replace(r#""name":"""#, &format!(r#""name":"{}""#, "n".repeat(room)));
            assert_eq!(full.len(), json::MAX_PAYLOAD_BYTES);
            let event = json::decode(full.as_bytes(), now).unwrap();
            assert!(json::encode(&event).len() > json::MAX_PAYLOAD_BYTES);
            let again = encode_fitting(&event);
            assert!(again.len() <= json::MAX_PAYLOAD_BYTES);
            assert_eq!(json::decode(&again, now), Ok(event));
        }
    }

    #[test]
    fn an_engagement_keeps_its_zeros() {
        let json = br#"{"type":"tweet.engaged","id":"a","at":"2026-11-23T07:00:00.000Z","metrics":{"likes":0}}"#;
        let short = String::from_utf8(shortened(json).unwrap()).unwrap();
        assert!(
            short.contains(r#""likes":0"#) && short.contains(r#"07:00:00Z""#),
            "{short}"
        );
    }
}
