//! Which files a comparison tells of: what is left out and why, modules, components.

#![expect(clippy::unwrap_used, reason = "a test may unwrap, and so may what it is made of")]

mod git_repository;

use std::{collections::BTreeMap, fs, os::unix, path::Path};

use git_repository::{Repo, options};
use goat::diff::{Filter, Precision, between};

const PRECISIONS: [Precision; 3] = [Precision::Blame, Precision::FollowRenames, Precision::NoRenames];

/// A comparison of the repository's last commit with its root: paths of changed files, and of those left out with the reason.
fn check(repo: &Repo, dir: &str, filter: &Filter, expected: &[&str], left_out: &[(&str, &str)]) {
    for precision in PRECISIONS {
        let options = goat::diff::Options { filter: filter.clone(), ..options("old", "HEAD", precision) };
        let changes = between(&repo.path().join(dir), &options).unwrap();
        let paths: Vec<_> = changes.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, expected, "{precision:?}");
        let filtered: Vec<_> = changes.filtered.iter().map(|(path, rule)| (path.as_str(), rule.as_str())).collect();
        assert_eq!(filtered, left_out, "{precision:?}");
    }
}

#[test]
fn what_is_left_out_is_listed_with_its_rule() {
    let repo = Repo::new();
    repo.write("go.mod", "module m\n").write("tools/go.mod", "module m/tools\n").write("same_test.go", "package a\n");
    repo.commit("old");
    for path in [
        "a.go",
        "a_test.go",
        "B.go",
        "README.md",
        "x/testdata/t.go",
        "vendor/v/v.go",
        "x/vendor/v.go",
        "tools/gen.go",
        "mock/m.go",
        "x/api.pb.go",
        "gone.go",
    ] {
        repo.write(path, "package a\n");
    }
    repo.commit("middle");
    repo.git(&["rm", "-q", "gone.go"]);
    repo.commit("new");
    let filter = Filter { ignores: vec!["mock".to_owned(), "*.pb.go".to_owned()], skip_nested_modules: true };
    check(
        &repo,
        "",
        &filter,
        &["B.go", "a.go", "x/vendor/v.go"],
        &[
            ("a_test.go", "test file"),
            ("mock/m.go", "ignores: mock"),
            ("tools/gen.go", "other module: tools"),
            ("vendor/v/v.go", "vendor"),
            ("x/api.pb.go", "ignores: *.pb.go"),
            ("x/testdata/t.go", "testdata"),
        ],
    );
    // Started in the nested module, it is the one that counts.
    let changes = between(&repo.path().join("tools"), &options("old", "HEAD", Precision::Blame)).unwrap();
    assert_eq!(changes.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["tools/gen.go"]);
    assert_eq!(changes.filtered["a.go"], "other module: .");
}

#[test]
fn without_a_module_at_the_root_every_module_counts() {
    let repo = Repo::new();
    repo.write("api/go.mod", "module m/api\n").write("web/go.mod", "module m/web\n").commit("old");
    repo.write("api/a.go", "package a\n").write("web/w.go", "package w\n").write("x.go", "package x\n").commit("new");
    check(&repo, "", &Filter::default(), &["api/a.go", "web/w.go", "x.go"], &[]);
    let others = [("web/w.go", "other module: web"), ("x.go", "other module: .")];
    check(&repo, "api", &Filter::default(), &["api/a.go"], &others);
}

