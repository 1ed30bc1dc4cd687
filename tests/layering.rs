//! Imports point one way: this reads every path in `src/` and fails on an arrow against the order
//! of the layers, and on a crate where it must not be known.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

#[path = "layering/source.rs"]
mod source;

use std::fs;
use std::path::Path;

use source::{bare, tokens_of, without_tests};

/// Each module of the crate's root with those it may import, besides itself.
const LAYERS: [(&str, &[&str]); 11] = [
    ("events", &[]),
    ("text", &["events"]),
    ("projections", &["events", "text"]),
    ("store", &["events", "text", "projections", "telemetry"]),
    ("journal", &["events", "telemetry"]),
    ("telemetry", &[]),
    ("settings", &["telemetry"]),
    (
        "actors",
        &[
            "events",
            "text",
            "projections",
            "store",
            "journal",
            "telemetry",
            "settings",
        ],
    ),
    (
        "http",
        &[
            "events",
            "text",
            "projections",
            "store",
            "journal",
            "telemetry",
            "settings",
            "actors",
        ],
    ),
    (
        "cli",
        &[
            "events",
            "text",
            "projections",
            "store",
            "journal",
            "telemetry",
            "settings",
            "actors",
            "http",
        ],
    ),
    ("main", &["cli"]),
];

/// Paths that a layer must not name outside its tests, and why.
const STRANGERS: [(&str, &[&str], &str); 11] = [
    (
        "events",
        &["tokio", "ractor", "sled", "axum", "std::fs", "std::net"],
        "events are pure",
    ),
    (
        "text",
        &[
            "tokio",
            "ractor",
            "sled",
            "axum",
            "std::fs",
            "std::net",
            "Timestamp::now",
        ],
        "text is pure",
    ),
    (
        "projections",
        &[
            "tokio",
            "ractor",
            "sled",
            "axum",
            "async_trait",
            "std::fs",
            "std::net",
            "std::time",
            "getrandom",
            "Timestamp::now",
        ],
        "folds are pure: no clock, no I/O, no chance",
    ),
    (
        "store",
        &["ractor", "axum", "Timestamp::now"],
        "rows know nothing of who runs",
    ),
    (
        "journal",
        &["ractor", "axum", "sled"],
        "the log knows nothing of who reads",
    ),
    (
        "telemetry",
        &["ractor", "axum", "sled"],
        "figures are anybody's",
    ),
    (
        "settings",
        &["ractor", "axum", "sled", "tokio"],
        "settings are read by anybody",
    ),
    (
        "actors",
        &["axum", "hyper", "sled"],
        "actors know nothing of the wire or the disk",
    ),
    ("http", &["sled", "ractor"], "the edge has handles only"),
    (
        "cli",
        &["sled", "ractor", "axum"],
        "commands have handles only",
    ),
    (
        "main",
        &["sled", "ractor", "axum", "tokio"],
        "main only starts the command line",
    ),
];

/// Who may name `anyhow`.
const TELLERS: [&str; 2] = ["cli", "main"];

#[test]
fn imports_follow_the_order_of_the_layers() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 30, "only {} files were found", files.len());
    let found: Vec<String> = files
        .iter()
        .flat_map(|path| {
            let relative = path.strip_prefix(&root).unwrap().to_str().unwrap();
            violations(relative, &fs::read_to_string(path).unwrap())
        })
        .collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

fn collect(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// What is wrong with a file, given its path within `src/`.
fn violations(path: &str, text: &str) -> Vec<String> {
    let modules: Vec<&str> = path
        .trim_end_matches(".rs")
        .split('/')
        .filter(|name| *name != "mod")
        .collect();
    let layer = modules[0];
    if layer == "lib" {
        return Vec::new();
    }
    let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
        return vec![format!(
            "{path}: {layer:?} is no layer; name it in tests/layering.rs"
        )];
    };
    let tokens = tokens_of(&bare(text));
    let mut found = Vec::new();
    for target in crate_targets(&tokens, modules.len()) {
        let known = LAYERS.iter().any(|(name, _)| *name == target);
        if known && target != layer && !allowed.contains(&target.as_str()) {
            found.push(format!("{path}: {layer} must not import {target}"));
        }
    }
    let production = without_tests(&tokens);
    if let Some((_, strangers, why)) = STRANGERS.iter().find(|(name, _, _)| *name == layer) {
        for stranger in *strangers {
            if names_path(&production, stranger) {
                found.push(format!("{path}: {layer} must not know {stranger}: {why}"));
            }
        }
    }
    if !TELLERS.contains(&layer) && names_path(&tokens, "anyhow") {
        found.push(format!(
            "{path}: anyhow is for {} only",
            TELLERS.join(" and ")
        ));
    }
    found
}

