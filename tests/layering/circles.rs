//! Import cycles: between the files of a folder, and between folders.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::source::{bare, tokens_of, without_tests};

/// Folders whose files must not have an import cycle.
const WITHOUT_CIRCLES: [&str; 2] = ["actors/live", "http/live"];

/// Modules by path, such as `actors/live/feed`, each with the modules that it imports.
type Imports = BTreeMap<String, BTreeSet<String>>;

#[test]
fn files_of_live_form_no_circle() {
    let imports = imports_of_src();
    for folder in WITHOUT_CIRCLES {
        let inside = format!("{folder}/");
        let is_inside = |module: &String| module.starts_with(&inside);
        let within: Imports = imports
            .iter()
            .filter(|(module, _)| is_inside(module))
            .map(|(module, targets)| {
                let targets = targets.iter().filter(|target| is_inside(target));
                (module.clone(), targets.cloned().collect())
            })
            .collect();
        assert!(within.len() > 5, "{folder} has {} files", within.len());
        assert_eq!(circle(&within), None, "files of src/{folder}");
    }
}

#[test]
fn folders_of_a_folder_form_no_circle() {
    let imports = imports_of_src();
    let folders: BTreeSet<&str> = imports.keys().filter_map(|path| parent(path)).collect();
    for folder in folders.iter().copied().chain([""]) {
        let inside = if folder.is_empty() {
            String::new()
        } else {
            format!("{folder}/")
        };
        // The direct sub-folder of `folder` that contains a module.
        let part_of = |module: &str| {
            let part = module.strip_prefix(&inside)?.split('/').next()?;
            let path = format!("{inside}{part}");
            folders.contains(path.as_str()).then_some(path)
        };
        let mut between = Imports::new();
        for (module, targets) in &imports {
            let Some(part) = part_of(module) else {
                continue;
            };
            let targets = targets.iter().filter_map(|target| part_of(target));
            let others = targets.filter(|other| *other != part);
            between.entry(part.clone()).or_default().extend(others);
        }
        assert_eq!(circle(&between), None, "folders of src/{folder}");
    }
}

fn parent(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(parent, _)| parent)
}

/// The imports of all files below `src/`, without their tests.
fn imports_of_src() -> Imports {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = crate::sources(&root);
    let texts: BTreeMap<String, String> = files
        .iter()
        .map(|path| {
            let relative = path.strip_prefix(&root).unwrap().to_str().unwrap();
            let module = relative.trim_end_matches(".rs").trim_end_matches("/mod");
            (module.to_owned(), fs::read_to_string(path).unwrap())
        })
        .collect();
    let modules: BTreeSet<String> = texts.keys().cloned().collect();
    let imports = texts.iter().map(|(module, text)| {
        let tokens = without_tests(&tokens_of(&bare(text)));
        (module.clone(), targets_of(module, &tokens, &modules))
    });
    imports.collect()
}

/// The modules that the paths in a file name, except the file's own.
fn targets_of(module: &str, tokens: &[String], modules: &BTreeSet<String>) -> BTreeSet<String> {
    let token = |index: usize| tokens.get(index).map_or("", String::as_str);
    let own: Vec<&str> = module.split('/').collect();
    let mut targets = BTreeSet::new();
    for index in 0..tokens.len() {
        if index > 0 && token(index - 1) == "::" {
            continue;
        }
        let mut after = index;
        let mut base = own.clone();
        match token(index) {
            "crate" if token(index + 1) == "::" => {
                base.clear();
                after += 2;
            }
            "self" if token(index + 1) == "::" => after += 2,
            "super" => {
                while token(after) == "super" && token(after + 1) == "::" {
                    base.pop();
                    after += 2;
                }
            }
            // A path of a `mod.rs` into its own folder.
            name if token(index + 1) == "::" && modules.contains(&format!("{module}/{name}")) => {}
            _ => continue,
        }
        for path in paths_from(tokens, after) {
            let mut named: Vec<&str> = base.iter().copied().chain(path).collect();
            while !named.is_empty() && !modules.contains(&named.join("/")) {
                named.pop();
            }
            let target = named.join("/");
            if !target.is_empty() && target != module {
                targets.insert(target);
            }
        }
    }
    targets
}

/// Every path in the `use` tree that starts at `start`.
fn paths_from(tokens: &[String], start: usize) -> Vec<Vec<&str>> {
    let token = |index: usize| tokens.get(index).map_or("", String::as_str);
    if token(start) == "{" {
        let entries = crate::ends_of(tokens, start).into_iter();
        return entries.flat_map(|at| paths_from(tokens, at)).collect();
    }
    if token(start + 1) != "::" {
        return vec![vec![token(start)]];
    }
    let mut paths = paths_from(tokens, start + 2);
    for path in &mut paths {
        path.insert(0, token(start));
    }
    paths
}

/// An import cycle, if there is one. Modules that import none of the others, or that none of the
/// others imports, are removed repeatedly; the rest contains a cycle.
fn circle(imports: &Imports) -> Option<BTreeSet<String>> {
    let mut rest: BTreeSet<&String> = imports.keys().collect();
    loop {
        let stays = |module: &&String| {
            let imported = rest.iter().any(|other| imports[*other].contains(*module));
            imported && imports[*module].iter().any(|target| rest.contains(target))
        };
        let left: BTreeSet<&String> = rest.iter().copied().filter(stays).collect();
        if left.len() == rest.len() {
            let circle: BTreeSet<String> = left.into_iter().cloned().collect();
            return (!circle.is_empty()).then_some(circle);
        }
        rest = left;
    }
}

#[test]
fn circles_are_found_in_any_form_of_import() {
    let modules: BTreeSet<String> = ["a", "a/b", "a/c", "a/d", "e"].map(str::to_owned).into();
    let targets = |module: &str, text: &str| {
        let tokens = tokens_of(&bare(text));
        let targets = targets_of(module, &tokens, &modules);
        targets.into_iter().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        targets("a/b", "use super::c::X; use crate::e::{Y, Z};"),
        "a/c e"
    );
    assert_eq!(targets("a/b", "use crate::{a::{c::X, d}, e};"), "a/c a/d e");
    assert_eq!(targets("a/b", "fn f() -> super::super::e::Y {}"), "e");
    assert_eq!(
        targets("a", "mod b; pub use b::X; use self::c::Y;"),
        "a/b a/c"
    );
    let of = |pairs: &[(&str, &str)]| {
        let mut imports = Imports::new();
        for (from, to) in pairs {
            imports.entry((*to).to_owned()).or_default();
            imports
                .entry((*from).to_owned())
                .or_default()
                .insert((*to).to_owned());
        }
        imports
    };
    assert_eq!(circle(&of(&[("a", "b"), ("b", "c"), ("a", "c")])), None);
    let found = circle(&of(&[("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")])).unwrap();
    assert_eq!(found, ["b", "c"].map(str::to_owned).into());
}
