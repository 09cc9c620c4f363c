//! `cargo xtask tidy`: the sources as text. Modules name only modules of lower layers, each foreign library is named in one
//! place, and a file holds one noun.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, Result, ensure};

use crate::repository;

/// goat's modules by layer: a module may name those of lower layers. Those of layer 0 may name each other.
const LAYERS: [&[&str]; 8] = [
    &["addr", "lines", "counts", "status", "paths", "data_type", "style", "timed", "parallel"],
    &["diff", "source", "binary"],
    &["track", "cfg"],
    &["plan"],
    &["session", "report", "state"],
    &["http"],
    &["cli"],
    // Only in builds for the fuzz targets.
    &["fuzzing"],
];

/// What the layers would allow and the design does not: who, whom.
const NEVER: [(&str, &str); 2] = [("http", "session"), ("http", "state")];

/// A foreign library, by its names in code, and the only places in goat-userspace/src that name it.
const CONFINED: [(&[&str], &[&str]); 13] = [
    (&["git2"], &["diff/git.rs", "diff/git/"]),
    (&["tree_sitter", "tree_sitter_go"], &["source/go.rs", "source/go/"]),
    (&["object"], &["binary/object.rs"]),
    (&["gimli"], &["binary/dwarf/"]),
    (&["iced_x86"], &["cfg/x86_64.rs"]),
    (&["aya", "aya_obj", "aya_log"], &["session/"]),
    (&["axum"], &["http/"]),
    (&["tokio_rustls", "rustls"], &["http/tls.rs"]),
    (&["clap"], &["cli/"]),
    (&["quick_xml"], &["report/xml.rs"]),
    (&["ureq"], &["cli/client.rs"]),
    (&["indicatif"], &["cli/waiting.rs", "cli/progress.rs"]),
    (&["ratatui", "crossterm"], &["cli/top/"]),
];

/// A file with more lines is worth a look.
const LONG: usize = 450;
/// A file with more lines holds more than one noun.
const TOO_LONG: usize = 700;

/// Where Rust sources are.
const FOLDERS: [&str; 6] = ["goat-common", "goat-ebpf", "goat-userspace", "tests", "xtask", "fuzz"];

/// A source file: its path from the repository's root, and its text.
struct Source {
    path: String,
    text: String,
}

/// Checks every source and manifest.
pub fn run() -> Result<()> {
    let root = repository::root();
    let mut sources = Vec::new();
    for folder in FOLDERS.map(|name| root.join(name)).iter().filter(|folder| folder.is_dir()) {
        collect(&root, folder, &mut sources)?;
    }
    ensure!(!sources.is_empty(), "there is no source below {}", root.display());
    let mut findings: Vec<String> = sources.iter().flat_map(|source| source.findings()).collect();
    for manifest in ["goat-common/Cargo.toml", "xtask/Cargo.toml"] {
        let text = fs::read_to_string(root.join(manifest)).with_context(|| format!("cannot read {manifest}"))?;
        findings.extend(manifest_findings(manifest, &text));
    }
    for source in sources.iter().filter(|source| (LONG + 1..=TOO_LONG).contains(&source.text.lines().count())) {
        println!("{}: {} lines: does it hold more than one noun?", source.path, source.text.lines().count());
    }
    for finding in &findings {
        println!("{finding}");
    }
    ensure!(findings.is_empty(), "{} findings in {} sources", findings.len(), sources.len());
    println!("{} sources are tidy", sources.len());
    Ok(())
}

fn collect(root: &Path, folder: &Path, sources: &mut Vec<Source>) -> Result<()> {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .and_then(Iterator::collect)
        .with_context(|| format!("cannot list {}", folder.display()))?;
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        let path = entry.path();
        if path.is_dir() && entry.file_name() != "target" {
            collect(root, &path, sources)?;
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let path = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            sources.push(Source { path, text });
        }
    }
    Ok(())
}

impl Source {
    fn findings(&self) -> Vec<String> {
        let mut findings = Vec::new();
        let count = self.text.lines().count();
        if count > TOO_LONG {
            findings.push(format!("{}: {count} lines: a file has at most {TOO_LONG}", self.path));
        }
        if let Some(path) = self.path.strip_prefix("goat-userspace/src/") {
            let code = without_comments(&self.text);
            findings.extend(confinement(path, &code).map(|f| format!("{}: {f}", self.path)));
            findings.extend(direction(path, without_tests(&code)).into_iter().map(|f| format!("{}: {f}", self.path)));
        }
        findings
    }
}

