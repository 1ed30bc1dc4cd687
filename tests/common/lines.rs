//! Events as clients send them: lines of NDJSON.
//!
//! [`posted`], [`engaged`] and [`deleted`] make JSON values that [`of`] and [`with`] extend; their
//! namesakes that end in `_to` make whole lines about one keyword.

use serde_json::{Value, json};

/// A posted tweet with the required fields only.
pub fn posted(id: &str, at: &str, text: &str) -> Value {
    json!({
        "type": "tweet.posted", "id": id, "at": at, "text": text,
        "author": { "handle": "someone" },
    })
}

pub fn engaged(id: &str, at: &str, likes: u64) -> Value {
    json!({ "type": "tweet.engaged", "id": id, "at": at, "metrics": { "likes": likes } })
}

pub fn deleted(id: &str, at: &str) -> Value {
    json!({ "type": "tweet.deleted", "id": id, "at": at })
}

/// An event that has no field but its time.
pub fn event(kind: &str, at: &str) -> Value {
    json!({ "type": kind, "at": at })
}

/// Returns the line with additional fields.
pub fn with(mut line: Value, fields: Value) -> Value {
    let Value::Object(fields) = fields else {
        panic!("the fields are no object");
    };
    line.as_object_mut().unwrap().extend(fields);
    line
}

/// Returns the line with a keyword.
pub fn of(keyword: &str, line: Value) -> Value {
    with(line, json!({ "keyword": keyword }))
}

pub fn ndjson(lines: &[Value]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

pub fn posted_to(keyword: &str, id: &str, at: &str, text: &str) -> String {
    ndjson(&[of(keyword, posted(id, at, text))])
}

pub fn engaged_to(keyword: &str, id: &str, at: &str, likes: u64) -> String {
    ndjson(&[of(keyword, engaged(id, at, likes))])
}

pub fn deleted_to(keyword: &str, id: &str, at: &str) -> String {
    ndjson(&[of(keyword, deleted(id, at))])
}

/// A posted tweet whose text names its id and keyword, without the end of the line.
pub fn tweet(keyword: &str, id: &str, at: &str) -> String {
    of(keyword, posted(id, at, &format!("tweet {id} of {keyword}"))).to_string()
}
