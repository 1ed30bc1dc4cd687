//! Makes the OpenAPI 3.1 description: `openapi_base.json`, and for each route its operations and
//! the schemas of its answers.

use serde_json::{Map, Value, json};

use super::operation::{Operation, reference};
use super::schema;
use crate::http::named_schema::NamedSchema;
use crate::http::parameter::{MIN_SEQ, Parameter};
use crate::http::resource::{ResourceEntry, Scope};
use crate::http::resources::RESOURCES;
use crate::http::routes::PLAIN_ROUTES;
use crate::http::sources::SourcesAnswer;

/// Schemas of answers of the routes that are not resources. Other such schemas are in
/// `openapi_base.json`.
const PLAIN_SCHEMAS: &[NamedSchema] = &[NamedSchema::of::<SourcesAnswer>()];

const BASE: &str = include_str!("openapi_base.json");

/// Returns the description of all routes.
pub fn openapi() -> Value {
    let mut base: Value = serde_json::from_str(BASE).unwrap_or_default();
    let mut schemas = schema::generator();
    let mut named = Map::new();
    let mut paths: Map<String, Value> = Map::new();
    let mut add = |pattern: &str, method: &str, operation: Operation| {
        let path = paths.entry(pattern).or_insert_with(|| Map::new().into());
        if let Value::Object(methods) = path {
            methods.insert(method.to_ascii_lowercase(), operation.into_json());
        }
    };
    for resource in RESOURCES {
        let answer = (resource.described.schema)(&mut schemas);
        let name = (resource.described.schema_name)();
        add(resource.path, "get", operation(resource, &name));
        named.insert(name, schema::positioned(answer));
        if let Some(form) = resource.described.other_form {
            named.insert(form.name(), schema::plain(form.make(&mut schemas)));
        }
    }
    for form in PLAIN_SCHEMAS {
        named.insert(form.name(), schema::plain(form.make(&mut schemas)));
    }
    for route in PLAIN_ROUTES {
        add(route.pattern, route.method, (route.operation)());
    }
    named.extend(schemas.take_definitions(true));
    if let Some(components) = base.pointer_mut("/components/schemas")
        && let Value::Object(components) = components
    {
        components.extend(named);
    }
    if let Value::Object(members) = &mut base {
        members.insert("paths".to_owned(), paths.into());
    }
    base
}

/// The operation of a resource, whose answers have the schema named `answer`.
fn operation(resource: &ResourceEntry, answer: &str) -> Operation {
    let described = resource.described;
    let mut operation =
        Operation::new(resource.name, described.summary).described(described.description);
    if resource.scope == Scope::Keyword {
        operation = operation.of_keyword();
    }
    for parameter in resource
        .parameters
        .iter()
        .chain(&[Parameter::Position(MIN_SEQ)])
    {
        operation = operation.parameter(parameter.entry(parameter.head().description));
    }
    if resource.names_keywords() {
        operation = operation.refused(404, "NotFound");
    }
    let schema = match described.other_form {
        None => reference("schemas", answer),
        Some(form) => json!({
            "anyOf": [reference("schemas", answer), reference("schemas", &form.name())],
        }),
    };
    operation
        .gives_tagged("The answer", "application/json", &schema)
        .refused(412, "BeyondHead")
        .refused(503, "TryAgain")
}
