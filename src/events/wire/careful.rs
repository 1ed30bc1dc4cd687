//! The careful path of decoding: the authority on what is valid.

use serde_json::{Map, Value};

use super::{Rejection, WireAuthor, WireEvent, WireMetrics, unknown_type};

/// Reads a payload as the JSON object that an event is.
pub(super) fn parse(payload: &[u8]) -> Result<Map<String, Value>, Rejection> {
    let text = std::str::from_utf8(payload).map_err(|error| {
        Rejection(format!(
            "not UTF-8: the byte at position {} starts no character",
            error.valid_up_to()
        ))
    })?;
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => Err(Rejection(format!(
            "an event is a JSON object, not {}",
            kind_of(&other)
        ))),
        Err(error) => Err(Rejection(format!("not JSON: {error}"))),
    }
}

/// Reads the fields that this type of event has; all others are unknown and ignored.
pub(super) fn read(object: &Map<String, Value>) -> Result<WireEvent<'static>, Rejection> {
    let root = Reader::root(object);
    let Some(kind) = root.text("type")? else {
        return Ok(WireEvent::default());
    };
    let mut wire = WireEvent {
        at: root.text("at")?.map(Into::into),
        ..WireEvent::default()
    };
    match kind.as_str() {
        "tweet.posted" => {
            wire.id = root.text("id")?.map(Into::into);
            wire.source = root.text("source")?;
            wire.text = root.text("text")?;
            wire.lang = root.text("lang")?;
            wire.url = root.text("url")?;
            wire.reply_to = root.text("reply_to")?;
            wire.repost_of = root.text("repost_of")?;
            if let Some(author) = root.object("author")? {
                wire.author = Some(WireAuthor {
                    handle: author.text("handle")?,
                    name: author.text("name")?,
                    followers: author.count("followers")?,
                });
            }
            wire.metrics = metrics(&root)?;
        }
        "tweet.engaged" => {
            wire.id = root.text("id")?.map(Into::into);
            wire.metrics = metrics(&root)?;
        }
        "tweet.deleted" => wire.id = root.text("id")?.map(Into::into),
        "keyword.tracked" | "keyword.untracked" => {}
        unknown => return Err(unknown_type(unknown)),
    }
    wire.kind = Some(kind.into());
    Ok(wire)
}

/// The keyword that a line names.
pub(super) fn keyword(object: &Map<String, Value>) -> Result<Option<String>, Rejection> {
    Reader::root(object).text("keyword")
}

fn metrics(root: &Reader<'_>) -> Result<Option<WireMetrics>, Rejection> {
    let Some(metrics) = root.object("metrics")? else {
        return Ok(None);
    };
    Ok(Some(WireMetrics {
        likes: metrics.count("likes")?,
        reposts: metrics.count("reposts")?,
        replies: metrics.count("replies")?,
        quotes: metrics.count("quotes")?,
    }))
}

/// Reads typed fields of one JSON object; `null` is the same as absent.
struct Reader<'a> {
    object: &'a Map<String, Value>,
    prefix: &'static str,
}

impl<'a> Reader<'a> {
    fn root(object: &'a Map<String, Value>) -> Self {
        Self { object, prefix: "" }
    }

    fn get(&self, field: &str) -> Option<&'a Value> {
        self.object.get(field).filter(|value| !value.is_null())
    }

    fn wrong(&self, field: &str, value: &Value, right: &str) -> Rejection {
        wrong(&format!("{}{field}", self.prefix), value, right)
    }

    fn text(&self, field: &str) -> Result<Option<String>, Rejection> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(self.wrong(field, other, "a string")),
        }
    }

    fn count(&self, field: &str) -> Result<Option<u64>, Rejection> {
        let right = "a whole number from 0 to 9007199254740991";
        match self.get(field) {
            None => Ok(None),
            Some(value) => match value.as_u64() {
                Some(count) => Ok(Some(count)),
                None => Err(self.wrong(field, value, right)),
            },
        }
    }

    fn object(&self, field: &'static str) -> Result<Option<Reader<'a>>, Rejection> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(Reader {
                object,
                prefix: if field == "author" {
                    "author."
                } else {
                    "metrics."
                },
            })),
            Some(other) => Err(self.wrong(field, other, "an object")),
        }
    }
}

pub(super) fn wrong(field: &str, value: &Value, right: &str) -> Rejection {
    let shown = match value {
        // So large a fraction is not kept digit by digit, and would be shown as what it isn't.
        Value::Number(number) if number.as_f64().is_some_and(|value| value.abs() > 1e15) => {
            "a number that is too large".to_owned()
        }
        Value::Number(number) => number.to_string(),
        other => kind_of(other).to_string(),
    };
    Rejection(format!("field \"{field}\" is {shown}; it must be {right}"))
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
