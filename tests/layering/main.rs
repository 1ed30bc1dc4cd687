//! Imports point one way: the test reads every path in `src/` and fails on an import against the
//! order of the layers, and on a crate that the layer must not name.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod circles;
mod documents;
mod source;

use std::fs;
use std::path::Path;

use source::{bare, tokens_of, without_tests};

/// Each layer with the layers that it may import, besides itself and [`SEEN_BY_ALL`]; innermost
/// first.
const LAYERS: &[(&str, &[&str])] = &[
    ("telemetry", &[]),
    ("settings", &[]),
    ("events", &[]),
    ("access", &["events"]),
    ("text", &["events"]),
    ("projections", &["events", "text"]),
    ("journal", &["events"]),
    ("store", &["events", "text", "projections"]),
    ("queries", &["events", "access", "projections", "store"]),
    (
        "actors::engine",
        &[
            "events",
            "text",
            "projections",
            "journal",
            "store",
            "access",
            "queries",
        ],
    ),
    (
        "actors::live",
        &[
            "events",
            "projections",
            "journal",
            "store",
            "access",
            "queries",
            "actors::engine",
        ],
    ),
    (
        "ingest",
        &[
            "events",
            "text",
            "projections",
            "journal",
            "store",
            "actors::engine",
        ],
    ),
    (
        "maintenance",
        &[
            "events",
            "projections",
            "journal",
            "store",
            "actors::engine",
        ],
    ),
    ("demo", &["events"]),
    ("sources", &["events", "text", "journal"]),
    (
        "http",
        &[
            "events",
            "access",
            "queries",
            "text",
            "projections",
            "journal",
            "store",
            "actors::engine",
            "actors::live",
            "ingest",
            "sources",
        ],
    ),
    (
        "app",
        &[
            "events",
            "text",
            "projections",
            "journal",
            "actors::engine",
            "actors::live",
            "ingest",
            "maintenance",
            "sources",
            "http",
        ],
    ),
    (
        "cli",
        &[
            "events",
            "access",
            "queries",
            "text",
            "projections",
            "journal",
            "store",
            "actors::engine",
            "actors::live",
            "ingest",
            "maintenance",
            "demo",
            "sources",
            "http",
            "app",
        ],
    ),
];

/// Layers that every other layer may import; they may also import each other.
const SEEN_BY_ALL: [&str; 2] = ["settings", "telemetry"];

/// Layers, the paths that they must not name outside their tests, and the reason.
const FORBIDDEN: &[(&[&str], &[&str], &str)] = &[
    (
        &["events", "text", "access"],
        &["tokio", "ractor", "sled", "axum", "std::fs", "std::net"],
        "it is pure",
    ),
    (
        &["projections", "demo"],
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
        ],
        "it is pure: no clock, no I/O, no randomness but that of a seed",
    ),
    (&["store"], &["ractor", "axum"], "the store knows no actors"),
    (
        &["journal", "telemetry"],
        &["ractor", "axum", "sled"],
        "it knows no readers",
    ),
    (
        &["queries", "settings", "main"],
        &["tokio", "ractor", "sled", "axum"],
        "it runs nothing",
    ),
    (
        &["actors::engine", "actors::live"],
        &["axum", "hyper", "sled"],
        "actors know neither the wire format nor the disk",
    ),
    (
        &["ingest", "maintenance"],
        &["ractor", "axum", "hyper", "sled"],
        "it works on handles, journals and rows",
    ),
    (&["http"], &["sled", "ractor"], "the edge uses handles only"),
    (
        &["app", "cli"],
        &["sled", "ractor", "axum"],
        "it uses handles only",
    ),
];

/// The names of the system's clock.
const SYSTEM_CLOCK: [&str; 2] = ["Timestamp::now", "SystemTime"];

/// Layers that may name the system's clock: those that set up a server, and those that are clients.
/// All others get a time or a clock as an argument.
const CLOCK_READERS: [&str; 2] = ["app", "cli"];

/// Layers that get a time as an argument, and no clock.
const WITHOUT_CLOCK: [&str; 6] = ["access", "text", "projections", "demo", "store", "queries"];

/// The maximum length of a line of code or comment, in columns.
const MAX_COLUMNS: usize = 100;

/// Layers that may name `anyhow`.
const ANYHOW_LAYERS: [&str; 2] = ["cli", "main"];