#[test]
fn what_is_no_source_text_is_left_out_and_does_no_harm() {
    let repo = Repo::new();
    let inner = Repo::new();
    inner.commit("inner");
    let root = repo.path();
    repo.write("was-link.go", "package a\n").write("to-link.go", "package a\n").write("dir.go/x.go", "package x\n");
    fs::remove_file(root.join("was-link.go")).unwrap();
    unix::fs::symlink("to-link.go", root.join("was-link.go")).unwrap();
    repo.commit("old");
    fs::remove_file(root.join("was-link.go")).unwrap();
    fs::remove_file(root.join("to-link.go")).unwrap();
    fs::remove_dir_all(root.join("dir.go")).unwrap();
    unix::fs::symlink("was-link.go", root.join("to-link.go")).unwrap();
    repo.write("was-link.go", "package w\n").write("dir.go", "package d\n").write("binary.go", b"package a\0\n");
    repo.write("lfs.go", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n");
    repo.write("latin.go", b"package a // \xe9\n").write("spaced name.go", "package s\n");
    let odd = <std::ffi::OsStr as unix::ffi::OsStrExt>::from_bytes(b"odd\xff/\xfe.go");
    fs::create_dir_all(root.join(odd).parent().unwrap()).unwrap();
    fs::write(root.join(odd), "package a\n").unwrap();
    repo.git(&["clone", "-q", inner.path().to_str().unwrap(), "sub.go"]);
    repo.commit("new");
    check(
        &repo,
        "",
        &Filter::default(),
        &["dir.go", "latin.go", "spaced name.go", "was-link.go"],
        &[
            ("binary.go", "binary"),
            ("lfs.go", "Git LFS pointer"),
            ("odd\u{fffd}/\u{fffd}.go", "path is not UTF-8"),
            ("sub.go", "submodule"),
            ("to-link.go", "symbolic link"),
        ],
    );
}

#[test]
fn a_file_comes_with_its_text_on_the_new_side() {
    let repo = Repo::new();
    repo.write("a.go", "package a\n").commit("old");
    repo.write("a.go", "package a\n\nvar x int\n").commit("new");
    // The work tree does not matter.
    repo.write("a.go", "package changed\n");
    for precision in PRECISIONS {
        let changes = repo.between("old", "new", precision).unwrap();
        assert_eq!(changes.files[0].text, b"package a\n\nvar x int\n");
    }
}

#[test]
fn a_changed_mode_changes_no_line() {
    let repo = Repo::new();
    repo.write("a.go", "package a\n").commit("old");
    repo.git(&["update-index", "--chmod=+x", "a.go"]);
    repo.git(&["commit", "-q", "-m", "mode"]);
    check(&repo, "", &Filter::default(), &[], &[]);
}

#[test]
fn all_modules_of_the_new_side_are_named() {
    let repo = Repo::new();
    repo.write("gone/go.mod", "module gone\n").commit("old");
    fs::remove_dir_all(repo.path().join("gone")).unwrap();
    repo.write("go.mod", "// x\nmodule \"example.com/m\"\n").write("a/b/go.mod", "module example.com/m/a/b // y\n");
    repo.write("empty/go.mod", "").commit("new");
    let modules = repo.between("old", "new", Precision::Blame).unwrap().modules;
    let expected = [("", "example.com/m"), ("a/b", "example.com/m/a/b")];
    assert_eq!(modules, BTreeMap::from(expected.map(|(dir, path)| (dir.to_owned(), path.to_owned()))));
}

#[test]
fn the_shops_components_have_the_files_that_the_original_gave_them() {
    let changes = Repo::shop().between("v1.0.0", "v1.1.0", Precision::NoRenames).unwrap();
    let found: Vec<_> = changes
        .components
        .iter()
        .map(|component| {
            let holds = |path: &&str| {
                component.dirs.iter().any(|dir| dir == Path::new(path).parent().unwrap().to_str().unwrap())
            };
            let files: Vec<_> = changes.files.iter().map(|file| file.path.as_str()).filter(holds).collect();
            (component.id, component.name.as_str(), files)
        })
        .collect();
    let shared = "internal/price/pricing.go";
    let shopctl = vec!["cmd/shopctl/main.go", shared, "internal/report/money.go", "internal/report/report.go"];
    let shopd = vec![
        "cmd/shopd/handlers.go",
        "cmd/shopd/main.go",
        "internal/cart/cart.go",
        "internal/cart/coupon.go",
        shared,
        "internal/ship/ship.go",
        "internal/store/cache.go",
        "internal/store/path_unix.go",
        "internal/store/path_windows.go",
        "internal/store/store.go",
        "internal/store/zz_generated.go",
    ];
    assert_eq!(found, [(0, "cmd/shopctl", shopctl), (1, "cmd/shopd", shopd)]);
}

#[test]
fn nested_modules_are_components_when_all_modules_count() {
    let repo = Repo::shop();
    let filter = Filter { ignores: Vec::new(), skip_nested_modules: false };
    let options = goat::diff::Options { filter, ..options("v1.0.0", "v1.1.0", Precision::Blame) };
    let changes = between(&repo.path(), &options).unwrap();
    let names: Vec<_> = changes.components.iter().map(|component| component.name.as_str()).collect();
    assert_eq!(names, ["cmd/shopctl", "cmd/shopd", "tools/gen"]);
    assert!(changes.files.iter().any(|file| file.path.as_str() == "tools/gen/main.go"));
}

#[test]
fn a_command_of_the_go_distribution_holds_what_it_imports_of_the_standard_library() {
    let repo = Repo::new();
    repo.write("src/go.mod", "module std\n").write("src/cmd/go.mod", "module cmd\n").commit("old");
    repo.write("src/cmd/gofmt/gofmt.go", "package main\n\nimport (\n\t\"cmd/internal/x\"\n\t\"go/ast\"\n)\n");
    repo.write("src/cmd/internal/x/x.go", "package x\nimport \"golang.org/x/tools\"\n")
        .write("src/go/ast/ast.go", "package ast\nimport \"go/token\"\n");
    // Vendored packages don't count themselves; what they import does.
    repo.write("src/cmd/vendor/golang.org/x/tools/t.go", "package tools\nimport \"go/scanner\"\n");
    repo.write("src/go/scanner/scanner.go", "package scanner\nimport \"C\"\n");
    repo.write("src/runtime/cgo/handle.go", "package cgo\n");
    repo.write("src/go/token/token.go", "package token\n")
        .write("src/go/build/build.go", "package build\n")
        .commit("new");
    let components = repo.between("old", "new", Precision::Blame).unwrap().components;
    let found: Vec<_> =
        components.iter().map(|component| (component.name.as_str(), component.dirs.join(" "))).collect();
    let dirs = "src/cmd/gofmt src/cmd/internal/x src/go/ast src/go/scanner src/go/token src/runtime/cgo".to_owned();
    assert_eq!(found, [("src/cmd/gofmt", dirs)]);
}

#[test]
fn ignored_and_test_files_make_no_component() {
    let repo = Repo::new();
    repo.write("go.mod", "module m\n").commit("old");
    repo.write("a/x_test.go", "package main\n").write("gen/main.go", "package main\n");
    repo.write("cmd/main.go", "package main\n\nimport _ \"m/gen/api\"\nimport _ \"m/lib\"\n");
    // What an ignored package imports is in the program all the same.
    repo.write("gen/api/api.go", "package api\nimport \"m/under\"\n").write("under/under.go", "package under\n");
    repo.write("lib/lib.go", "package lib\n").write("lib/lib_test.go", "package lib\nimport \"m/a\"\n").commit("new");
    let mut options = options("old", "new", Precision::Blame);
    options.filter.ignores.push("gen".to_owned());
    let components = between(&repo.path(), &options).unwrap().components;
    assert_eq!(components.len(), 1);
    assert_eq!(
        (components[0].name.as_str(), &*components[0].dirs),
        ("cmd", &["cmd", "lib", "under"].map(String::from)[..])
    );
}
