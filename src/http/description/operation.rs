//! An operation of the OpenAPI description.

use serde_json::{Map, Value, json};

/// A reference to a component.
pub fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

/// One method of a route, as `assets/openapi.json` describes it.
#[derive(Debug, Clone)]
pub struct Operation {
    members: Map<String, Value>,
    parameters: Vec<Value>,
    responses: Map<String, Value>,
}

impl Operation {
    /// An operation that can be refused as every one can: 400, 403 and 500.
    pub fn new(id: &str, summary: &str) -> Self {
        let members = Map::from_iter([
            ("operationId".to_owned(), id.into()),
            ("summary".to_owned(), summary.into()),
        ]);
        let operation = Self {
            members,
            parameters: Vec::new(),
            responses: Map::new(),
        };
        operation
            .refused(400, "BadRequest")
            .refused(403, "Forbidden")
            .refused(500, "Internal")
    }

    /// Says more.
    #[must_use]
    pub fn described(mut self, description: &str) -> Self {
        if !description.is_empty() {
            let description = description.into();
            self.members.insert("description".to_owned(), description);
        }
        self
    }

    /// Takes a parameter.
    #[must_use]
    pub fn parameter(mut self, parameter: Value) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// Takes the keyword that the path names.
    #[must_use]
    pub fn of_keyword(self) -> Self {
        self.parameter(json!({
            "name": "token",
            "in": "path",
            "required": true,
            "description": "Any percent-encoding of the keyword; it is normalised",
            "schema": { "type": "string" },
        }))
    }

    /// Takes a body.
    #[must_use]
    pub fn body(mut self, media_type: &str, schema: &Value) -> Self {
        let content = json!({ media_type: { "schema": schema } });
        let body = json!({ "required": true, "content": content });
        self.members.insert("requestBody".to_owned(), body);
        self.refused(408, "BodyTimeout")
            .refused(413, "BodyTooLarge")
            .refused(415, "UnsupportedMediaType")
    }

    /// Answers with a body.
    #[must_use]
    pub fn gives(self, status: u16, what: &str, media_type: &str, schema: &Value) -> Self {
        let content = json!({ media_type: { "schema": schema } });
        self.response(status, json!({ "description": what, "content": content }))
    }

    /// Answers with a body that has an entity tag.
    #[must_use]
    pub fn gives_tagged(self, what: &str, media_type: &str, schema: &Value) -> Self {
        let etag = json!({
            "schema": { "type": "string" },
            "description": "Changes whenever the body would",
        });
        self.gives(200, what, media_type, schema)
            .header(200, "ETag", etag)
            .refused(304, "NotModified")
    }

    /// Answers without a body.
    #[must_use]
    pub fn gives_nothing(self, status: u16, what: &str) -> Self {
        self.response(status, json!({ "description": what }))
    }

    /// Answers with a problem that has a schema of its own.
    #[must_use]
    pub fn gives_problem(self, status: u16, what: &str, schema: &Value) -> Self {
        self.gives(status, what, "application/problem+json", schema)
    }

    /// Adds a header to an answer.
    #[must_use]
    pub fn header(mut self, status: u16, name: &str, header: Value) -> Self {
        if let Some(Value::Object(response)) = self.responses.get_mut(&status.to_string()) {
            let headers = response.entry("headers").or_insert_with(|| json!({}));
            if let Value::Object(headers) = headers {
                headers.insert(name.to_owned(), header);
            }
        }
        self
    }

    /// Asks clients to come back after so many seconds.
    #[must_use]
    pub fn retry_after(self, status: u16) -> Self {
        let schema = json!({ "schema": { "type": "integer" } });
        self.header(status, "Retry-After", schema)
    }

    /// Answers as this component describes.
    #[must_use]
    pub fn refused(self, status: u16, response: &str) -> Self {
        self.response(status, reference("responses", response))
    }

    /// Does not answer with this status.
    #[must_use]
    pub fn never(mut self, status: u16) -> Self {
        self.responses.remove(&status.to_string());
        self
    }

    fn response(mut self, status: u16, response: Value) -> Self {
        self.responses.insert(status.to_string(), response);
        self
    }

    /// Its JSON.
    pub fn into_json(self) -> Value {
        let mut members = self.members;
        if !self.parameters.is_empty() {
            members.insert("parameters".to_owned(), self.parameters.into());
        }
        members.insert("responses".to_owned(), self.responses.into());
        Value::Object(members)
    }
}