/// The modules of the crate's root that are named from a module at `depth` below it.
fn crate_targets(tokens: &[String], depth: usize) -> Vec<String> {
    let token = |index: usize| tokens.get(index).map_or("", String::as_str);
    let mut targets = Vec::new();
    for index in 0..tokens.len() {
        if index > 0 && token(index - 1) == "::" {
            continue;
        }
        let mut after = index;
        match token(index) {
            "crate" | "tidings" if token(index + 1) == "::" => after += 2,
            "super" => {
                let mut ups = 0;
                while token(after) == "super" && token(after + 1) == "::" {
                    ups += 1;
                    after += 2;
                }
                if ups < depth {
                    continue;
                }
            }
            _ => continue,
        }
        if token(after) == "{" {
            let mut nested = 0;
            while after < tokens.len() {
                match token(after) {
                    "{" => nested += 1,
                    "}" => nested -= 1,
                    name if nested == 1 && matches!(token(after - 1), "{" | ",") => {
                        targets.push(name.to_owned());
                    }
                    _ => {}
                }
                after += 1;
                if nested == 0 {
                    break;
                }
            }
        } else {
            targets.push(token(after).to_owned());
        }
    }
    targets
}

/// `path`, such as `sled` or `std::fs`, is named from its beginning: in a path, or imported, or in
/// the braces of an import.
fn names_path(tokens: &[String], path: &str) -> bool {
    let parts: Vec<&str> = path.split("::").collect();
    let token = |index: usize| tokens.get(index).map_or("", String::as_str);
    (0..tokens.len()).any(|index| {
        if index > 0 && token(index - 1) == "::" {
            return false;
        }
        let starts = token(index) == parts[0];
        let imported = index > 0 && matches!(token(index - 1), "use" | "crate");
        match parts.as_slice() {
            [_] => starts && (token(index + 1) == "::" || imported),
            [_, second, ..] => {
                starts
                    && token(index + 1) == "::"
                    && (token(index + 2) == *second
                        || (token(index + 2) == "{" && in_braces(tokens, index + 2, second)))
            }
            [] => false,
        }
    })
}

fn in_braces(tokens: &[String], open: usize, name: &str) -> bool {
    let mut nested = 0;
    for index in open..tokens.len() {
        match tokens[index].as_str() {
            "{" => nested += 1,
            "}" => nested -= 1,
            token if nested == 1 && token == name => {
                return matches!(tokens[index - 1].as_str(), "{" | ",");
            }
            _ => {}
        }
        if nested == 0 {
            return false;
        }
    }
    false
}

#[test]
fn arrows_against_the_order_are_found() {
    for (path, text) in [
        ("events/x.rs", "use crate::store::Views;"),
        ("events/x.rs", "fn f() { crate::cli::main(); }"),
        (
            "projections/mod.rs",
            "use crate::{events::Event, actors::Tidings};",
        ),
        ("projections/a/b.rs", "use super::super::super::http;"),
        ("journal/x.rs", "use crate::projections::Rows;"),
        ("journal/x.rs", "use crate::http::{a, b};"),
        ("store/x.rs", "use crate::journal::Journal;"),
        ("actors/x.rs", "use crate::http;"),
        ("http/x.rs", "type A = crate::cli::X;"),
        ("settings/mod.rs", "use crate::events::Keyword;"),
        ("main.rs", "use tidings::http::serve;"),
        ("elsewhere/mod.rs", ""),
    ] {
        assert_eq!(violations(path, text).len(), 1, "{path}: {text}");
    }
}

#[test]
fn forbidden_crates_are_found() {
    for (path, text) in [
        ("journal/x.rs", "use sled::Db;"),
        ("cli/x.rs", "fn f() -> sled::Result<()> {}"),
        ("http/x.rs", "use ractor::ActorRef;"),
        ("projections/x.rs", "use tokio;"),
        (
            "projections/x.rs",
            "use std::{collections::BTreeMap, time::Instant};",
        ),
        ("projections/x.rs", "let now = Timestamp::now();"),
        ("text/x.rs", "let x = std::fs::read(\"a\");"),
        ("actors/x.rs", "fn f() -> anyhow::Result<()> { Ok(()) }"),
        ("actors/x.rs", "extern crate axum;"),
    ] {
        assert_eq!(violations(path, text).len(), 1, "{path}: {text}");
    }
}

#[test]
fn allowed_imports_and_comments_are_not_reported() {
    for (path, text) in [
        (
            "http/x.rs",
            "use crate::actors::Tidings; use crate::{events, store::{Views, sled}};",
        ),
        (
            "events/x.rs",
            "//! See [`crate::store`].\n/* use crate::cli; /* nested */ */",
        ),
        (
            "events/x.rs",
            "const A: &str = \"crate::cli\"; const B: &str = r#\"use sled::\"#; const C: char = \
            '\"'; use crate::events::X;",
        ),
        (
            "events/x.rs",
            "fn f<'a>(x: &'a str) -> &'a str { x } #[cfg(test)] mod tests { use std::fs; }",
        ),
        ("store/x.rs", "use sled::Batch;"),
        (
            "cli/journal.rs",
            "use super::journal; use crate::journal::Journal; pub(super) fn tail() {}",
        ),
        (
            "cli/publish/mod.rs",
            "use super::super::cli; mod store {} use self::store::x;",
        ),
        ("lib.rs", "pub mod actors;"),
    ] {
        assert_eq!(
            violations(path, text),
            Vec::<String>::new(),
            "{path}: {text}"
        );
    }
}
