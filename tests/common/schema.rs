//! Checks JSON against the schemas of an API description (OpenAPI or AsyncAPI).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use jsonschema::{Draft, Validator};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// An API description. Objects may have only the members that their schemas name.
#[derive(Debug)]
pub struct Description {
    document: Value,
    /// The description with each schema closed to unnamed members.
    closed: Value,
    /// The validators by schema.
    validators: RefCell<BTreeMap<String, Validator>>,
}

impl Description {
    pub fn parse(text: &str) -> Self {
        let document: Value = serde_json::from_str(text).unwrap();
        let mut closed = document.clone();
        close_members(&document, &mut closed);
        Self {
            document,
            closed,
            validators: RefCell::default(),
        }
    }

    pub fn document(&self) -> &Value {
        &self.document
    }

    /// The target of a reference; any other value is returned unchanged.
    pub fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        resolve(&self.document, value)
    }

    /// Checks a value against a schema of this description.
    ///
    /// # Errors
    /// Each violation, with its location in the value.
    pub fn check(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let mut validators = self.validators.borrow_mut();
        let validator = validators
            .entry(schema.to_string())
            .or_insert_with(|| self.validator(schema));
        let wrong: Vec<String> = validator
            .iter_errors(value)
            .map(|error| format!("{error} at {:?}", error.instance_path().to_string()))
            .collect();
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(format!("{} in {value}", wrong.join("; ")))
        }
    }

    fn validator(&self, schema: &Value) -> Validator {
        let mut schema = schema.clone();
        close_members(&self.document, &mut schema);
        close(&self.document, &mut schema);
        // References point into the document, so the schema becomes a part of it.
        let mut whole = self.closed.clone();
        whole["allOf"] = json!([schema]);
        jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .should_ignore_unknown_formats(false)
            .with_format("date-time", is_time)
            .build(&whole)
            .unwrap_or_else(|error| panic!("{error} in {schema}"))
    }

    /// The components of these kinds that no reference names. Fails if a reference has no target.
    pub fn unused(&self, kinds: &[&str]) -> Vec<String> {
        let mut used = BTreeSet::new();
        self.collect_references(&self.document, &mut used);
        let names = |kind: &str| {
            let components = &self.document["components"][kind];
            let names = components.as_object().unwrap().keys();
            names
                .map(|name| format!("#/components/{kind}/{name}"))
                .collect::<Vec<_>>()
        };
        let all = kinds.iter().flat_map(|kind| names(kind));
        all.filter(|pointer| !used.contains(pointer)).collect()
    }

    fn collect_references(&self, value: &Value, used: &mut BTreeSet<String>) {
        if let Some(pointer) = value.get("$ref").and_then(Value::as_str) {
            self.resolve(value);
            used.insert(pointer.to_owned());
        }
        for part in parts(value) {
            self.collect_references(part, used);
        }
    }
}

fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(pointer) => document
            .pointer(pointer.strip_prefix('#').unwrap())
            .unwrap_or_else(|| panic!("{pointer} leads nowhere")),
        None => value,
    }
}

fn parts(value: &Value) -> Vec<&Value> {
    match value {
        Value::Object(members) => members.values().collect(),
        Value::Array(items) => items.iter().collect(),
        _ => Vec::new(),
    }
}

/// Closes the schemas of all members and items below `value`. The parts of an `allOf` stay open,
/// because each names some members of the same object.
fn close_members(document: &Value, value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, part) in members {
                match name.as_str() {
                    "properties" => {
                        for schema in part.as_object_mut().unwrap().values_mut() {
                            close(document, schema);
                        }
                    }
                    "items" => close(document, part),
                    _ => {}
                }
                close_members(document, part);
            }
        }
        Value::Array(items) => {
            for item in items {
                close_members(document, item);
            }
        }
        _ => {}
    }
}

/// Refuses members that a schema does not name, if it names any.
fn close(document: &Value, schema: &mut Value) {
    if names_members(document, schema) {
        schema["unevaluatedProperties"] = json!(false);
    }
}

fn names_members(document: &Value, schema: &Value) -> bool {
    let resolved = resolve(document, schema);
    let alternatives = ["allOf", "anyOf", "oneOf"];
    let mut parts = alternatives
        .iter()
        .flat_map(|name| resolved[*name].as_array().into_iter().flatten());
    resolved.get("properties").is_some() || parts.any(|part| names_members(document, part))
}

/// True for a time in the format of answers: RFC 3339 in UTC, with milliseconds.
fn is_time(text: &str) -> bool {
    text.len() == "2026-11-23T07:00:00.000Z".len()
        && text.ends_with('Z')
        && OffsetDateTime::parse(text, &Rfc3339).is_ok()
}
