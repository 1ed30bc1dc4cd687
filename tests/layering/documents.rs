//! The documentation names only files and items that exist.

use std::fs;
use std::path::{Path, PathBuf};

/// The documents whose paths are checked.
const DOCUMENTS: [&str; 3] = [
    "docs/architecture.md",
    "docs/glossary.md",
    "CONTRIBUTING.md",
];

/// The words before the name in the definition of an item.
const DEFINITIONS: [&str; 7] = ["struct", "enum", "trait", "type", "fn", "const", "static"];

#[test]
fn every_path_in_the_documents_exists() {
    let mut checked = 0;
    let mut missing = Vec::new();
    for document in DOCUMENTS {
        for path in code_spans(&read(document)).filter(|span| is_path(span)) {
            checked += 1;
            if !exists(path) {
                missing.push(format!("{document}: `{path}` does not exist"));
            }
        }
    }
    assert!(checked > 60, "only {checked} paths were found");
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}

#[test]
fn every_item_in_the_glossary_exists() {
    let glossary = read("docs/glossary.md");
    let mut checked = 0;
    let mut missing = Vec::new();
    let rows = glossary.lines().filter(|line| line.starts_with('|'));
    for cell in rows.filter_map(|row| row.trim_end_matches(['|', ' ']).rsplit('|').next()) {
        for item in cell.split('`').skip(1).step_by(2) {
            checked += 1;
            if !is_defined(item) {
                missing.push(format!("`{item}` does not exist"));
            }
        }
    }
    assert!(checked > 60, "only {checked} items were found");
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}

#[test]
fn missing_paths_and_items_are_found() {
    assert!(is_path("http/server.rs") && exists("http/server.rs"));
    assert!(is_path("src/nowhere/") && !exists("src/nowhere/"));
    assert!(!is_path("/api/v1/live") && !is_path("src/projections/<name>.rs"));
    assert!(is_defined("journal::Journal") && is_defined("Journal::head"));
    assert!(!is_defined("journal::Nothing") && !is_defined("nowhere::Journal"));
    let text = "`a\nb` c `d`\n```\n`e`\n```\n`f`";
    assert_eq!(code_spans(text).collect::<Vec<_>>(), ["a\nb", "d", "f"]);
}

/// The texts in single backticks, outside of code blocks.
fn code_spans(text: &str) -> impl Iterator<Item = &str> {
    text.split("```")
        .step_by(2)
        .flat_map(|prose| prose.split('`').skip(1).step_by(2))
}

/// True for the path of a file or folder. Routes begin with `/`; templates contain `<`.
fn is_path(span: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_./-".contains(c);
    let has_extension = [".rs", ".md", ".toml"]
        .iter()
        .any(|end| span.ends_with(end));
    !span.starts_with('/') && span.chars().all(is_plain) && (span.contains('/') || has_extension)
}

/// True when the path exists in the repository or in `src/`.
fn exists(path: &str) -> bool {
    root().join(path).exists() || root().join("src").join(path).exists()
}

/// True when a Rust path such as `journal::Journal` or `Journal::head` names modules and items that
/// exist. Lower-case segments at the start are modules if `src/` has a file for them.
fn is_defined(item: &str) -> bool {
    let mut module_path = root().join("src");
    let mut names = item.split("::").peekable();
    while let Some(module) = names.peek().and_then(|name| module_at(&module_path, name)) {
        module_path = module;
        names.next();
    }
    let sources = sources_at(&module_path);
    names.all(|name| {
        DEFINITIONS
            .iter()
            .any(|word| sources.iter().any(|source| defines(source, word, name)))
    })
}

/// The folder or file of a module below a folder.
fn module_at(folder: &Path, name: &str) -> Option<PathBuf> {
    [folder.join(name), folder.join(format!("{name}.rs"))]
        .into_iter()
        .find(|path| path.exists())
}

/// The texts of a source file, or of all source files below a folder.
fn sources_at(module_path: &Path) -> Vec<String> {
    let mut files = vec![module_path.to_path_buf()];
    if module_path.is_dir() {
        files.clear();
        crate::collect(module_path, &mut files);
    }
    files
        .iter()
        .map(|file| fs::read_to_string(file).unwrap())
        .collect()
}

/// True when a source has a definition such as `struct Journal`.
fn defines(source: &str, word: &str, name: &str) -> bool {
    let definition = format!("{word} {name}");
    source.match_indices(&definition).any(|(at, _)| {
        let next = source[at + definition.len()..].chars().next();
        next.is_none_or(|c| !c.is_alphanumeric() && c != '_')
    })
}

fn read(document: &str) -> String {
    fs::read_to_string(root().join(document)).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
