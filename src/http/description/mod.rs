//! The descriptions of the interface, made from the resources.
//!
//! `assets/openapi.json` and `assets/asyncapi.json` are checked in. A test holds them against what
//! is made here; `WRITE_DESCRIPTIONS=1 cargo test --lib http::description` writes them. What
//! no resource says comes from the operations of the other routes, and from two files that are
//! written by hand: `openapi_base.json` and `asyncapi_base.json`.

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
            "{name} is not what the code says; write it with \
            `{WRITE}=1 cargo test --lib http::description`"
        );
    }

    #[test]
    fn checked_in_descriptions_are_what_the_code_says() {
        hold("openapi.json", &openapi());
        hold("asyncapi.json", &asyncapi());
    }
}
