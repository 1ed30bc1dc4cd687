//! Holds JSON against the schemas of a description.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Where a reference leads; anything else is what it is.
pub fn resolve<'a>(root: &'a Value, value: &'a Value) -> &'a Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(pointer) => root
            .pointer(pointer.strip_prefix('#').unwrap())
            .unwrap_or_else(|| panic!("{pointer} leads nowhere")),
        None => value,
    }
}

/// Holds a value against a schema, and answers which members of an object the schema names.
/// Understands as much of JSON Schema as the description uses, and refuses the rest.
fn validate(
    root: &Value,
    schema: &Value,
    value: &Value,
    at: &str,
) -> Result<BTreeSet<String>, String> {
    let schema = resolve(root, schema);
    let mut named = BTreeSet::new();
    for (rule, right) in schema.as_object().unwrap() {
        let holds = match rule.as_str() {
            "type" => {
                let kinds = match right {
                    Value::Array(kinds) => kinds.clone(),
                    kind => vec![kind.clone()],
                };
                kinds.iter().any(|kind| match kind.as_str().unwrap() {
                    "null" => value.is_null(),
                    "boolean" => value.is_boolean(),
                    "string" => value.is_string(),
                    "integer" => value.is_u64() || value.is_i64(),
                    "number" => value.is_number(),
                    "array" => value.is_array(),
                    "object" => value.is_object(),
                    other => panic!("unknown type {other}"),
                })
            }
            "const" => value == right,
            "enum" => right.as_array().unwrap().contains(value),
            "minimum" => value
                .as_f64()
                .is_none_or(|number| number >= right.as_f64().unwrap()),
            "maximum" => value
                .as_f64()
                .is_none_or(|number| number <= right.as_f64().unwrap()),
            "minItems" => value
                .as_array()
                .is_none_or(|items| items.len() as u64 >= right.as_u64().unwrap()),
            "maxItems" => value
                .as_array()
                .is_none_or(|items| items.len() as u64 <= right.as_u64().unwrap()),
            "required" => right
                .as_array()
                .unwrap()
                .iter()
                .all(|name| value.get(name.as_str().unwrap()).is_some()),
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, right, item, &format!("{at}[{index}]"))?;
                }
                true
            }
            "properties" => {
                for (name, schema) in right.as_object().unwrap() {
                    if let Some(member) = value.get(name) {
                        check(root, schema, member, &format!("{at}.{name}"))?;
                    }
                    named.insert(name.clone());
                }
                true
            }
            "allOf" => {
                for schema in right.as_array().unwrap() {
                    named.extend(validate(root, schema, value, at)?);
                }
                true
            }
            "anyOf" => {
                let mut fitting = right.as_array().unwrap().iter();
                let fits = fitting.find_map(|schema| validate(root, schema, value, at).ok());
                let fits_one = fits.is_some();
                named.extend(fits.unwrap_or_default());
                fits_one
            }
            "format" if right == "date-time" => value
                .as_str()
                .is_none_or(|text| text.len() == 24 && text.ends_with('Z')),
            "pattern" => value
                .as_str()
                .is_none_or(|text| match right.as_str().unwrap() {
                    "^[0-9a-f]{16}$" => text.len() == 16 && u64::from_str_radix(text, 16).is_ok(),
                    "^/problems/[a-z-]+$" => text.starts_with("/problems/"),
                    "^[!-~]{1,128}$" => text.bytes().all(|byte| byte.is_ascii_graphic()),
                    other => panic!("unknown pattern {other}"),
                }),
            "description" | "default" => true,
            other => panic!("unknown rule {other}"),
        };
        if !holds {
            return Err(format!("{at} is {value}, against {rule} {right}"));
        }
    }
    Ok(named)
}

/// The same, and no member may be there that the schema does not name.
pub fn check(root: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let named = validate(root, schema, value, at)?;
    let members = value.as_object().into_iter().flat_map(Map::keys);
    match members.into_iter().find(|name| !named.contains(*name)) {
        Some(name) if !named.is_empty() => Err(format!("{at}.{name} is not described")),
        _ => Ok(()),
    }
}
