//! What changed in dependencies, from the module cache, from vendor directories and from the repository itself.

#![expect(clippy::unwrap_used, reason = "a test may unwrap, and so may what it is made of")]

mod git_repository;

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use git_repository::{Repo, git, git_diff, options};
use goat::{
    diff::{Built, BuiltModule, ChangeSet, DependencyOptions, Precision, Remarks, add_dependencies, between},
    paths::RepoPath,
};
use tempfile::TempDir;

/// A module cache, filled by hand.
struct Cache(TempDir);

impl Cache {
    /// `module@version/file`, escaped, and its text.
    fn new(files: &[(&str, &str)]) -> Self {
        let cache = Self(TempDir::new().unwrap());
        for (path, text) in files {
            let path = cache.0.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        cache
    }

    /// `module@version` with one file, `a.go`, whose text is of the module and the version.
    fn of(versions: &[&str]) -> Self {
        let files: Vec<_> = versions
            .iter()
            .map(|version| (format!("{version}/a.go"), format!("package a\n\n// {version}\n")))
            .collect();
        Self::new(&files.iter().map(|(path, text)| (&**path, &**text)).collect::<Vec<_>>())
    }
}

/// What the binary says: `x.org/a v1.0.0`, or `x.org/a v1.0.0 => x.org/fork v0.1.0`, or `x.org/a v1.0.0 => ./dir`.
fn built(modules: &[&str]) -> Built {
    let module = |text: &&str| {
        let (module, replacement) = text.split_once(" => ").map_or((*text, None), |(a, b)| (a, Some(b)));
        let pair =
            |text: &str| text.split_once(' ').map_or((text.into(), String::new()), |(a, b)| (a.into(), b.into()));
        let (path, version) = pair(module);
        BuiltModule { path, version, replacement: replacement.map(pair), sum: String::new() }
    };
    Built { main: Some("m".into()), modules: modules.iter().map(module).collect() }
}

fn compare(repo: &Repo, precision: Precision, cache: &Cache, built: Option<Built>) -> (ChangeSet, Remarks) {
    let options = options("old", "HEAD", precision);
    let mut changes = between(&repo.path(), &options).unwrap();
    // Everything but what is called so is linked.
    let linked = |paths: &[RepoPath], _: &_| -> BTreeSet<String> {
        paths.iter().map(|path| path.dir().to_owned()).filter(|dir| !dir.ends_with("/unlinked")).collect()
    };
    let asked = DependencyOptions { caches: vec![cache.0.path().into()], built, linked: &linked };
    let remarks = add_dependencies(&repo.path(), &options, &asked, &mut changes).unwrap();
    (changes, remarks)
}

/// The dependencies that changed, with their versions, and each file's changed lines.
#[track_caller]
fn check(repo: &Repo, cache: &Cache, modules: Option<&[&str]>, dependencies: &[&str], files: &[&str]) -> Remarks {
    let (changes, remarks) = compare(repo, Precision::FollowRenames, cache, modules.map(built));
    let found: Vec<_> = changes
        .dependencies
        .iter()
        .map(|d| format!("{} {} -> {}", d.path, d.old.as_deref().unwrap_or("none"), d.new))
        .collect();
    assert_eq!(found, dependencies, "{remarks:?}");
    let found: Vec<_> = changes.files.iter().map(|file| format!("{} {}", file.path, file.lines)).collect();
    assert_eq!(found, files, "{remarks:?}");
    assert!(changes.files.is_sorted_by(|a, b| a.path < b.path));
    for dependency in &changes.dependencies {
        assert_eq!(changes.modules[&dependency.dir], dependency.path);
    }
    remarks
}

/// A repository whose go.mod says `old`, then `new`, behind its first lines.
fn requiring(old: &str, new: &str) -> Repo {
    let repo = Repo::new();
    for (tag, requirements) in [("old", old), ("new", new)] {
        repo.write("go.mod", format!("module m\n\ngo 1.21\n\n{requirements}\n")).commit(tag);
    }
    repo
}

#[test]
fn a_requirement_that_changed_brings_the_modules_changed_lines() {
    let repo = requiring(
        "require (\n x.org/A v1.0.0\n x.org/same v1.0.0\n x.org/gone v1.0.0\n)",
        "require (\n x.org/A v1.1.0\n x.org/same v1.0.0\n x.org/new v0.1.0 // indirect\n)",
    );
    let cache = Cache::new(&[
        ("x.org/!a@v1.0.0/a.go", "package a\n\nvar X = 1\nvar Y = 1\n"),
        ("x.org/!a@v1.1.0/a.go", "package a\n\nvar X = 2\nvar Y = 1\nvar Z = 1\n"),
        ("x.org/!a@v1.1.0/a_test.go", "package a\n"),
        ("x.org/!a@v1.1.0/testdata/t.go", "package t\n"),
        ("x.org/!a@v1.1.0/unlinked/u.go", "package u\n"),
        ("x.org/!a@v1.0.0/b/before.go", "package b\n\n// One\n// Two\n// Three\n// Four\n"),
        ("x.org/!a@v1.1.0/b/behind.go", "package b\n\n// One\n// Two\n// Three\n// Five\n"),
        ("x.org/new@v0.1.0/n.go", "package n\n"),
        ("x.org/same@v1.0.0/s.go", "package s\n"),
    ]);
    let dependencies = ["x.org/A v1.0.0 -> v1.1.0", "x.org/new none -> v0.1.0"];
    let files = ["x.org/A@v1.1.0/a.go 3,5", "x.org/A@v1.1.0/b/behind.go 6", "x.org/new@v0.1.0/n.go 1"];
    for modules in [None, Some(&["x.org/A v1.1.0", "x.org/same v1.0.0", "x.org/new v0.1.0"][..])] {
        let remarks = check(&repo, &cache, modules, &dependencies, &files);
        assert_eq!(remarks.warnings, Vec::<String>::new());
        assert_eq!(
            remarks.notes,
            ["of 4 packages of changed dependencies the binary holds code of 3; the others are left out"]
        );
    }
    // What is not in the binary is in no question.
    check(&repo, &cache, Some(&["x.org/new v0.1.0"]), &dependencies[1..], &files[2..]);

    let (changes, _) = compare(&repo, Precision::NoRenames, &cache, None);
    let behind = changes.files.iter().find(|file| file.path.name() == "behind.go").unwrap();
    assert_eq!((behind.lines.to_string().as_str(), &behind.old_path), ("1-6", &None));
    let (changes, remarks) = compare(&repo, Precision::Blame, &cache, None);
    let behind = changes.files.iter().find(|file| file.path.name() == "behind.go").unwrap();
    assert_eq!(behind.old_path.as_ref().unwrap().as_str(), "x.org/A@v1.0.0/b/before.go");
    assert!(remarks.notes[1].contains("precision 2"), "{remarks:?}");
}

#[test]
fn replacements_are_followed() {
    let repo = requiring(
        "require (\n x.org/a v1.0.0\n x.org/b v1.0.0\n x.org/c v1.0.0\n x.org/d v1.0.0\n)\nreplace x.org/b => x.org/fork v0.1.0\n\
         replace x.org/c => ./c",
        "require (\n x.org/a v1.0.0\n x.org/b v1.0.0\n x.org/c v1.0.0\n x.org/d v1.0.0\n)\n\
         replace x.org/a v1.0.0 => x.org/fork/a v1.0.1\nreplace x.org/b => x.org/fork v0.2.0\nreplace x.org/d => ./d",
    );
    repo.git(&["checkout", "-q", "old"]);
    repo.write("c/go.mod", "module x.org/c\n").write("c/a.go", "package a\n\n// x.org/c@v1.0.0\n");
    repo.write("d/go.mod", "module x.org/d\n").write("d/d.go", "package d\n");
    repo.git(&["tag", "-d", "old"]);
    repo.commit("old");
    repo.git(&["checkout", "-q", "new", "--", "go.mod"]);
    repo.write("d/d.go", "package d\n\nvar D = 1\n").commit("newer");
    let cache = Cache::of(&[
        "x.org/a@v1.0.0",
        "x.org/fork/a@v1.0.1",
        "x.org/fork@v0.1.0",
        "x.org/fork@v0.2.0",
        "x.org/c@v1.0.0",
    ]);
    fs::write(cache.0.path().join("x.org/c@v1.0.0/a.go"), "package a\n\n// x.org/c@v1.0.0\nvar C = 1\n").unwrap();
    let remarks = check(
        &repo,
        &cache,
        Some(&[
            "x.org/a v1.0.0 => x.org/fork/a v1.0.1",
            "x.org/b v1.0.0 => x.org/fork v0.2.0",
            "x.org/c v1.0.0",
            "x.org/d v1.0.0 => ./d (devel)",
        ]),
        &[
            "x.org/c the repository's c -> v1.0.0",
            "x.org/a v1.0.0 -> x.org/fork/a v1.0.1",
            "x.org/b x.org/fork v0.1.0 -> x.org/fork v0.2.0",
        ],
        &["x.org/c@v1.0.0/a.go 4", "x.org/fork/a@v1.0.1/a.go 3", "x.org/fork@v0.2.0/a.go 3"],
    );
    assert_eq!(remarks.warnings, Vec::<String>::new());
    assert!(
        remarks.notes[0]
            .starts_with("x.org/d is the repository's own directory d, of which 1 changed file is left out")
    );
}

#[test]
fn a_directory_outside_of_the_repository_is_said() {
    let repo = requiring("require x.org/a v1.0.0", "require x.org/a v1.0.0\nreplace x.org/a => ../a");
    let remarks = check(&repo, &Cache::of(&[]), Some(&["x.org/a v1.0.0 => ../a (devel)"]), &[], &[]);
    assert!(remarks.warnings[0].starts_with("x.org/a is taken from ../a, outside of the repository"), "{remarks:?}");
}

#[test]
fn what_the_module_cache_lacks_is_named_with_the_command_that_gets_it() {
    let repo = requiring(
        "require (\n x.org/a v1.0.0\n x.org/b v1.0.0\n x.org/c v1.0.0\n)",
        "require (\n x.org/a v1.1.0\n x.org/b v1.1.0\n x.org/c v1.1.0\n)",
    );
    let cache = Cache::of(&["x.org/a@v1.1.0", "x.org/b@v1.0.0", "x.org/c@v1.0.0", "x.org/c@v1.1.0"]);
    let remarks = check(&repo, &cache, None, &["x.org/c v1.0.0 -> v1.1.0"], &["x.org/c@v1.1.0/a.go 3"]);
    let cache = cache.0.path().display();
    assert_eq!(
        remarks.warnings,
        [format!(
            "2 modules are not in the module cache ({cache}), and what changed in them is not observed: get them with \
             `go mod download x.org/a@v1.0.0 x.org/b@v1.1.0`"
        )]
    );
}

#[test]
fn the_binary_is_believed_before_go_mod() {
    let repo = requiring("require x.org/a v1.0.0", "require x.org/a v1.1.0");
    let cache = Cache::of(&["x.org/a@v1.0.0", "x.org/a@v1.2.0"]);
    let remarks =
        check(&repo, &cache, Some(&["x.org/a v1.2.0"]), &["x.org/a v1.0.0 -> v1.2.0"], &["x.org/a@v1.2.0/a.go 3"]);
    assert_eq!(
        remarks.warnings,
        [
            "x.org/a: the binary was linked with x.org/a v1.2.0, go.mod asks for x.org/a v1.1.0; what the binary says is compared"
        ]
    );
}

#[test]
fn another_hash_than_the_binarys_is_said() {
    let repo = requiring("require x.org/a v1.0.0", "require x.org/a v1.1.0");
    let cache = Cache::new(&[
        ("x.org/a@v1.0.0/a.go", "package a\n"),
        ("x.org/a@v1.1.0/a.go", "package a\n\nvar A = 1\n"),
        ("cache/download/x.org/a/@v/v1.1.0.ziphash", "h1:right="),
    ]);
    for (sum, doubts) in [("h1:right=", 0), ("h1:other=", 1)] {
        let mut built = built(&["x.org/a v1.1.0"]);
        built.modules[0].sum = sum.to_owned();
        let (changes, remarks) = compare(&repo, Precision::FollowRenames, &cache, Some(built));
        assert_eq!((changes.files.len(), remarks.warnings.len()), (1, doubts), "{remarks:?}");
    }
}

#[test]
fn vendored_modules_are_the_repositorys_and_are_told_of_once() {
    let repo = Repo::new();
    let vendor = |version: &str, a: &str| {
        repo.write("go.mod", format!("module m\n\ngo 1.21\n\nrequire x.org/a {version}\nrequire x.org/p v1.0.0\n"));
        repo.write(
            "vendor/modules.txt",
            format!("# x.org/a {version}\n## explicit\nx.org/a\n# x.org/a/sub v1.0.0\nx.org/a/sub\n# x.org/p v1.0.0\nx.org/p\n"),
        );
        repo.write("vendor/x.org/a/a.go", a).write("vendor/x.org/a/sub/s.go", "package sub\n");
    };
    vendor("v1.0.0", "package a\n\nvar A = 1\n");
    repo.write("vendor/x.org/p/p.go", "package p\n").commit("old");
    vendor("v1.1.0", "package a\n\nvar A = 2\n");
    // Changed by hand, under the same version.
    repo.write("vendor/x.org/p/p.go", "package p\n\nvar P = 1\n").commit("new");
    let cache = Cache::of(&[]);
    let modules = ["x.org/a v1.1.0", "x.org/a/sub v1.0.0", "x.org/p v1.0.0"];
    let dependencies = ["x.org/a v1.0.0 -> v1.1.0", "x.org/p v1.0.0 -> v1.0.0"];
    let files = ["x.org/a@v1.1.0/a.go 3", "x.org/p@v1.0.0/p.go 2-3"];
    let remarks = check(&repo, &cache, Some(&modules), &dependencies, &files);
    assert_eq!(remarks, Remarks::default());
    let (changes, _) = compare(&repo, Precision::FollowRenames, &cache, Some(built(&modules)));
    assert!(changes.filtered.is_empty(), "{:?}", changes.filtered);

    // A package that nothing imported before.
    repo.write(
        "vendor/modules.txt",
        "# x.org/a v1.1.0\n## explicit\nx.org/a\nx.org/a/more\n# x.org/a/sub v1.0.0\nx.org/a/sub\n# x.org/p v1.0.0\nx.org/p\n",
    );
    repo.write("vendor/x.org/a/more/m.go", "package more\n\n// One\n// Two\n").commit("more");
    let all_new = [files[0], "x.org/a@v1.1.0/more/m.go 1-4", files[1]];
    let remarks = check(&repo, &cache, Some(&modules), &dependencies, &all_new);
    assert_eq!(
        remarks.warnings,
        [
            "packages that were not vendored before (1) are taken as new, all of their lines: `go mod download x.org/a@v1.0.0` lets goat \
          compare them"
        ]
    );
    let cache = Cache::new(&[
        ("x.org/a@v1.0.0/more/m.go", "package more\n\n// One\n"),
        ("x.org/a@v1.0.0/a.go", "package no\n"),
    ]);
    let compared = [files[0], "x.org/a@v1.1.0/more/m.go 4", files[1]];
    assert_eq!(check(&repo, &cache, Some(&modules), &dependencies, &compared), Remarks::default());

    // From the module cache to a vendor directory.
    let repo = requiring("require x.org/a v1.0.0", "");
    repo.write("go.mod", "module m\n\ngo 1.21\n\nrequire x.org/a v1.1.0\n");
    repo.write("vendor/modules.txt", "# x.org/a v1.1.0\n## explicit\nx.org/a\n")
        .write("vendor/x.org/a/a.go", "package a\n");
    repo.commit("vendored");
    let cache = Cache::of(&["x.org/a@v1.0.0"]);
    fs::write(cache.0.path().join("x.org/a@v1.0.0/a.go"), "package b\n").unwrap();
    check(&repo, &cache, Some(&["x.org/a v1.1.0"]), &dependencies[..1], &["x.org/a@v1.1.0/a.go 1"]);
}

#[test]
fn before_go_1_17_go_sum_tells_what_only_dependencies_asked_for() {
    let repo = Repo::new();
    repo.write("go.mod", "module m\n\ngo 1.16\n\nrequire x.org/a v1.0.0\n");
    repo.write("go.sum", "x.org/b v1.0.0 h1:b=\nx.org/b v1.0.0/go.mod h1:m=\nx.org/b v1.9.0/go.mod h1:m=\n")
        .commit("old");
    repo.write("go.mod", "module m\n\ngo 1.17\n\nrequire x.org/a v1.0.0\nrequire x.org/b v1.1.0 // indirect\n")
        .commit("new");
    let cache = Cache::of(&["x.org/b@v1.0.0", "x.org/b@v1.1.0"]);
    check(
        &repo,
        &cache,
        Some(&["x.org/a v1.0.0", "x.org/b v1.1.0"]),
        &["x.org/b v1.0.0 -> v1.1.0"],
        &["x.org/b@v1.1.0/a.go 3"],
    );
}

#[test]
fn a_workspace_selects_the_latest_version_of_all_its_modules() {
    let repo = Repo::new();
    for (tag, root, lib) in [("old", "v1.0.0", "v1.1.0"), ("new", "v1.2.0", "v1.1.0")] {
        repo.write("go.work", "go 1.21\n\nuse (\n .\n ./lib\n)\n");
        repo.write("go.mod", format!("module m\n\ngo 1.21\n\nrequire x.org/a {root}\nrequire x.org/lib v1.0.0\n"));
        repo.write("lib/go.mod", format!("module x.org/lib\n\ngo 1.21\n\nrequire x.org/a {lib}\n")).commit(tag);
    }
    let cache = Cache::of(&["x.org/a@v1.1.0", "x.org/a@v1.2.0"]);
    let modules: [Option<&[&str]>; 2] = [None, Some(&["x.org/a v1.2.0", "x.org/lib (devel)"])];
    for modules in modules {
        let remarks = check(&repo, &cache, modules, &["x.org/a v1.1.0 -> v1.2.0"], &["x.org/a@v1.2.0/a.go 3"]);
        assert_eq!(remarks.warnings, Vec::<String>::new());
    }
}

#[test]
fn a_module_that_moved_within_the_repository_is_the_same() {
    let repo = requiring("require x.org/a v1.0.0", "require x.org/a v1.1.0");
    fs::create_dir(repo.path().join("svc")).unwrap();
    repo.git(&["mv", "go.mod", "svc/go.mod"]);
    repo.commit("moved");
    let cache = Cache::of(&["x.org/a@v1.0.0", "x.org/a@v1.1.0"]);
    let modules: &[&str] = &["x.org/a v1.1.0"];
    check(&repo, &cache, Some(modules), &["x.org/a v1.0.0 -> v1.1.0"], &["x.org/a@v1.1.0/a.go 3"]);
    // Nothing but the binary says which module is meant.
    let remarks = check(&repo, &cache, None, &[], &[]);
    assert!(remarks.warnings[0].contains("there is no go.mod here"), "{remarks:?}");
    let other = Built { main: Some("other".into()), modules: Vec::new() };
    let (_, remarks) = compare(&repo, Precision::FollowRenames, &cache, Some(other));
    assert!(remarks.warnings[0].contains("other, is not in the repository"), "{remarks:?}");
}

#[test]
fn without_an_old_side_all_lines_are_new() {
    let repo = requiring("", "require x.org/a v1.0.0");
    let options = options("INIT", "HEAD", Precision::Blame);
    let mut changes = between(&repo.path(), &options).unwrap();
    let cache = Cache::of(&["x.org/a@v1.0.0"]);
    let linked = |paths: &[RepoPath], _: &_| paths.iter().map(|path| path.dir().to_owned()).collect();
    let asked = DependencyOptions { caches: vec![cache.0.path().into()], built: None, linked: &linked };
    add_dependencies(&repo.path(), &options, &asked, &mut changes).unwrap();
    assert_eq!(changes.files[0].lines.to_string(), "1-3");
}

#[test]
fn ignores_leave_out_files_of_dependencies_by_import_path() {
    let repo = requiring("require x.org/a v1.0.0", "require x.org/a v1.1.0");
    let cache = Cache::new(&[
        ("x.org/a@v1.0.0/a.go", "package a\n"),
        ("x.org/a@v1.1.0/a.pb.go", "package a\n"),
        ("x.org/a@v1.0.0/same.pb.go", "package a\n"),
        ("x.org/a@v1.1.0/same.pb.go", "package a\n"),
        ("x.org/a@v1.1.0/gen/g.go", "package gen\n"),
        ("x.org/a@v1.1.0/a.go", "package a // new\n"),
        ("x.org/a@v1.1.0/binary.go", "package a\0\n"),
    ]);
    let mut options = options("old", "HEAD", Precision::FollowRenames);
    options.filter.ignores = ["*.pb.go", "x.org/a/gen"].map(String::from).to_vec();
    let mut changes = between(&repo.path(), &options).unwrap();
    let linked = |paths: &[RepoPath], _: &_| paths.iter().map(|path| path.dir().to_owned()).collect();
    let asked = DependencyOptions { caches: vec![cache.0.path().into()], built: None, linked: &linked };
    add_dependencies(&repo.path(), &options, &asked, &mut changes).unwrap();
    assert_eq!(changes.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["x.org/a@v1.1.0/a.go"]);
    let filtered: Vec<_> = changes.filtered.iter().map(|(path, rule)| (path.as_str(), rule.as_str())).collect();
    assert_eq!(
        filtered,
        [
            ("x.org/a@v1.1.0/a.pb.go", "ignores: *.pb.go"),
            ("x.org/a@v1.1.0/binary.go", "binary"),
            ("x.org/a@v1.1.0/gen/g.go", "ignores: x.org/a/gen"),
        ]
    );
}

#[test]
fn a_module_that_is_ignored_is_no_part_of_the_change() {
    let repo = requiring("require x.org/a v1.0.0", "require x.org/a v1.1.0");
    let cache = Cache::of(&["x.org/a@v1.0.0", "x.org/a@v1.1.0"]);
    let mut options = options("old", "HEAD", Precision::Blame);
    options.filter.ignores = vec!["x.org/a".to_owned()];
    let mut changes = between(&repo.path(), &options).unwrap();
    let linked = |paths: &[RepoPath], _: &_| paths.iter().map(|path| path.dir().to_owned()).collect();
    let asked = DependencyOptions { caches: vec![cache.0.path().into()], built: None, linked: &linked };
    let remarks = add_dependencies(&repo.path(), &options, &asked, &mut changes).unwrap();
    assert_eq!((changes.files.len(), changes.dependencies.len()), (0, 0));
    let notes = vec!["all that changed in x.org/a is left out by `ignores`".to_owned()];
    assert_eq!(remarks, Remarks { warnings: Vec::new(), notes });
}

/// The two releases of the shop as two versions of a module: the lines that git finds between them.
#[test]
fn two_versions_differ_as_two_commits_do() {
    let shop = Repo::shop();
    let cache = Cache::of(&[]);
    for version in ["v1.0.0", "v1.1.0"] {
        let dir = cache.0.path().join(format!("x.org/shop@{version}"));
        fs::create_dir_all(&dir).unwrap();
        unpack(&shop.path(), version, &dir);
    }
    let repo = requiring("require x.org/shop v1.0.0", "require x.org/shop v1.1.0");
    for (precision, renames) in [(Precision::FollowRenames, "-M"), (Precision::NoRenames, "--no-renames")] {
        let (changes, _) = compare(&repo, precision, &cache, None);
        let found: git_repository::Lines = changes
            .files
            .iter()
            .map(|file| (file.path.as_str().strip_prefix("x.org/shop@v1.1.0/").unwrap().to_owned(), file.lines.clone()))
            .collect();
        let mut expected = git_diff(&shop.path(), "v1.0.0", "v1.1.0", renames);
        expected.retain(|path, _| !path.ends_with("_test.go") && !path.contains("testdata/"));
        assert!(expected.len() > 5, "{expected:?}");
        assert_eq!(found, expected, "{renames}");
    }
}

fn unpack(repo: &Path, tag: &str, to: &Path) {
    let archive = to.with_extension("tar");
    git(repo, &["archive", "-o", archive.to_str().unwrap(), tag]);
    assert!(Command::new("tar").arg("-xf").arg(archive).arg("-C").arg(to).status().unwrap().success());
}
