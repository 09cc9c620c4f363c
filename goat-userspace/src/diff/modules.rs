//! The Go modules of a tree: which directory belongs to which.

use std::collections::BTreeMap;

use super::go_mod;

/// The module of the Go distribution's src directory. Its commands are another: `cmd`, in src/cmd.
const STANDARD_LIBRARY: &str = "std";

/// Every directory that holds a `go.mod`, and the path that it declares.
pub(super) struct Modules {
    /// By directory from the repository's root, empty for the root. `None` for a `go.mod` without a `module` directive: it
    /// still ends the module around it.
    by_dir: BTreeMap<String, Option<String>>,
    /// The directory of the module that the comparison is about.
    root: Option<String>,
}

impl Modules {
    /// The modules of a tree with the given `go.mod` texts by directory. The module that the comparison is about is the
    /// innermost one around `start`, a directory of the repository; where there is none, it is about all of them.
    pub(super) fn new(go_mods: impl IntoIterator<Item = (String, String)>, start: &str) -> Self {
        let by_dir = go_mods.into_iter().map(|(dir, text)| (dir, go_mod::module_path(&text))).collect();
        let mut modules = Self { by_dir, root: None };
        modules.root = modules.around(start).map(str::to_owned);
        modules
    }

    /// The directory of the module that the comparison is about; the repository's if it is about all of them.
    pub(super) fn root(&self) -> &str {
        self.root.as_deref().unwrap_or_default()
    }

    /// The directory of the module of `dir`, if it is not the one that the comparison is about.
    pub(super) fn other_around<'a>(&self, dir: &'a str) -> Option<&'a str> {
        let root = self.root.as_deref()?;
        Some(self.around(dir).unwrap_or_default()).filter(|module| *module != root)
    }

    /// The directory of the module that `dir` belongs to; `None` if there is none.
    pub(super) fn around<'a>(&self, dir: &'a str) -> Option<&'a str> {
        ancestors(dir).find(|dir| self.by_dir.contains_key(*dir))
    }

    /// Whether `dir` lies in a `vendor` directory at the root of the repository or of a module.
    pub(super) fn vendors(&self, dir: &str) -> bool {
        ancestors(dir).any(|dir| match dir.rsplit_once('/') {
            Some((above, name)) => name == "vendor" && self.by_dir.contains_key(above),
            None => dir == "vendor",
        })
    }

    /// Where the packages of `import`, in a file of the directory `from`, would be, the most specific module's first. The Go
    /// distribution's module `std` has no prefix of its own: `go/ast` is its directory go/ast.
    pub(super) fn dirs_of<'a>(&'a self, import: &'a str, from: &str) -> impl Iterator<Item = String> + 'a {
        let mut found: Vec<_> = self
            .by_dir
            .iter()
            .filter_map(|(dir, module)| {
                let module = module.as_deref()?;
                if module == STANDARD_LIBRARY {
                    return Some((0, join(dir, import)));
                }
                let below = import.strip_prefix(module)?;
                let below = if below.is_empty() { "" } else { below.strip_prefix('/')? };
                Some((module.len(), join(dir, below)))
            })
            .collect();
        found.sort_by_key(|(len, _)| std::cmp::Reverse(*len));
        let vendor = self.around(from).map(|module| join(&join(module, "vendor"), import));
        vendor.into_iter().chain(found.into_iter().map(|(_, dir)| dir))
    }

    /// Whether one of them is the Go distribution's, of which vendored packages import others.
    pub(super) fn has_standard_library(&self) -> bool {
        self.by_dir.values().any(|module| module.as_deref() == Some(STANDARD_LIBRARY))
    }

    /// Directory to module path, of the modules that have one.
    pub(super) fn into_paths(self) -> BTreeMap<String, String> {
        self.by_dir.into_iter().filter_map(|(dir, path)| Some((dir, path?))).collect()
    }
}

/// `dir` itself, then every directory above it, the root (empty) last.
pub(super) fn ancestors(dir: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(dir), |dir| {
        (!dir.is_empty()).then(|| dir.rsplit_once('/').map_or("", |(above, _)| above))
    })
}

/// What is left of `path` below `dir`; `None` if it is not below it. The empty directory is the root.
pub(super) fn below<'a>(path: &'a str, dir: &str) -> Option<&'a str> {
    if dir.is_empty() { Some(path) } else { path.strip_prefix(dir)?.strip_prefix('/') }
}

fn join(dir: &str, name: &str) -> String {
    if dir.is_empty() || name.is_empty() { format!("{dir}{name}") } else { format!("{dir}/{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modules(start: &str) -> Modules {
        let go_mods = [
            ("", "module example.com/a"),
            ("tools", "module example.com/a/tools"),
            ("v2", "module \"example.com/a/v2\""),
            ("web", "// no module: keeps the go command out"),
        ];
        Modules::new(go_mods.map(|(dir, text)| (dir.to_owned(), text.to_owned())), start)
    }

    #[test]
    fn takes_the_innermost_module_around_a_directory() {
        let check = |dir: &str, expected: &str| {
            assert_eq!(modules("").around(dir), Some(expected));
            assert_eq!(modules(dir).root(), expected);
        };
        check("", "");
        check("cmd/x", "");
        check("toolset", "");
        check("tools", "tools");
        check("tools/gen/x", "tools");
        check("web/x", "web");
    }

    #[test]
    fn without_a_module_around_the_start_all_are_siblings() {
        let go_mods = ["a", "b", "b/inner"].map(|dir| (dir.to_owned(), format!("module m/{dir}")));
        let check = |start: &str, root: &str, others: &[Option<&str>]| {
            let modules = Modules::new(go_mods.clone(), start);
            let found: Vec<_> = ["x", "a/x", "b/inner/x"].into_iter().map(|dir| modules.other_around(dir)).collect();
            assert_eq!((modules.root(), &*found), (root, others), "{start}");
        };
        check("", "", &[None, None, None]);
        check("x/y", "", &[None, None, None]);
        check("a/x", "a", &[Some(""), None, Some("b/inner")]);
    }

    fn strings(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn finds_where_an_import_may_be() {
        let check = |import: &str, expected: &[&str]| {
            let dirs: Vec<_> = modules("").dirs_of(import, "x").collect();
            assert_eq!(dirs.split_first(), Some((&format!("vendor/{import}"), &*strings(expected))), "{import}");
        };
        check("example.com/a", &[""]);
        check("example.com/a/x/y", &["x/y"]);
        check("example.com/a/v2/x", &["v2/x", "v2/x"]);
        check("example.com/a/tools", &["tools", "tools"]);
        check("example.com/ab", &[]);
        check("fmt", &[]);
    }

    #[test]
    fn the_standard_librarys_imports_have_no_prefix() {
        let go_mods = [("src", "module std"), ("src/cmd", "module cmd")];
        let modules = Modules::new(go_mods.map(|(dir, text)| (dir.to_owned(), text.to_owned())), "");
        let check = |import: &str, expected: &[&str]| {
            assert_eq!(modules.dirs_of(import, "src/cmd/vet").collect::<Vec<_>>(), expected, "{import}");
        };
        check("go/ast", &["src/cmd/vendor/go/ast", "src/go/ast"]);
        check("cmd/gofmt", &["src/cmd/vendor/cmd/gofmt", "src/cmd/gofmt", "src/cmd/gofmt"]);
    }
}
