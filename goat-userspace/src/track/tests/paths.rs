//! File names of the binary and of the repository, side by side.

use std::collections::BTreeMap;

use super::super::{PathMap, PathRule};
use crate::paths::RepoPath;

/// `modules`: `DIR=PATH`. `expected`: by path, the name, or `-` and the nearest names.
#[track_caller]
fn check(modules: &[&str], compiled: &[&str], expected: &[(&str, &str)]) {
    let modules: BTreeMap<String, String> = modules
        .iter()
        .map(|module| module.split_once('=').unwrap())
        .map(|(dir, path)| (dir.to_owned(), path.to_owned()))
        .collect();
    let paths: Vec<RepoPath> = expected.iter().map(|(path, _)| RepoPath::from(*path)).collect();
    let map = PathMap::new(&paths, &modules, compiled.iter().copied());
    let got: Vec<String> = paths
        .iter()
        .map(|path| match (map.files.get(path), map.unmatched.get(path)) {
            (Some(found), None) => found.file.clone(),
            (None, Some(near)) => format!("- {}", near.join(" ")).trim_end().to_owned(),
            both => panic!("{path}: {both:?}"),
        })
        .collect();
    assert_eq!(got, expected.iter().map(|(_, name)| *name).collect::<Vec<_>>());
}

const SHOP: &[&str] = &["=example.com/shop", "tools/gen=example.com/gen"];

#[test]
fn names_from_the_builds_directory() {
    check(
        SHOP,
        &["/home/x/shop/internal/cart/cart.go", "/home/x/shop/cmd/shopd/main.go", "/usr/local/go/src/runtime/proc.go"],
        &[
            ("internal/cart/cart.go", "/home/x/shop/internal/cart/cart.go"),
            ("cmd/shopd/main.go", "/home/x/shop/cmd/shopd/main.go"),
            ("cmd/shopctl/main.go", "- /home/x/shop/cmd/shopd/main.go"),
            ("internal/cart/coupon.go", "- /home/x/shop/internal/cart/cart.go"),
        ],
    );
    check(SHOP, &[r"C:/Users/x/shop/cmd/shopd/main.go"], &[("cmd/shopd/main.go", "C:/Users/x/shop/cmd/shopd/main.go")]);
    check(SHOP, &[r"C:\shop\cmd\shopd\main.go"], &[("cmd/shopd/main.go", r"C:\shop\cmd\shopd\main.go")]);
}

#[test]
fn names_by_import_path() {
    check(
        SHOP,
        &[
            "example.com/shop/internal/cart/cart.go",
            "example.com/shop/main.go",
            "example.com/gen/main.go",
            "fmt/print.go",
        ],
        &[
            ("internal/cart/cart.go", "example.com/shop/internal/cart/cart.go"),
            ("main.go", "example.com/shop/main.go"),
            ("tools/gen/main.go", "example.com/gen/main.go"),
            ("fmt/print.go", "- fmt/print.go"),
        ],
    );
    check(
        &["=github.com/Org/Shop/v2"],
        &["github.com/Org/Shop/v2@v2.1.0/cart.go", "/root/go/pkg/mod/github.com/!org/!shop/v2@v2.1.0/a/b.go"],
        &[
            ("cart.go", "github.com/Org/Shop/v2@v2.1.0/cart.go"),
            ("a/b.go", "/root/go/pkg/mod/github.com/!org/!shop/v2@v2.1.0/a/b.go"),
        ],
    );
    check(
        SHOP,
        &["/app/vendor/example.com/shop/cart.go", "/gopath/src/example.com/shop/a/cart.go"],
        &[("cart.go", "/app/vendor/example.com/shop/cart.go"), ("a/cart.go", "/gopath/src/example.com/shop/a/cart.go")],
    );
}

#[test]
fn go_itself() {
    let go = &["src=std", "src/cmd=cmd"];
    check(
        go,
        &["go/ast/ast.go", "cmd/gofmt/gofmt.go", "runtime/proc.go"],
        &[
            ("src/go/ast/ast.go", "go/ast/ast.go"),
            ("src/cmd/gofmt/gofmt.go", "cmd/gofmt/gofmt.go"),
            ("src/cmd/go/ast/ast.go", "- go/ast/ast.go"),
        ],
    );
    check(
        go,
        &[
            "/usr/local/go/src/go/ast/ast.go",
            "/usr/local/go/src/cmd/gofmt/gofmt.go",
            "/usr/local/go/src/runtime/proc.go",
        ],
        &[
            ("src/go/ast/ast.go", "/usr/local/go/src/go/ast/ast.go"),
            ("src/cmd/gofmt/gofmt.go", "/usr/local/go/src/cmd/gofmt/gofmt.go"),
        ],
    );
}

