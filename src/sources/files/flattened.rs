//! Flattened tweets of X API v2: twarc puts the author and the referenced tweets into the tweet.
//!
//! A flattened tweet is brought back into the form of a stream line, which the mapping of X reads.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::sources::Rejection;

/// The members under which X names referenced posts.
const REFERENCED: [&str; 2] = ["referenced_tweets", "referenced_posts"];

/// The stream line of a flattened tweet.
///
/// # Errors
/// [`Rejection`] when the text is not a JSON object.
pub(super) fn stream_line(json: &str) -> Result<Bytes, Rejection> {
    let mut tweet: Map<String, Value> = serde_json::from_str(json)
        .map_err(|error| Rejection::new(format!("not a flattened tweet: {error}")))?;
    let mut users = Vec::new();
    let mut tweets = Vec::new();
    lift_author(&mut tweet, &mut users);
    for name in REFERENCED {
        let references = tweet.get_mut(name).and_then(Value::as_array_mut);
        for reference in references.into_iter().flatten() {
            lift_reference(reference, &mut users, &mut tweets);
        }
    }
    let line = json!({"data": tweet, "includes": {"users": users, "tweets": tweets}});
    Ok(line.to_string().into())
}

/// Moves the author out of a tweet, and names it by its id.
fn lift_author(tweet: &mut Map<String, Value>, users: &mut Vec<Value>) {
    let Some(author) = tweet.remove("author").filter(Value::is_object) else {
        return;
    };
    if let Some(id) = author.get("id").cloned() {
        tweet.entry("author_id").or_insert(id);
    }
    users.push(author);
}

/// Copies a referenced tweet beside the tweet; the reference keeps its type and id.
fn lift_reference(reference: &mut Value, users: &mut Vec<Value>, tweets: &mut Vec<Value>) {
    let Some(members) = reference.as_object_mut() else {
        return;
    };
    let mut referenced = members.clone();
    members.retain(|name, _| matches!(name.as_str(), "type" | "id"));
    referenced.remove("type");
    lift_author(&mut referenced, users);
    tweets.push(Value::Object(referenced));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn author_and_references_move_beside_the_tweet() {
        let flattened = r#"{"id":"2","text":"RT @b: hel","author":{"id":"7","username":"a"},
            "referenced_tweets":[{"type":"retweeted","id":"1","text":"hello","author_id":"8",
            "author":{"id":"8","username":"b"}}]}"#;
        let line: Value = serde_json::from_slice(&stream_line(flattened).unwrap()).unwrap();
        let expected = json!({
            "data": {"id": "2", "text": "RT @b: hel", "author_id": "7",
                "referenced_tweets": [{"type": "retweeted", "id": "1"}]},
            "includes": {
                "users": [{"id": "7", "username": "a"}, {"id": "8", "username": "b"}],
                "tweets": [{"id": "1", "text": "hello", "author_id": "8"}],
            },
        });
        assert_eq!(line, expected);
    }
}