#[test]
fn imports_follow_the_order_of_the_layers() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = sources(&root);
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

#[test]
fn lines_have_at_most_100_columns() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "tests", "benches"] {
        collect(&root.join(folder), &mut files);
    }
    let mut found = Vec::new();
    for path in &files {
        for (number, line) in fs::read_to_string(path).unwrap().lines().enumerate() {
            // A line with a string literal may be longer, because the string may be one word or
            // raw.
            if line.chars().count() > MAX_COLUMNS && !line.contains('"') {
                found.push(format!("{}:{}", path.display(), number + 1));
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// The source files below a folder, without modules of tests.
fn sources(root: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    collect(root, &mut files);
    files.retain(|path| path.file_name().is_none_or(|name| name != "tests.rs"));
    files
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

/// The violations in a file; `path` is relative to `src/`.
fn violations(path: &str, text: &str) -> Vec<String> {
    let modules: Vec<&str> = path
        .trim_end_matches(".rs")
        .split('/')
        .filter(|name| *name != "mod")
        .collect();
    let layer = layer_of(&modules);
    if ["lib", "actors"].contains(&layer.as_str()) {
        return Vec::new();
    }
    let is_main = layer == "main";
    let allowed = LAYERS.iter().find(|(name, _)| *name == layer);
    let allowed: &[&str] = match allowed {
        Some((_, allowed)) => allowed,
        None if is_main => &["cli"],
        None => {
            return vec![format!(
                "{path}: {layer:?} is no layer; name it in tests/layering/main.rs"
            )];
        }
    };
    let tokens = tokens_of(&bare(text));
    let mut found = Vec::new();
    for target in crate_targets(&tokens, &modules) {
        let target = target.as_str();
        let known = LAYERS.iter().any(|(name, _)| *name == target);
        let may = target == layer
            || allowed.contains(&target)
            || (SEEN_BY_ALL.contains(&target) && !is_main);
        if known && !may {
            found.push(format!("{path}: {layer} must not import {target}"));
        }
    }
    let production = without_tests(&tokens);
    let of_layer = FORBIDDEN
        .iter()
        .filter(|(layers, _, _)| layers.contains(&layer.as_str()));
    for (_, forbidden, why) in of_layer {
        for path_name in *forbidden {
            if names_path(&production, path_name) {
                found.push(format!("{path}: {layer} must not know {path_name}: {why}"));
            }
        }
    }
    if !CLOCK_READERS.contains(&layer.as_str()) {
        for clock in SYSTEM_CLOCK {
            let clock_tokens = tokens_of(clock);
            let mut parts = production.windows(clock_tokens.len());
            if parts.any(|part| part == clock_tokens) {
                found.push(format!(
                    "{path}: {layer} must not read the system's clock: {clock}"
                ));
            }
        }
    }
    if WITHOUT_CLOCK.contains(&layer.as_str()) && production.iter().any(|name| name == "Clock") {
        found.push(format!("{path}: {layer} must not read a clock"));
    }
    if !ANYHOW_LAYERS.contains(&layer.as_str()) && names_path(&tokens, "anyhow") {
        found.push(format!(
            "{path}: anyhow is for {} only",
            ANYHOW_LAYERS.join(" and ")
        ));
    }
    found
}

/// The layer of a module: the first name of its path, below `actors` the first two.
fn layer_of(modules: &[&str]) -> String {
    match modules {
        ["actors", part, ..] => format!("actors::{part}"),
        [first, ..] => (*first).to_owned(),
        [] => String::new(),
    }
}

/// The layers that are named from a module of this path.
fn crate_targets(tokens: &[String], modules: &[&str]) -> Vec<String> {
    let token = |index: usize| tokens.get(index).map_or("", String::as_str);
    let mut targets = Vec::new();
    for index in 0..tokens.len() {
        if index > 0 && token(index - 1) == "::" {
            continue;
        }
        let mut after = index;
        let mut above: &[&str] = &[];
        match token(index) {
            "crate" | "tidings" if token(index + 1) == "::" => after += 2,
            "super" => {
                let mut ups = 0;
                while token(after) == "super" && token(after + 1) == "::" {
                    ups += 1;
                    after += 2;
                }
                let depth = modules.len().saturating_sub(ups);
                // The path stays within the layer, or names a module inside the file.
                if depth > 1 || (depth == 1 && modules[0] != "actors") {
                    continue;
                }
                above = &modules[..depth];
            }
            _ => continue,
        }
        for path in paths_from(tokens, after) {
            let whole: Vec<&str> = above.iter().copied().chain(path).collect();
            let layer = layer_of(&whole);
            if !targets.contains(&layer) {
                targets.push(layer);
            }
        }
    }
    targets
}

/// The first two names of every path in the `use` tree that starts at `start`.
fn paths_from(tokens: &[String], start: usize) -> Vec<Vec<&str>> {
    let token = |index: usize| tokens.get(index).map_or("", String::as_str);
    if token(start) != "{" {
        let first = token(start);
        if token(start + 1) != "::" {
            return vec![vec![first]];
        }
        return ends_of(tokens, start + 2)
            .into_iter()
            .map(|index| vec![first, token(index)])
            .collect();
    }
    ends_of(tokens, start)
        .into_iter()
        .flat_map(|index| paths_from(tokens, index))
        .collect()
}

/// The positions of the names at `start`: one, or one per entry of the braces there.
fn ends_of(tokens: &[String], start: usize) -> Vec<usize> {
    let token = |index: usize| tokens.get(index).map_or("", String::as_str);
    if token(start) != "{" {
        return vec![start];
    }
    let mut nested = 0;
    let mut found = Vec::new();
    for index in start..tokens.len() {
        match token(index) {
            "{" => nested += 1,
            "}" => nested -= 1,
            _ if nested == 1 && matches!(token(index - 1), "{" | ",") => found.push(index),
            _ => {}
        }
        if nested == 0 {
            break;
        }
    }
    found
}

/// True when a path such as `sled` or `std::fs` is named from its start: in a path, in an import,
/// or in the braces of an import.
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
fn imports_against_the_order_are_found() {
    for (path, text) in [
        ("events/x.rs", "use crate::store::Views;"),
        ("events/x.rs", "fn f() { crate::cli::main(); }"),
        (
            "projections/mod.rs",
            "use crate::{events::Event, actors::engine::Tidings};",
        ),
        ("projections/a/b.rs", "use super::super::super::http;"),
        ("journal/x.rs", "use crate::projections::Rows;"),
        ("journal/x.rs", "use crate::http::{a, b};"),
        ("store/x.rs", "use crate::journal::Journal;"),
        ("actors/engine/x.rs", "use crate::http;"),
        ("actors/engine/x.rs", "use crate::actors::live::Live;"),
        ("actors/engine/a/b.rs", "use super::super::super::live;"),
        (
            "actors/engine/x.rs",
            "use crate::{events, actors::{engine, live::Live}};",
        ),
        ("actors/live/x.rs", "use crate::ingest::Intake;"),
        ("ingest/x.rs", "use crate::maintenance::replay;"),
        ("maintenance/x.rs", "use crate::actors::live::Live;"),
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
        (
            "actors/engine/x.rs",
            "let clock = Clock::of(crate::events::Timestamp::now);",
        ),
        ("actors/live/x.rs", "let now = Timestamp::now();"),
        (
            "journal/jetstream/x.rs",
            "let now = Timestamp::now(); #[cfg(test)] mod tests { fn f() { Timestamp::now(); } }",
        ),
        ("queries/x.rs", "use crate::events::{Clock, Timestamp};"),
        ("ingest/x.rs", "let now = SystemTime::now();"),
        ("http/x.rs", "use std::time::SystemTime;"),
        ("text/x.rs", "let x = std::fs::read(\"a\");"),
        (
            "actors/engine/x.rs",
            "fn f() -> anyhow::Result<()> { Ok(()) }",
        ),
        ("actors/live/x.rs", "extern crate axum;"),
    ] {
        assert_eq!(violations(path, text).len(), 1, "{path}: {text}");
    }
}

#[test]
fn allowed_imports_and_comments_are_not_reported() {
    for (path, text) in [
        (
            "http/x.rs",
            "use crate::actors::engine::Tidings; use crate::{events, store::{Views, sled}};",
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
        ("app/x.rs", "let clock = Clock::of(Timestamp::now);"),
        (
            "actors/live/x.rs",
            "let now = clock.now(); #[cfg(test)] mod tests { fn f() { Timestamp::now(); } }",
        ),
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
