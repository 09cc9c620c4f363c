//! The main packages of a tree, and what each is made of.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    Component,
    modules::{Modules, below},
};
use crate::paths::RepoPath;

/// What the Go files of one directory say, all of them together, whatever their build tags.
#[derive(Default)]
struct Package {
    first_main_file: Option<RepoPath>,
    imports: BTreeSet<String>,
    /// Whether the filter lets any of its files pass. One of which it lets none pass is no part of a component, but what it
    /// imports may be.
    counts: bool,
}

/// The packages of a tree, by directory.
#[derive(Default)]
pub(super) struct Packages {
    by_dir: BTreeMap<String, Package>,
}

impl Packages {
    /// Adds a file that is not a test: its package's name and what it imports. `counts`: whether the filter lets it pass.
    pub(super) fn add(&mut self, path: &RepoPath, package: &str, imports: Vec<String>, counts: bool) {
        let found = self.by_dir.entry(path.dir().to_owned()).or_default();
        found.imports.extend(imports);
        found.counts |= counts;
        let first = found.first_main_file.as_ref().is_none_or(|first| walk_order(path, first).is_lt());
        if package == "main" && first && counts {
            found.first_main_file = Some(path.clone());
        }
    }

    /// The main packages in the order in which a walk of the tree meets their first `package main` files.
    pub(super) fn components(&self, modules: &Modules) -> Vec<Component> {
        let mut mains: Vec<_> =
            self.by_dir.iter().filter_map(|(dir, package)| Some((package.first_main_file.as_ref()?, dir))).collect();
        mains.sort_by(|(a, _), (b, _)| walk_order(a, b));
        let name = |dir| match below_or_same(dir, modules.root()) {
            "" => ".",
            name => name,
        };
        (0..)
            .zip(mains)
            .map(|(id, (_, dir))| Component { id, name: name(dir).to_owned(), dirs: self.reachable(dir, modules) })
            .collect()
    }

    /// `main` and the directory of every package of the tree that it imports, directly or not, as far as they count; sorted.
    fn reachable(&self, main: &str, modules: &Modules) -> Vec<String> {
        let mut found = BTreeSet::from([main.to_owned()]);
        let mut ahead = vec![main.to_owned()];
        while let Some(dir) = ahead.pop() {
            for import in self.by_dir.get(&dir).into_iter().flat_map(|package| &package.imports) {
                // A matter of the Go distribution's alone, where the package is in the tree.
                let import = if import == "C" { "runtime/cgo" } else { import };
                let imported = modules.dirs_of(import, &dir).find(|dir| self.by_dir.contains_key(dir));
                ahead.extend(imported.filter(|dir| found.insert(dir.clone())));
            }
        }
        found.into_iter().filter(|dir| self.by_dir.get(dir).is_some_and(|package| package.counts)).collect()
    }
}

/// The order in which a walk meets files that takes the entries of each directory by name: `a/x.go` before `a.go`,
/// which the order of the paths' bytes has the other way.
fn walk_order(a: &RepoPath, b: &RepoPath) -> Ordering {
    a.as_str().split('/').cmp(b.as_str().split('/'))
}

fn below_or_same<'a>(dir: &'a str, root: &str) -> &'a str {
    if dir == root { "" } else { below(dir, root).unwrap_or(dir) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(start: &str, files: &[(&str, &str, &[&str])], expected: &[(&str, &[&str])]) {
        let go_mods = [("", "module m"), ("sub", "module m/sub")];
        let modules = Modules::new(go_mods.map(|(dir, text)| (dir.to_owned(), text.to_owned())), start);
        let mut packages = Packages::default();
        for (path, package, imports) in files {
            packages.add(&RepoPath::from(*path), package, imports.iter().map(|i| (*i).to_owned()).collect(), true);
        }
        let expected: Vec<_> = (0..)
            .zip(expected)
            .map(|(id, (name, dirs))| Component {
                id,
                name: (*name).to_owned(),
                dirs: dirs.iter().map(|dir| (*dir).to_owned()).collect(),
            })
            .collect();
        assert_eq!(packages.components(&modules), expected);
    }

    #[test]
    fn follows_imports_through_the_tree() {
        check(
            "",
            &[
                ("cmd/x/main.go", "main", &["fmt", "m/a", "C"]),
                ("cmd/x/more.go", "main", &["m/c"]),
                ("a/a.go", "a", &["m/b", "other.example/z"]),
                ("b/b.go", "b", &["m/a", "m/gone"]),
                ("c/c_windows.go", "c", &["m/sub/d", "m"]),
                ("d/d.go", "d", &[]),
                ("sub/d/d.go", "d", &[]),
                ("root.go", "root", &[]),
            ],
            &[("cmd/x", &["", "a", "b", "c", "cmd/x", "sub/d"])],
        );
    }

    #[test]
    fn numbers_main_packages_as_a_walk_meets_their_files() {
        check(
            "",
            &[
                ("main.go", "main", &[]),
                ("cmd.go", "lib", &[]),
                ("cmd/b/a.go", "documentation", &[]),
                ("cmd/b/z.go", "main", &[]),
                ("cmd/b.x/main.go", "main", &[]),
                ("cmd/b/y/main.go", "main", &[]),
                ("helper.go", "main", &[]),
                ("lib/gen.go", "main", &[]),
                ("lib/lib.go", "lib", &[]),
            ],
            &[
                ("cmd/b/y", &["cmd/b/y"]),
                ("cmd/b", &["cmd/b"]),
                ("cmd/b.x", &["cmd/b.x"]),
                (".", &[""]),
                ("lib", &["lib"]),
            ],
        );
    }

    #[test]
    fn names_are_from_the_modules_root() {
        let files: &[(&str, &str, &[&str])] = &[("sub/cmd/x.go", "main", &[]), ("sub/x.go", "main", &[])];
        check("sub", files, &[("cmd", &["sub/cmd"]), (".", &["sub"])]);
        check("", files, &[("sub/cmd", &["sub/cmd"]), ("sub", &["sub"])]);
    }
}
