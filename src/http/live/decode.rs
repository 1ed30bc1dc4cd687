//! Decodes the lines that clients send, one JSON object each, into [`Incoming`] requests. A line
//! that is malformed or refused becomes the error message that answers it.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::topics;
use crate::access::{Access, Action, KeywordSet, Principal};
use crate::actors::live::{
    ErrorCode, Incoming, Position, Request, RequestId, Subscribe, Topic, Unsubscribe,
};
use crate::events::{Keyword, Sequence, Timestamp};
use crate::http::Http;

/// Maximum length of an `id`, in bytes: of the text, or of the number as written.
const MAX_ID_BYTES: usize = 128;
/// Maximum number of topics in one message.
const MAX_TOPICS: usize = 64;
/// The types of messages, with their names and members. Any other member is refused, because the
/// client may rely on something that this server does not know.
const TYPES: [(MessageType, &str, &[&str]); 3] = [
    (
        MessageType::Subscribe,
        "subscribe",
        &["type", "id", "keyword", "topics", "since"],
    ),
    (
        MessageType::Unsubscribe,
        "unsubscribe",
        &["type", "id", "keyword", "topics"],
    ),
    (MessageType::Ping, "ping", &["type", "id"]),
];
/// The members of `since`.
const SINCE_MEMBERS: &[&str] = &["epoch", "seq", "mark"];
/// An error repeats at most this many characters of an unknown name.
const MAX_REPEATED_CHARS: usize = 80;

/// The type of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MessageType {
    Subscribe,
    Unsubscribe,
    Ping,
}

/// Why a message is refused, and the members of the error that answers it.
struct Refusal {
    id: RequestId,
    keyword: Option<Keyword>,
    code: ErrorCode,
    message: String,
}

impl Refusal {
    /// The refusal of a message that is not understood.
    fn misunderstood(id: RequestId, message: String) -> Box<Self> {
        Box::new(Self {
            id,
            keyword: None,
            code: ErrorCode::BadRequest,
            message,
        })
    }
}

/// Decodes one line of a client.
pub(super) fn line(http: &Http, caller: &Principal, text: &str, now: Timestamp) -> Incoming {
    let edge = Edge {
        access: &*http.shared.access,
        caller,
        now,
    };
    match ClientMessage::read(text).and_then(|message| message.into_request(edge)) {
        Ok(request) => Incoming::Request(request),
        Err(refusal) => {
            let Refusal {
                id,
                keyword,
                code,
                message,
            } = *refusal;
            let line = http
                .shared
                .encoder
                .error(&id, keyword.as_ref(), code, &message);
            match code {
                ErrorCode::BadRequest => Incoming::Misunderstood(line),
                _ => Incoming::Refused(line),
            }
        }
    }
}

/// The authorization policy, the caller, and the time at which a message is read.
#[derive(Clone, Copy)]
struct Edge<'a> {
    access: &'a dyn Access,
    caller: &'a Principal,
    now: Timestamp,
}

/// A message whose type is known. It has no members that its type does not have.
struct ClientMessage {
    id: RequestId,
    kind: MessageType,
    members: Map<String, Value>,
}

impl ClientMessage {
    /// Reads a line. A refusal has the id of the message if the id could be read.
    fn read(text: &str) -> Result<Self, Box<Refusal>> {
        let refuse = |message| Refusal::misunderstood(RequestId::default(), message);
        let members = serde_json::from_str(text)
            .map_err(|error| refuse(format!("the message is not a JSON object: {error}")))?;
        let id = id_of(text, &members).map_err(refuse)?;
        match type_of(&members) {
            Ok(kind) => Ok(Self { id, kind, members }),
            Err(message) => Err(Refusal::misunderstood(id, message)),
        }
    }

    /// Reads the request of the message, and checks the permission to subscribe.
    fn into_request(self, edge: Edge<'_>) -> Result<Request, Box<Refusal>> {
        let request = match self.kind {
            MessageType::Ping => return Ok(Request::Ping(self.id)),
            MessageType::Subscribe => self.subscribe(edge).map(Request::Subscribe),
            MessageType::Unsubscribe => self.unsubscribe(edge).map(Request::Unsubscribe),
        };
        let request = request.map_err(|message| Refusal::misunderstood(self.id, message))?;
        if let Request::Subscribe(wanted) = &request
            && !edge
                .access
                .allows(edge.caller, wanted.keyword.as_ref(), Action::Read)
        {
            return Err(Box::new(Refusal {
                id: wanted.id.clone(),
                keyword: wanted.keyword.clone(),
                code: ErrorCode::NotPermitted,
                message: "you may not subscribe to this here".into(),
            }));
        }
        Ok(request)
    }