#[test]
fn a_go_release_that_was_fetched_lies_in_the_module_cache() {
    let src = "/root/go/pkg/mod/golang.org/toolchain@v0.0.1-go1.27.0.linux-amd64/src";
    let compiled = ["go/ast/ast.go", "cmd/gofmt/gofmt.go", "runtime/proc.go"].map(|file| format!("{src}/{file}"));
    check(
        &["src=std", "src/cmd=cmd"],
        &compiled.each_ref().map(|name| &**name),
        &[("src/go/ast/ast.go", &compiled[0]), ("src/cmd/gofmt/gofmt.go", &compiled[1])],
    );
}

#[test]
fn a_module_is_built_elsewhere_than_in_its_repository() {
    check(
        &["services/api=example.com/api", "lib=example.com/lib"],
        &["/src/api.go", "/src/internal/x/x.go", "/lib/lib.go", "/lib/a/lib.go"],
        &[
            ("services/api/api.go", "/src/api.go"),
            ("services/api/internal/x/x.go", "/src/internal/x/x.go"),
            ("lib/lib.go", "/lib/lib.go"),
            ("lib/a/lib.go", "/lib/a/lib.go"),
        ],
    );
}

#[test]
fn a_file_that_is_not_linked_does_not_find_its_namesake() {
    let foreign = [
        "/root/go/pkg/mod/example.org/x@v1.0.0/store/path.go",
        "/usr/local/go/src/runtime/proc.go",
        "/usr/local/go/src/sort/sort.go",
        "/w/shop/vendor/example.org/y/util.go",
        "example.org/z/errors.go",
    ];
    check(
        SHOP,
        &foreign,
        &[
            ("store/path.go", "- /root/go/pkg/mod/example.org/x@v1.0.0/store/path.go"),
            ("sort/sort.go", "- /usr/local/go/src/sort/sort.go"),
            ("util.go", "- /w/shop/vendor/example.org/y/util.go"),
            ("errors.go", "- example.org/z/errors.go"),
        ],
    );
    // Outside of the directory that the other files come from.
    check(
        SHOP,
        &["/w/shop/a/a.go", "/w/shop/b/b.go", "/elsewhere/c/c.go"],
        &[("a/a.go", "/w/shop/a/a.go"), ("b/b.go", "/w/shop/b/b.go"), ("c/c.go", "- /elsewhere/c/c.go")],
    );
}

#[test]
fn the_builds_directory_decides_between_names() {
    check(
        SHOP,
        &[
            "/w/shop/main.go",
            "/w/shop/shop/main.go",
            "/w/dep/main.go",
            "/w/shop/a/a.go",
            "/w/shop/b/b.go",
            "/w/dep/a/a.go",
        ],
        &[
            ("main.go", "/w/shop/main.go"),
            ("shop/main.go", "/w/shop/shop/main.go"),
            ("a/a.go", "/w/shop/a/a.go"),
            ("b/b.go", "/w/shop/b/b.go"),
        ],
    );
    check(SHOP, &["/w/one/a/a.go", "/w/two/a/a.go"], &[("a/a.go", "- /w/one/a/a.go /w/two/a/a.go")]);
}

