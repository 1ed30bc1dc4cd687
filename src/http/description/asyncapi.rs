//! Makes the AsyncAPI 3 description of the live protocol: `asyncapi_base.json`, and for each polled
//! topic its name, its parameters and its two messages.

use serde_json::{Map, Value, json};

use super::operation::reference;
use super::schema::{self, AnswerSchema};
use crate::http::resource::{ResourceEntry, Scope};
use crate::http::resources::{PointAnswer, RESOURCES, Tweet};

const BASE: &str = include_str!("asyncapi_base.json");

/// Returns the description of all messages.
pub fn asyncapi() -> Value {
    let mut base: Value = serde_json::from_str(BASE).unwrap_or_default();
    let mut schemas = schema::generator();
    // The base file refers to these two schemas.
    schemas.subschema_for::<Tweet>();
    schemas.subschema_for::<PointAnswer>();
    for resource in RESOURCES {
        let Some(long_lists) = resource.topic.and_then(|topic| topic.polled) else {
            continue;
        };
        let answer = schema::of_answer((resource.described.schema)(&mut schemas));
        add_topic(&mut base, resource);
        for kind in ["snapshot", "update"] {
            let message = Message {
                resource,
                kind,
                is_cut: !long_lists.is_empty(),
            };
            message.add(&mut base, &answer);
        }
    }
    let definitions = schemas.take_definitions(true);
    insert_all(&mut base, "/components/schemas", definitions);
    base
}

/// Adds a topic to the schema of topics that a client can subscribe to: its bare name, and an
/// object with its parameters.
fn add_topic(base: &mut Value, resource: &ResourceEntry) {
    let mut properties = Map::new();
    properties.insert("topic".to_owned(), json!({ "const": resource.name }));
    properties.extend(parameters(resource));
    let with_parameters = json!({
        "type": "object", "properties": properties, "required": ["topic"],
    });
    push(base, "/components/schemas/Topic/anyOf", with_parameters);
    push(
        base,
        "/components/schemas/Topic/anyOf/0/enum",
        resource.name.into(),
    );
}

/// Sets the description of a schema.
fn describe(schema: &mut Value, text: &str) {
    if let Some(members) = schema.as_object_mut() {
        members.insert("description".to_owned(), text.into());
    }
}

/// Schemas of a topic's parameters, as members of its messages.
fn parameters(resource: &ResourceEntry) -> Map<String, Value> {
    let parameters = resource.parameters.iter();
    parameters
        .filter_map(|parameter| {
            let mut schema = parameter.schema();
            describe(&mut schema, parameter.live_description()?);
            Some((parameter.name().to_owned(), schema))
        })
        .collect()
}

/// A message of a polled topic.
struct Message<'a> {
    resource: &'a ResourceEntry,
    /// `snapshot` or `update`.
    kind: &'static str,
    /// Whether the message may be sent in parts.
    is_cut: bool,
}

impl Message<'_> {
    /// Name of the message, such as `LedgerSnapshot`.
    fn name(&self) -> String {
        capitalized(self.resource.name) + &capitalized(self.kind)
    }

    /// Summary: what the message holds, and how often it is sent.
    fn summary(&self, answer: &AnswerSchema) -> String {
        let path = self.resource.path.trim_start_matches("/api/v1");
        let path = path.replace("/keywords/{token}", "…");
        let summary = self.resource.described.summary;
        let rule = answer.description.as_ref();
        let rule = rule.map_or_else(String::new, |rule| format!(": {rule}"));
        format!("{summary}, as in the answer to GET {path}{rule}. At most one per second")
    }

    fn add(&self, base: &mut Value, answer: &AnswerSchema) {
        let name = self.name();
        let summary = self.summary(answer);
        let message = json!({
            "name": format!("{}{}", self.resource.name, capitalized(self.kind)),
            "summary": summary,
            "contentType": "application/json",
            "payload": reference("schemas", &name),
        });
        insert(base, "/components/messages", &name, message);
        let mut schema = self.schema(answer);
        describe(&mut schema, &summary);
        insert(base, "/components/schemas", &name, schema);
        let mut channels = vec![("live", "tell")];
        if self.resource.scope == Scope::Keyword {
            channels.push(("events", "stream"));
        }
        for (channel, operation) in channels {
            let messages = format!("/channels/{channel}/messages");
            insert(base, &messages, &name, reference("messages", &name));
            let of_channel = json!({ "$ref": format!("#{messages}/{name}") });
            push(
                base,
                &format!("/operations/{operation}/messages"),
                of_channel,
            );
        }
    }

    fn schema(&self, answer: &AnswerSchema) -> Value {
        let mut properties = parameters(self.resource);
        let mut all: Vec<Value> = Vec::new();
        let mut add = |name: &str, schema: Value, is_required: bool| {
            properties.insert(name.to_owned(), schema);
            if is_required {
                all.push(name.into());
            }
        };
        add("type", json!({ "const": self.kind }), true);
        add("topic", json!({ "const": self.resource.name }), true);
        add("epoch", reference("schemas", "Epoch"), true);
        add("seq", reference("schemas", "Seq"), true);
        if self.resource.scope == Scope::Keyword {
            add("keyword", reference("schemas", "Keyword"), true);
            add("mark", reference("schemas", "Mark"), false);
        }
        if self.kind == "update" {
            add("prev", reference("schemas", "Prev"), true);
        }
        if self.is_cut {
            let more = json!({
                "const": true,
                "description": "The next line of this channel continues the list",
            });
            add("more", more, false);
        }
        for (name, schema) in &answer.members {
            let is_required = answer.required.iter().any(|required| required == name);
            add(name, schema.clone(), is_required);
        }
        json!({ "type": "object", "properties": properties, "required": all })
    }
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// Adds a member to an object of the description.
fn insert(base: &mut Value, pointer: &str, name: &str, value: Value) {
    insert_all(base, pointer, Map::from_iter([(name.to_owned(), value)]));
}

fn insert_all(base: &mut Value, pointer: &str, members: Map<String, Value>) {
    if let Some(Value::Object(object)) = base.pointer_mut(pointer) {
        object.extend(members);
    }
}

/// Adds an element to a list of the description.
fn push(base: &mut Value, pointer: &str, value: Value) {
    if let Some(Value::Array(list)) = base.pointer_mut(pointer) {
        list.push(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of the members that identify the channel and the position of a message.
    const OF_CHANNEL: [&str; 8] = [
        "type", "topic", "keyword", "epoch", "prev", "seq", "mark", "more",
    ];

    #[test]
    fn answers_and_parameters_leave_the_members_of_a_channel_alone() {
        let mut schemas = schema::generator();
        for resource in RESOURCES.iter().filter(|one| one.has_polled_topic()) {
            let answer = schema::of_answer((resource.described.schema)(&mut schemas));
            assert!(!answer.members.is_empty(), "{}", resource.name);
            for name in OF_CHANNEL {
                let is_taken =
                    answer.members.contains_key(name) || parameters(resource).contains_key(name);
                assert!(!is_taken, "{} has a member {name}", resource.name);
            }
        }
    }
}
