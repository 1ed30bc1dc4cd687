//! JSON schemas of answers: generates them from the types of answers, and adapts them to the
//! descriptions.

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};

/// The largest whole number that every client reads exactly: 2^53 − 1.
const MAX_EXACT: u64 = 9_007_199_254_740_991;

/// A generator that puts named schemas under `#/components/schemas`.
pub fn generator() -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12()
        .for_serialize()
        .with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        })
        .with_transform(PlainNumbers);
    settings.into_generator()
}

/// Adds the members of an answer's position, `epoch` and `as_of`, to its schema.
pub fn positioned(mut schema: Schema) -> Value {
    PlainNumbers.transform(&mut schema);
    let mut schema = schema.to_value();
    let epoch = json_schema!({
        "type": "string",
        "pattern": "^[0-9a-f]{16}$",
        "description": "Within one epoch, equal as_of mean equal answers",
    });
    let as_of = json_schema!({
        "type": "integer",
        "minimum": 0,
        "description": "The last sequence that the answer includes; 0 if there is none",
    });
    add_member(&mut schema, "epoch", epoch.to_value());
    add_member(&mut schema, "as_of", as_of.to_value());
    schema
}

/// The schema of an answer without a position, as a value.
pub fn plain(mut schema: Schema) -> Value {
    PlainNumbers.transform(&mut schema);
    schema.to_value()
}

/// The parts of an answer's schema.
#[derive(Debug, Default)]
pub struct AnswerSchema {
    /// Schemas of the members, by name.
    pub members: Map<String, Value>,
    /// Names of the members that every answer has.
    pub required: Vec<Value>,
    /// Description of the answer, if it has one.
    pub description: Option<String>,
}

/// Splits the schema of an answer into its parts.
pub fn of_answer(mut schema: Schema) -> AnswerSchema {
    PlainNumbers.transform(&mut schema);
    let mut schema = schema.to_value();
    let mut take = |name: &str| schema.get_mut(name).map(Value::take);
    let mut answer = AnswerSchema::default();
    if let Some(Value::Object(members)) = take("properties") {
        answer.members = members;
    }
    if let Some(Value::Array(required)) = take("required") {
        answer.required = required;
    }
    if let Some(Value::String(description)) = take("description") {
        answer.description = Some(description);
    }
    answer
}

/// Adds a required member to the schema of an object.
fn add_member(schema: &mut Value, name: &str, member: Value) {
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.insert(name.to_owned(), member);
    }
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        required.push(name.into());
    }
}

/// Replaces the formats that name a Rust type, such as `uint64`, by the range of the number.
#[derive(Debug, Clone)]
struct PlainNumbers;

impl Transform for PlainNumbers {
    fn transform(&mut self, schema: &mut Schema) {
        match schema.get("format").and_then(Value::as_str) {
            Some("uint64") => {
                schema.remove("format");
                if schema.get("minimum") == Some(&Value::from(0)) {
                    schema.insert("maximum".into(), MAX_EXACT.into());
                }
            }
            Some("int64" | "uint16" | "double") => {
                schema.remove("format");
            }
            _ => {}
        }
        transform_subschemas(self, schema);
    }
}