/// Code alone, as far as lines go. A `//` behind a colon is a URL's.
fn without_comments(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    for line in text.lines() {
        let comment = line.match_indices("//").find(|(at, _)| !line[..*at].ends_with(':'));
        code += comment.map_or(line, |(at, _)| &line[..at]);
        code.push('\n');
    }
    code
}

/// `code` up to its unit tests: these may join what the design keeps apart.
fn without_tests(code: &str) -> &str {
    code.split("#[cfg(test)]\nmod tests {").next().unwrap_or(code)
}

/// Foreign libraries that `code` names outside their place.
fn confinement<'a>(path: &'a str, code: &'a str) -> impl Iterator<Item = String> + 'a {
    CONFINED.into_iter().filter(|(_, places)| !places.iter().any(|place| path.starts_with(place))).flat_map(
        move |(names, places)| {
            let named = names.iter().filter(move |name| names_crate(path, code, name));
            named.map(move |name| format!("names {name}, which only {} may", places.join(" and ")))
        },
    )
}

fn names_crate(path: &str, code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + name.len()..]);
        let begins = !before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '"');
        let imported = before.ends_with("use ") || before.ends_with("use ::");
        // binary/object.rs is `object` to its neighbours: there only an import at the top of a path is the library.
        let own_module = name == "object" && path.starts_with("binary/");
        let qualified = after.starts_with("::") && !before.ends_with("::") && !own_module;
        begins && (imported && after.starts_with([':', ';', ' ']) || qualified)
    })
}

/// Modules that `code` names and should not.
fn direction(path: &str, code: &str) -> Vec<String> {
    let module = path.split('/').next().unwrap_or(path).trim_end_matches(".rs");
    if module == "lib" || module == "main" {
        return Vec::new();
    }
    let layer_of = |name: &str| LAYERS.iter().position(|layer| layer.contains(&name));
    let Some(layer) = layer_of(module) else {
        return vec![format!("module {module} has no layer: give it one in xtask/src/tidy.rs")];
    };
    let mut findings = Vec::new();
    for other in modules_named(code) {
        let allowed = match layer_of(&other) {
            _ if other == module => true,
            None => false,
            Some(0) => true,
            Some(lower) => lower < layer && !NEVER.contains(&(module, &*other)),
        };
        if !allowed {
            findings.push(format!("{module} names {other}, which is not below it"));
        }
    }
    findings
}

/// The modules behind `crate::`, alone or in braces.
fn modules_named(code: &str) -> BTreeSet<String> {
    let mut modules = BTreeSet::new();
    for (at, marker) in code.match_indices("crate::") {
        if code[..at].ends_with('$') {
            continue;
        }
        let rest = &code[at + marker.len()..];
        match rest.strip_prefix('{') {
            Some(list) => modules.extend(top_level(list).filter_map(first_word)),
            None => modules.extend(first_word(rest)),
        }
    }
    modules
}

/// The items of a brace list, whose opening brace is gone.
fn top_level(list: &str) -> impl Iterator<Item = &str> {
    let mut depth = 1;
    let end = list.find(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        depth == 0
    });
    let mut depth = 0;
    list[..end.unwrap_or(list.len())].split(move |c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        depth == 0 && c == ','
    })
}

/// The module that a path begins with; types and macros of the root (`DataType`) are none.
fn first_word(path: &str) -> Option<String> {
    let path = path.trim_start();
    let word: String = path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let is_module = word.starts_with(|c: char| c.is_ascii_lowercase()) && !path[word.len()..].starts_with('!');
    is_module.then_some(word)
}