    fn subscribe(&self, edge: Edge<'_>) -> Result<Subscribe, String> {
        let keyword = keyword_of(&self.members)?;
        let topics = match self.topics(edge)? {
            Some(topics) => topics,
            None if keyword.is_some() => topics::defaults(&edge.countable(), edge.now),
            None => return Err(keyword_is_missing()),
        };
        fitting(keyword.as_ref(), &topics)?;
        Ok(Subscribe {
            id: self.id.clone(),
            keyword,
            topics,
            since: since_of(&self.members)?,
        })
    }

    fn unsubscribe(&self, edge: Edge<'_>) -> Result<Unsubscribe, String> {
        let keyword = keyword_of(&self.members)?;
        let topics = self.topics(edge)?;
        if keyword.is_none() && topics.is_none() {
            return Err("a keyword is missing".into());
        }
        Ok(Unsubscribe {
            id: self.id.clone(),
            keyword,
            topics,
        })
    }

    /// The topics that the message names, without repetitions. `None` when it names none.
    fn topics(&self, edge: Edge<'_>) -> Result<Option<Vec<Topic>>, String> {
        let given = match self.members.get("topics") {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Array(given)) if (1..=MAX_TOPICS).contains(&given.len()) => given,
            Some(_) => {
                return Err(format!("topics must be a list of 1 to {MAX_TOPICS} topics"));
            }
        };
        let countable = edge.countable();
        let mut topics = Vec::with_capacity(given.len());
        for value in given {
            let topic = topics::read(value, &countable, edge.now).map_err(|error| error.0)?;
            if !topics.contains(&topic) {
                topics.push(topic);
            }
        }
        Ok(Some(topics))
    }
}

impl Edge<'_> {
    /// The keywords that answers to the caller may count.
    fn countable(&self) -> KeywordSet {
        self.access.countable(self.caller)
    }
}

/// The type of a message. Refuses members that the type does not have.
fn type_of(message: &Map<String, Value>) -> Result<MessageType, String> {
    let names = "subscribe, unsubscribe and ping";
    let Some(given) = message.get("type").and_then(Value::as_str) else {
        return Err(format!("the message has no type; there are {names}"));
    };
    let Some((kind, name, members)) = TYPES.iter().find(|(_, name, _)| *name == given) else {
        let given = shortened(given);
        return Err(format!(
            "there is no message of type {given:?}; there are {names}"
        ));
    };
    only_members(name, message, members)?;
    Ok(*kind)
}

/// Refuses an object that has other members than these.
fn only_members(what: &str, object: &Map<String, Value>, members: &[&str]) -> Result<(), String> {
    match object.keys().find(|key| !members.contains(&key.as_str())) {
        None => Ok(()),
        Some(unknown) => Err(format!(
            "{what} has no member {:?}; it has {}",
            shortened(unknown),
            members.join(", ")
        )),
    }
}

fn shortened(name: &str) -> String {
    name.chars().take(MAX_REPEATED_CHARS).collect()
}

/// The id as the client wrote it; answers repeat it in the same form.
fn id_of(text: &str, message: &Map<String, Value>) -> Result<RequestId, String> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        id: &'a RawValue,
    }
    let length = match message.get("id") {
        None | Some(Value::Null) => return Ok(RequestId(None)),
        Some(Value::String(text)) => text.len(),
        Some(id @ Value::Number(_)) => id.to_string().len(),
        Some(_) => return Err("the id must be a number or a text".into()),
    };
    let written = serde_json::from_str::<Named<'_>>(text)
        .map_err(|_| "the message has more than one id".to_owned())?
        .id
        .get();
    // The length of a number is that of its written form.
    let length = if written.starts_with('"') {
        length
    } else {
        written.len()
    };
    if length > MAX_ID_BYTES {
        return Err(format!("the id is longer than {MAX_ID_BYTES} bytes"));
    }
    Ok(RequestId(Some(written.into())))
}

