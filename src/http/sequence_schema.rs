//! [`SequenceSchema`]: the JSON schema of a sequence in answers. `events` does not depend on
//! schemars, so the schema is here.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// The schema of a sequence.
#[derive(Debug)]
pub struct SequenceSchema;

impl JsonSchema for SequenceSchema {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Sequence".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 0 })
    }
}