/// goat-common is linked into the kernel's half: it depends on core, and on aya for the user's half. No chore depends on goat.
fn manifest_findings(manifest: &str, text: &str) -> Vec<String> {
    let allowed = |name: &str| match manifest {
        "goat-common/Cargo.toml" => name == "aya",
        _ => !name.starts_with("goat"),
    };
    let mut section = "";
    let mut findings = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        } else if section.ends_with("dependencies]") && section != "[dev-dependencies]" {
            let name = line.split(['.', '=', ' ']).next().unwrap_or(line);
            if !name.is_empty() && !name.starts_with('#') && !allowed(name) {
                findings.push(format!("{manifest}: depends on {name}"));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sources_are_tidy() {
        run().unwrap();
    }

    fn check(path: &str, text: &str, expected: &[&str]) {
        let source = Source { path: format!("goat-userspace/src/{path}"), text: text.to_owned() };
        let prefix = format!("{}: ", source.path);
        let found: Vec<String> =
            source.findings().iter().map(|f| f.strip_prefix(&prefix).unwrap().to_owned()).collect();
        assert_eq!(found, expected, "{path}: {text}");
    }

    #[test]
    fn a_library_is_named_in_its_place_alone() {
        check("diff/git.rs", "use git2::Repository;", &[]);
        check("diff/git/tree.rs", "fn f(t: &git2::Tree) {}", &[]);
        check("diff/mod.rs", "fn f(t: &git2::Tree) {}", &["names git2, which only diff/git.rs and diff/git/ may"]);
        check("diff/mod.rs", "// as git2::Tree has it\nlet s = \"git2::Tree\"; // git2::x", &[]);
        check("plan/mod.rs", "use clap::Parser;", &["names clap, which only cli/ may"]);
        check("http/mod.rs", "use axum;", &[]);
        check("session/mod.rs", "use axum;", &["names axum, which only http/ may"]);
        check("binary/identity.rs", "use super::{Error, object::Image};", &[]);
        check("binary/mod.rs", "fn f() -> object::Image {}", &[]);
        check("binary/mod.rs", "use object::Object;", &["names object, which only binary/object.rs may"]);
        check(
            "cfg/mod.rs",
            "let x = object::read::File::parse(b);",
            &["names object, which only binary/object.rs may"],
        );
        check(
            "source/mod.rs",
            "use tree_sitter::Parser;",
            &["names tree_sitter, which only source/go.rs and source/go/ may"],
        );
    }

    #[test]
    fn a_module_names_only_what_is_below_it() {
        check("plan/mod.rs", "use crate::{addr::VirtAddr, track::{Granularity, cfg}, DataType};", &[]);
        check("diff/mod.rs", "use crate::diff::x; use crate::lines::LineSet;", &[]);
        check("diff/mod.rs", "use crate::source::x;", &["diff names source, which is not below it"]);
        check(
            "binary/a.rs",
            "use crate::{\n    addr::{A, B},\n    diff::x,\n};",
            &["binary names diff, which is not below it"],
        );
        check("plan/mod.rs", "fn f(s: crate::session::S) {}", &["plan names session, which is not below it"]);
        check("report/mod.rs", "use crate::session::S;", &["report names session, which is not below it"]);
        check("http/mod.rs", "use crate::{report::R, session::S};", &["http names session, which is not below it"]);
        check("cli/mod.rs", "use crate::{http, session::S, plan};", &[]);
        check("addr.rs", "use crate::binary::Binary;", &["addr names binary, which is not below it"]);
        check("novelty.rs", "", &["module novelty has no layer: give it one in xtask/src/tidy.rs"]);
        check("plan/file.rs", "use crate::lines;\n#[cfg(test)]\nmod tests {\n    use crate::report::new;\n}\n", &[]);
        check("lib.rs", "pub use crate::cli::main;", &[]);
    }

    #[test]
    fn a_file_holds_one_noun() {
        check("lines.rs", &"\n".repeat(TOO_LONG), &[]);
        check("lines.rs", &"\n".repeat(TOO_LONG + 1), &["701 lines: a file has at most 700"]);
    }

    #[test]
    fn manifests_keep_the_direction_of_crates() {
        let check = |manifest: &str, text: &str, expected: &[&str]| {
            assert_eq!(manifest_findings(manifest, text), expected, "{text}");
        };
        check("goat-common/Cargo.toml", "[dependencies]\naya = { workspace = true, optional = true }\n", &[]);
        check("goat-common/Cargo.toml", "[dependencies]\nlibc = \"1\"\n", &["goat-common/Cargo.toml: depends on libc"]);
        check("xtask/Cargo.toml", "[package]\nname = \"goat-x\"\n[dependencies]\nclap.workspace = true\n", &[]);
        check(
            "xtask/Cargo.toml",
            "[dependencies]\ngoat-userspace.workspace = true\n",
            &["xtask/Cargo.toml: depends on goat-userspace"],
        );
    }
}