#[test]
fn a_dependency_is_found_by_its_module_wherever_it_was_compiled() {
    let modules = &[
        "=example.com/shop",
        "lib=example.com/lib",
        "example.com/lib@v1.1.0=example.com/lib",
        "example.com/Dep@v1.2.0=example.com/Dep",
        "example.com/fork@v0.9.0=example.com/replaced",
    ];
    for (dep, fork) in [
        ("/root/go/pkg/mod/example.com/!dep@v1.2.0", "/root/go/pkg/mod/example.com/fork@v0.9.0"),
        ("/w/shop/vendor/example.com/Dep", "/w/shop/vendor/example.com/replaced"),
        ("example.com/Dep@v1.2.0", "example.com/replaced@v1.0.0"),
    ] {
        let (dep, fork) = (format!("{dep}/a/a.go"), format!("{fork}/x.go"));
        check(
            modules,
            &[&dep, &fork, "/w/shop/a/a.go", "/w/shop/errors.go"],
            &[
                ("a/a.go", "/w/shop/a/a.go"),
                ("example.com/Dep@v1.2.0/a/a.go", &dep),
                ("example.com/fork@v0.9.0/x.go", &fork),
                ("example.com/fork@v0.9.0/errors.go", "-"),
            ],
        );
    }
    // What Go's own packages have a copy of.
    for go in ["/usr/local/go/src/", ""] {
        let [runtime, copy, only] =
            ["runtime/proc.go", "vendor/golang.org/x/net/idna/idna.go", "vendor/golang.org/x/net/http/h.go"]
                .map(|name| format!("{go}{name}"));
        check(
            &["=example.com/shop", "golang.org/x/net@v0.20.0=golang.org/x/net"],
            &[&runtime, &copy, &only, "/root/go/pkg/mod/golang.org/x/net@v0.20.0/idna/idna.go"],
            &[
                ("golang.org/x/net@v0.20.0/idna/idna.go", "/root/go/pkg/mod/golang.org/x/net@v0.20.0/idna/idna.go"),
                ("golang.org/x/net@v0.20.0/http/h.go", "-"),
            ],
        );
    }
    // A module of the repository that the build took from the module cache.
    check(
        modules,
        &["/root/go/pkg/mod/example.com/lib@v1.1.0/lib.go"],
        &[
            ("example.com/lib@v1.1.0/lib.go", "/root/go/pkg/mod/example.com/lib@v1.1.0/lib.go"),
            ("lib/lib.go", "- /root/go/pkg/mod/example.com/lib@v1.1.0/lib.go"),
        ],
    );
}

#[test]
fn names_without_a_directory() {
    check(
        SHOP,
        &["./main.go", "example.com/shop/a/a.go"],
        &[("cmd/shopd/main.go", "./main.go"), ("a/a.go", "example.com/shop/a/a.go")],
    );
    check(SHOP, &["./main.go"], &[("cmd/a/main.go", "- ./main.go"), ("cmd/b/main.go", "- ./main.go")]);
    check(SHOP, &["a/a.go", "b/main.go"], &[("a/a.go", "a/a.go"), ("main.go", "- b/main.go")]);
}

#[test]
fn paths_of_no_module() {
    check(&[], &["/w/x/a/a.go"], &[("a/a.go", "/w/x/a/a.go"), ("b.go", "-")]);
    check(&[], &[], &[("a.go", "-")]);
}

#[test]
fn a_rule_decides_what_it_speaks_of() {
    let check = |rules: &[&str], path: &str, expected: Option<&str>| {
        let rules: Vec<PathRule> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        let path = RepoPath::from(path);
        let compiled = ["/b/1/cart/cart.go", "x.org/lib@v1.0.0/cart.go", "/b/1/other/cart.go"];
        let map = PathMap::with_rules(&rules, [&path], &BTreeMap::new(), compiled);
        assert_eq!(map.files.get(&path).map(|found| &*found.file), expected, "{rules:?} {path}");
    };
    check(&["/b/1=."], "cart/cart.go", Some("/b/1/cart/cart.go"));
    check(&["/b/1/=./"], "cart/cart.go", Some("/b/1/cart/cart.go"));
    check(&["/b/1/cart=services/cart"], "services/cart/cart.go", Some("/b/1/cart/cart.go"));
    check(&["x.org/lib@v1.0.0=lib"], "lib/cart.go", Some("x.org/lib@v1.0.0/cart.go"));
    // Nowhere, though a name is like it.
    check(&["/b/2=."], "other/cart.go", None);
    check(&["/b/2=.", "/b/1=."], "other/cart.go", Some("/b/1/other/cart.go"));
    // Speaks of another directory.
    check(&["/b/2=lib"], "other/cart.go", Some("/b/1/other/cart.go"));
    for wrong in ["/b/1", "/b/1=/abs", "/b=../x"] {
        assert!(wrong.parse::<PathRule>().is_err(), "{wrong}");
    }
}
