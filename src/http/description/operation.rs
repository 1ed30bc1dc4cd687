//! [`Operation`]: builds the entry of one method of a route in the OpenAPI description.

use serde_json::{Map, Value, json};

/// A reference to the component `name` of the description. `kind` is its list, such as `schemas`.
pub fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

/// The entry of one method of a route.
#[derive(Debug, Clone)]
pub struct Operation {
    members: Map<String, Value>,
    parameters: Vec<Value>,
    responses: Map<String, Value>,
}

impl Operation {
    /// An operation with the three responses that every operation has: 400, 403 and 500.
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

    /// Sets the description; an empty one adds nothing.
    #[must_use]
    pub fn described(mut self, description: &str) -> Self {
        if !description.is_empty() {
            let description = description.into();
            self.members.insert("description".to_owned(), description);
        }
        self
    }

    /// Adds a parameter.
    #[must_use]
    pub fn parameter(mut self, parameter: Value) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// Adds the path parameter `token`.
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

    /// Adds a request body, and the responses 408, 413 and 415 that refuse one.
    #[must_use]
    pub fn body(mut self, media_type: &str, schema: &Value) -> Self {
        let content = json!({ media_type: { "schema": schema } });
        let body = json!({ "required": true, "content": content });
        self.members.insert("requestBody".to_owned(), body);
        self.refused(408, "BodyTimeout")
            .refused(413, "BodyTooLarge")
            .refused(415, "UnsupportedMediaType")
    }

    /// Adds a response with a body. `what` is its description.
    #[must_use]
    pub fn gives(self, status: u16, what: &str, media_type: &str, schema: &Value) -> Self {
        let content = json!({ media_type: { "schema": schema } });
        self.response(status, json!({ "description": what, "content": content }))
    }

    /// Adds a 200 with a body and an entity tag, and the 304 that goes with it.
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

    /// Adds a response without a body.
    #[must_use]
    pub fn gives_nothing(self, status: u16, what: &str) -> Self {
        self.response(status, json!({ "description": what }))
    }

    /// Adds a response with a problem of this schema.
    #[must_use]
    pub fn gives_problem(self, status: u16, what: &str, schema: &Value) -> Self {
        self.gives(status, what, "application/problem+json", schema)
    }

    /// Adds a header to the response of this status.
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

    /// Adds the header `Retry-After`, in seconds, to the response of this status.
    #[must_use]
    pub fn retry_after(self, status: u16) -> Self {
        let schema = json!({ "schema": { "type": "integer" } });
        self.header(status, "Retry-After", schema)
    }

    /// Adds a response that the component `response` of the base file describes.
    #[must_use]
    pub fn refused(self, status: u16, response: &str) -> Self {
        self.response(status, reference("responses", response))
    }

    /// Removes the response of this status.
    #[must_use]
    pub fn never(mut self, status: u16) -> Self {
        self.responses.remove(&status.to_string());
        self
    }

    fn response(mut self, status: u16, response: Value) -> Self {
        self.responses.insert(status.to_string(), response);
        self
    }

    /// The operation as JSON.
    pub fn into_json(self) -> Value {
        let mut members = self.members;
        if !self.parameters.is_empty() {
            members.insert("parameters".to_owned(), self.parameters.into());
        }
        members.insert("responses".to_owned(), self.responses.into());
        Value::Object(members)
    }
}
