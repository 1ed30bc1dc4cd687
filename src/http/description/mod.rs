//! Makes the OpenAPI and AsyncAPI descriptions of the interface.
//!
//! In: the resources, the [`Operation`]s of the other routes, and two files that are written by
//! hand, `openapi_base.json` and `asyncapi_base.json`. Out: the two descriptions.
//!
//! The descriptions are checked in as `assets/openapi.json` and `assets/asyncapi.json`. A test
//! fails when these files differ from what the code makes. To write them, run `WRITE_DESCRIPTIONS=1
//! cargo test --lib http::description`.

mod asyncapi;
mod openapi;
mod operation;
mod schema;

pub use asyncapi::asyncapi;
pub use openapi::openapi;
pub use operation::{Operation, reference};

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::Value;

    use super::*;

    const WRITE: &str = "WRITE_DESCRIPTIONS";

    fn hold(name: &str, made: &Value) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("assets")
            .join(name);
        let text = serde_json::to_string_pretty(made).unwrap() + "\n";
        if std::env::var_os(WRITE).is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let held = std::fs::read_to_string(&path).unwrap();
        assert!(
            held == text,
            "assets/{name} differs from what the code makes; write it with \
            `{WRITE}=1 cargo test --lib http::description`"
        );
    }

    #[test]
    fn checked_in_descriptions_equal_what_the_code_makes() {
        hold("openapi.json", &openapi());
        hold("asyncapi.json", &asyncapi());
    }
}
