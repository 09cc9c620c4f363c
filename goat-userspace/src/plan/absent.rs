//! Why a point has no copy in the binary: the linker left its function out, the build its file, or it belongs to another
//! command.

use std::collections::{BTreeMap, BTreeSet};

use super::{Excluded, Status, Unobservable};
use crate::{
    binary::{FileId, Identity},
    diff::{ChangeSet, Component},
    source::{BuildContext, SourceIndex},
};

/// Why a point's function is not in the binary.
pub(super) struct Absent<'a> {
    changes: &'a ChangeSet,
    sources: &'a SourceIndex,
    compiled_file: &'a [Option<FileId>],
    /// The binary's own component.
    pub(super) component: Option<u32>,
    build: BuildContext,
    /// Directories of which a changed file has code in the binary: their packages are in, whatever the imports say.
    compiled: BTreeSet<&'a str>,
}

impl<'a> Absent<'a> {
    pub(super) fn new(
        changes: &'a ChangeSet,
        sources: &'a SourceIndex,
        binary: &Identity,
        compiled_file: &'a [Option<FileId>],
    ) -> Self {
        let is_main =
            |c: &&Component| import_path(&changes.modules, main_dir(c)).is_some_and(|path| path == binary.path);
        let component = changes.components.iter().find(is_main).map(|c| c.id);
        let files = sources.files.iter().zip(compiled_file);
        let compiled = files.filter(|(_, compiled)| compiled.is_some()).map(|(file, _)| file.path.dir()).collect();
        Self { changes, sources, compiled_file, component, build: build_context(binary), compiled }
    }

    /// Why no point of the file was found in the binary.
    pub(super) fn why(&self, file: u32) -> Status {
        let source = &self.sources.files[file as usize];
        if self.compiled_file[file as usize].is_some() {
            return Status::Unobservable(Unobservable::NotLinked);
        }
        let dir = source.path.dir();
        let components = &self.changes.components;
        let mine = components.iter().find(|c| Some(c.id) == self.component);
        // Dependencies have no component, and are compared where their packages are in the binary.
        let is_dependency = self.changes.dependency_of(&source.path).is_some();
        if is_dependency || mine.is_some_and(|c| c.holds(dir)) || self.compiled.contains(dir) {
            // The package is in, the file is not: a constraint keeps it out, or nothing in it is called.
            return match source.left_out_by(&self.build) {
                Some(rule) => Status::Excluded(Excluded::Excluded, rule),
                None => Status::Unobservable(Unobservable::NotLinked),
            };
        }
        match components.iter().find(|c| c.holds(dir)) {
            Some(other) => Status::Excluded(Excluded::OtherComponent, format!("only {} holds it", other.name)),
            None => Status::Excluded(Excluded::Excluded, "no command of the repository imports its package".to_owned()),
        }
    }
}

/// What the binary was built with, from the settings that Go writes into it. Where it has none, the file's own
/// architecture, Linux and cgo are what the go command would take.
fn build_context(identity: &Identity) -> BuildContext {
    let setting = |key: &str| identity.settings.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str());
    let words =
        |key: &str| setting(key).into_iter().flat_map(|list| list.split([',', ' '])).filter(|word| !word.is_empty());
    let mut tags: BTreeSet<String> = words("-tags").map(str::to_owned).collect();
    // Settings that cmd/go turns into tags, too.
    for tag in ["race", "msan", "asan"] {
        tags.extend((setting(&format!("-{tag}")) == Some("true")).then(|| tag.to_owned()));
    }
    tags.extend(words("GOEXPERIMENT").map(|experiment| format!("goexperiment.{experiment}")));
    // A microarchitecture has the tags of those before it: amd64.v3 comes with amd64.v1 and amd64.v2.
    let level = setting("GOAMD64").and_then(|level| level.strip_prefix('v')?.parse::<u8>().ok());
    tags.extend((1..=level.unwrap_or_default()).map(|level| format!("amd64.v{level}")));
    BuildContext {
        goos: setting("GOOS").unwrap_or("linux").to_owned(),
        goarch: setting("GOARCH").unwrap_or(&identity.arch).to_owned(),
        cgo: setting("CGO_ENABLED").is_none_or(|enabled| enabled == "1"),
        tags,
        minor: minor(&identity.go_version),
    }
}

/// The number of the release that made the binary: 26 of `go1.26.8`, `go1.26rc1` or `devel go1.26-0123abc Mon ...`.
fn minor(version: &str) -> Option<u32> {
    let behind = version.split("go1.").nth(1)?;
    let end = behind.find(|c: char| !c.is_ascii_digit()).unwrap_or(behind.len());
    behind[..end].parse().ok()
}

