//! [`NamedSchema`]: the schema of an answer, by its name in the descriptions.

use schemars::{JsonSchema, Schema, SchemaGenerator};

/// The schema of an answer without a position, and its name.
#[derive(Debug, Clone, Copy)]
pub struct NamedSchema {
    name: fn() -> String,
    schema: fn(&mut SchemaGenerator) -> Schema,
}

impl NamedSchema {
    /// The schema of this type.
    pub const fn of<T: JsonSchema>() -> Self {
        Self {
            name: || T::schema_name().into_owned(),
            schema: T::json_schema,
        }
    }

    /// The name of the schema.
    pub fn name(&self) -> String {
        (self.name)()
    }

    /// Makes the schema. The schemas that it refers to stay in the generator.
    pub fn make(&self, generator: &mut SchemaGenerator) -> Schema {
        (self.schema)(generator)
    }
}