fn keyword_of(message: &Map<String, Value>) -> Result<Option<Keyword>, String> {
    match message.get("keyword") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Keyword::new(text)
            .map(Some)
            .map_err(|error| error.to_string()),
        Some(_) => Err("the keyword must be a text".into()),
    }
}

/// Refuses a topic of one keyword without a keyword, and a topic of all keywords with one.
fn fitting(keyword: Option<&Keyword>, topics: &[Topic]) -> Result<(), String> {
    let of_all = topics.iter().any(Topic::is_of_all);
    let of_one = topics.iter().any(|topic| !topic.is_of_all());
    match keyword {
        Some(_) if of_all => Err(format!("{} without a keyword", topics::topics_across_go())),
        None if of_one => Err(keyword_is_missing()),
        _ => Ok(()),
    }
}

fn keyword_is_missing() -> String {
    let go = topics::topics_across_go();
    format!("a keyword is missing; only {go} without")
}

/// The position from which the client resumes. `None` when the message has no `since`, and when its
/// epoch or mark is not of the form that this server writes.
fn since_of(message: &Map<String, Value>) -> Result<Option<Position>, String> {
    let since = match message.get("since") {
        None | Some(Value::Null) => return Ok(None),
        Some(since) => since,
    };
    if let Value::Object(members) = since {
        only_members("since", members, SINCE_MEMBERS)?;
    }
    let epoch = since.get("epoch").and_then(Value::as_str);
    let seq = since.get("seq").and_then(Value::as_u64);
    let (Some(epoch), Some(seq)) = (epoch, seq) else {
        return Err(
            "since must be like {\"epoch\":\"…\",\"seq\":1234}, as a snapshot or update said"
                .into(),
        );
    };
    let mark = match since.get("mark") {
        None | Some(Value::Null) => None,
        Some(Value::String(mark)) => Some(mark.as_str()),
        Some(_) => {
            return Err("the mark of since must be a text, as a snapshot or update said".into());
        }
    };
    Ok(position_of(epoch, Sequence::new(seq), mark))
}

/// Reads the parts of a position. `None` when epoch or mark are not of the form that this server
/// writes.
pub(super) fn position_of(epoch: &str, seq: Sequence, mark: Option<&str>) -> Option<Position> {
    Some(Position {
        epoch: epoch.parse().ok()?,
        seq,
        mark: match mark {
            None => None,
            Some(mark) => Some(mark.parse().ok()?),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_members_are_refused() {
        let object = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap();
        for (kind, name, members) in TYPES {
            let mut message = Map::new();
            for member in members {
                message.insert((*member).to_owned(), Value::Null);
            }
            message.insert("type".to_owned(), name.into());
            assert_eq!(type_of(&message), Ok(kind));
            for (_, other, _) in TYPES.iter().filter(|(other, ..)| *other != kind) {
                for unknown in ["as_of", "replay", "Type", "", other] {
                    let mut message = message.clone();
                    message.insert(unknown.to_owned(), Value::Null);
                    let error = type_of(&message).unwrap_err();
                    assert!(error.contains(&format!("{unknown:?}")), "{error}");
                    assert!(error.ends_with(&members.join(", ")), "{error}");
                }
            }
        }
        let since = object(r#"{"since":{"epoch":"e","seq":1,"at":"2026"}}"#);
        assert!(since_of(&since).unwrap_err().contains("\"at\""));
        assert!(since_of(&object(r#"{"since":{"epoch":"e","seq":1}}"#)).is_ok());
    }

    #[test]
    fn id_is_repeated_as_written() {
        let id = |written: &str| {
            let text = format!("{{\"type\":\"ping\",\"id\":{written}}}");
            let message = serde_json::from_str(&text).unwrap();
            id_of(&text, &message).map(|id| id.0.map(String::from))
        };
        let longest = format!("\"{}\"", "x".repeat(MAX_ID_BYTES));
        for written in ["-0", "1e2", "123456789012345678901234567890", &longest] {
            assert_eq!(id(written), Ok(Some(written.to_owned())));
        }
        assert_eq!(id("null"), Ok(None));
        let too_long = format!("\"{}\"", "x".repeat(MAX_ID_BYTES + 1));
        for wrong in ["{}", "true", &too_long, &"1".repeat(MAX_ID_BYTES + 1)] {
            assert!(id(wrong).is_err(), "{wrong}");
        }
    }
}