/// The repository directory of a component's main package.
fn main_dir(component: &Component) -> &str {
    // The name is relative to the module's root; of the directories the one that ends in it is the main package's.
    let name = if component.name == "." { "" } else { &*component.name };
    let ends = |dir: &&String| *dir == name || dir.ends_with(&format!("/{name}"));
    component.dirs.iter().filter(ends).min_by_key(|d| d.len()).map_or(name, |d| d.as_str())
}

/// The import path of the package in a directory of the repository.
fn import_path(modules: &BTreeMap<String, String>, dir: &str) -> Option<String> {
    let parent = |module: &str| module.is_empty() || dir == module || dir.starts_with(&format!("{module}/"));
    let (module_dir, module) = modules.iter().filter(|(d, _)| parent(d)).max_by_key(|(d, _)| d.len())?;
    let rest = dir[module_dir.len()..].trim_start_matches('/');
    // The Go distribution's own commands have import paths of their own: `cmd/gofmt` in module `cmd`, `go/ast` in module `std`.
    Some(match (rest, module.as_str()) {
        ("", module) => module.to_owned(),
        (rest, "std") => rest.to_owned(),
        (rest, module) => format!("{module}/{rest}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{diff::Revision, paths::RepoPath, source};

    #[test]
    fn what_has_no_copy_is_excluded_by_its_build_or_not_linked() {
        let file = |path: &str, text: &str| (path.into(), text.as_bytes().to_vec());
        let files: Vec<(RepoPath, Vec<u8>)> = vec![
            file("asm/asm.go", "package asm\n"),
            file("asm/asm_windows.go", "package asm\n"),
            file("asm/unused.go", "package asm\n"),
            file("cmd/other/main.go", "package main\n"),
            file("cmd/shopd/main.go", "package main\n"),
            file("tools/tools.go", "package tools\n"),
        ];
        let sources = source::index(files.iter().map(|(path, text)| (path, &text[..])));
        let component = |id, name: &str| Component { id, name: name.into(), dirs: vec![name.into()] };
        let revision = Revision { spec: "HEAD".into(), commit: String::new(), short: String::new(), time: 0 };
        let changes = ChangeSet {
            old: None,
            new: revision,
            files: Vec::new(),
            filtered: BTreeMap::new(),
            modules: BTreeMap::from([(String::new(), "example.com/shop".into())]),
            components: vec![component(0, "cmd/other"), component(1, "cmd/shopd")],
            dependencies: Vec::new(),
        };
        let binary = Identity { path: "example.com/shop/cmd/shopd".into(), ..Identity::default() };
        // No import leads to `asm`, and yet a file of it has code in the binary.
        let compiled = [Some(FileId(7)), None, None, None, Some(FileId(8)), None];
        let absent = Absent::new(&changes, &sources, &binary, &compiled);
        assert_eq!(absent.component, Some(1));
        let not_linked = Status::Unobservable(Unobservable::NotLinked);
        let excluded = |rule: &str| Status::Excluded(Excluded::Excluded, rule.into());
        let expected = [
            not_linked.clone(),
            excluded("file name *_windows.go"),
            not_linked.clone(),
            Status::Excluded(Excluded::OtherComponent, "only cmd/other holds it".into()),
            not_linked,
            excluded("no command of the repository imports its package"),
        ];
        assert_eq!([0, 1, 2, 3, 4, 5].map(|file| absent.why(file)), expected);
    }

    #[test]
    fn the_build_is_known_by_its_settings() {
        #[track_caller]
        fn check(version: &str, settings: &[(&str, &str)], expected: (&str, &str, bool, &[&str], Option<u32>)) {
            let settings = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            let identity =
                Identity { settings, go_version: version.into(), arch: "amd64".into(), ..Identity::default() };
            let (goos, goarch, cgo, tags, minor) = expected;
            let (goos, goarch, tags) = (goos.into(), goarch.into(), tags.iter().map(|tag| (*tag).to_owned()).collect());
            assert_eq!(build_context(&identity), BuildContext { goos, goarch, cgo, tags, minor });
        }
        check("go1.17.13", &[], ("linux", "amd64", true, &[], Some(17)));
        check(
            "go1.26.8",
            &[("-tags", "prod,netgo"), ("CGO_ENABLED", "0"), ("GOARCH", "arm64"), ("GOOS", "android")],
            ("android", "arm64", false, &["netgo", "prod"], Some(26)),
        );
        check(
            "devel go1.27-0123abc Mon Jan 5",
            &[("-race", "true"), ("-asan", "false"), ("GOAMD64", "v2"), ("GOEXPERIMENT", "arenas,nodwarf5")],
            (
                "linux",
                "amd64",
                true,
                &["amd64.v1", "amd64.v2", "goexperiment.arenas", "goexperiment.nodwarf5", "race"],
                Some(27),
            ),
        );
        check("devel +0123abc", &[("CGO_ENABLED", "1")], ("linux", "amd64", true, &[], None));
    }
}
