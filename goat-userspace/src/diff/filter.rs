//! Which Go files of a change count.

use globset::{GlobBuilder, GlobMatcher};

use super::{
    Error,
    modules::{Modules, ancestors, below},
};
use crate::paths::RepoPath;

/// The rules by which changed files are left out.
///
/// Always left out: test files, `testdata` directories (as the go command does), and `vendor` directories at the repository's or a
/// module's root.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Paths below which nothing counts: `gen`, `internal/mocks`, ... They start at the root of the module that the
    /// comparison is about, or at the repository's if it is about none; of dependencies they are import paths. With `*`, `?`, `[` or `{` an entry is a pattern, in which
    /// `*` stays within a directory and `**` does not; one without `/` fits a file or directory at any depth: `*.pb.go`.
    pub ignores: Vec<String>,
    /// Whether only the module counts that the comparison is about: the innermost one around the directory that it was
    /// started in, so the repository's root module as a rule. Otherwise, and where there is no module around that directory,
    /// every module of the repository counts.
    pub skip_nested_modules: bool,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            ignores: ["vendor", "testdata", "node_modules", ".git"].map(String::from).to_vec(),
            skip_nested_modules: true,
        }
    }
}

/// A filter, ready to be asked about the files of one tree.
pub(super) struct Rules<'a> {
    ignores: Vec<Ignore>,
    skip_nested_modules: bool,
    modules: &'a Modules,
}

struct Ignore {
    entry: String,
    pattern: Option<GlobMatcher>,
}

impl<'a> Rules<'a> {
    pub(super) fn new(filter: &Filter, modules: &'a Modules) -> Result<Self, Error> {
        let ignores = filter.ignores.iter().map(|entry| Ignore::new(entry)).collect::<Result<Vec<_>, _>>()?;
        let ignores = ignores.into_iter().filter(|ignore| !matches!(&*ignore.entry, "" | ".")).collect();
        Ok(Self { ignores, skip_nested_modules: filter.skip_nested_modules, modules })
    }

    /// Whether the Go file `path` may be part of a program, be it left out here. Vendored packages import nothing of the
    /// repository, unless it is the Go distribution's: there is no use in reading them.
    pub(super) fn may_be_compiled(&self, path: &RepoPath) -> bool {
        let is_read = self.modules.has_standard_library() || !self.modules.vendors(path.dir());
        is_read && !is_test(path) && !is_testdata(path)
    }

    /// The rule that leaves out the Go file `path`; `None` if it counts.
    pub(super) fn leave_out(&self, path: &RepoPath) -> Option<String> {
        let root = self.modules.root();
        if is_test(path) {
            return Some("test file".to_owned());
        }
        if self.modules.vendors(path.dir()) {
            return Some("vendor".to_owned());
        }
        if is_testdata(path) {
            return Some("testdata".to_owned());
        }
        if let Some(module) = self.modules.other_around(path.dir()).filter(|_| self.skip_nested_modules) {
            return Some(format!("other module: {}", if module.is_empty() { "." } else { module }));
        }
        self.ignored(below(path.as_str(), root).unwrap_or(path.as_str()))
    }

    /// The entry of the ignores that leaves out a path from the root, or the file of a dependency by its import path:
    /// `golang.org/x/text/unicode/norm/iter.go`.
    pub(super) fn ignored(&self, path: &str) -> Option<String> {
        let ignore = self.ignores.iter().find(|ignore| ignore.fits(path))?;
        Some(format!("ignores: {}", ignore.entry))
    }
}

/// Whether no package holds the Go file, by the go command's own rules: a test, or one that tests read.
pub(super) fn is_for_tests(path: &RepoPath) -> bool {
    is_test(path) || is_testdata(path)
}

fn is_test(path: &RepoPath) -> bool {
    path.name().ends_with("_test.go")
}

fn is_testdata(path: &RepoPath) -> bool {
    path.dir().split('/').any(|part| part == "testdata")
}

impl Ignore {
    fn new(entry: &str) -> Result<Self, Error> {
        let entry = entry.trim().trim_start_matches("./").trim_matches('/');
        let pattern = entry.contains(['*', '?', '[', '{']).then(|| {
            let anywhere = if entry.contains('/') { "" } else { "**/" };
            GlobBuilder::new(&format!("{anywhere}{entry}")).literal_separator(true).build()
        });
        let bad = |source| Error::BadIgnore { entry: entry.to_owned(), source: Box::new(source) };
        let pattern = pattern.transpose().map_err(bad)?;
        Ok(Self { entry: entry.to_owned(), pattern: pattern.map(|glob| glob.compile_matcher()) })
    }

    fn fits(&self, path: &str) -> bool {
        match &self.pattern {
            Some(pattern) => ancestors(path).filter(|path| !path.is_empty()).any(|path| pattern.is_match(path)),
            None => below(path, &self.entry).is_some() || path == self.entry,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(filter: &Filter, start: &str, cases: &[(&str, Option<&str>)]) {
        let go_mods = ["", "tools", "tools/deep"].map(|dir| (dir.to_owned(), format!("module m/{dir}")));
        let modules = Modules::new(go_mods, start);
        let rules = Rules::new(filter, &modules).unwrap();
        for (path, expected) in cases {
            assert_eq!(rules.leave_out(&RepoPath::from(*path)).as_deref(), *expected, "{path} from {start:?}");
        }
    }

    #[test]
    fn the_go_commands_own_rules_come_first() {
        check(
            &Filter::default(),
            "",
            &[
                ("main.go", None),
                ("_x/.y/z.go", None),
                ("a_test.go", Some("test file")),
                ("vendor/m/x.go", Some("vendor")),
                ("a/vendor/x.go", None),
                ("tools/vendor/x.go", Some("vendor")),
                ("vendored/x.go", None),
                ("vendor.go", None),
                ("a/testdata/b/x.go", Some("testdata")),
                ("a/testdata.go", None),
                ("node_modules/x.go", Some("ignores: node_modules")),
                ("a/node_modules/x.go", None),
            ],
        );
    }

    #[test]
    fn one_module_counts_unless_all_do() {
        let one = Filter { ignores: Vec::new(), skip_nested_modules: true };
        let all = Filter { ignores: Vec::new(), skip_nested_modules: false };
        check(&one, "", &[("a/x.go", None), ("tools/x.go", Some("other module: tools"))]);
        check(&one, "cmd", &[("a/x.go", None), ("tools/deep/a/x.go", Some("other module: tools/deep"))]);
        check(&one, "tools/cmd", &[("tools/x.go", None), ("toolset/x.go", Some("other module: ."))]);
        check(&one, "tools", &[("tools/deep/x.go", Some("other module: tools/deep"))]);
        check(&all, "", &[("a/x.go", None), ("tools/x.go", None), ("tools/deep/vendor/x.go", Some("vendor"))]);
    }

    #[test]
    fn ignores_are_paths_or_patterns() {
        let filter = |ignores: &[&str]| Filter {
            ignores: ignores.iter().map(|entry| (*entry).to_owned()).collect(),
            skip_nested_modules: true,
        };
        check(
            &filter(&["./gen/", "a/b.go", "", "."]),
            "",
            &[
                ("gen/x.go", Some("ignores: gen")),
                ("a/gen/x.go", None),
                ("generate.go", None),
                ("a/b.go", Some("ignores: a/b.go")),
                ("a/b.go.go", None),
            ],
        );
        check(
            &filter(&["*.pb.go", "**/mocks", "api/*/v?", "{x,y}z"]),
            "",
            &[
                ("a.pb.go", Some("ignores: *.pb.go")),
                ("a/b/c.pb.go", Some("ignores: *.pb.go")),
                ("mocks/x.go", Some("ignores: **/mocks")),
                ("a/mocks/b/x.go", Some("ignores: **/mocks")),
                ("api/a/v1/x.go", Some("ignores: api/*/v?")),
                ("api/a/b/v1/x.go", None),
                ("a/xz/b.go", Some("ignores: {x,y}z")),
            ],
        );
        check(&filter(&["gen"]), "tools", &[("tools/gen/x.go", Some("ignores: gen")), ("tools/a/gen/x.go", None)]);
    }

    #[test]
    fn dependencies_are_ignored_by_import_path() {
        let modules = Modules::new([], "");
        let ignores = ["example.com/dep/gen", "*.pb.go", "example.com/*/v2/**", "vendor"].map(String::from).to_vec();
        let filter = Filter { ignores, skip_nested_modules: true };
        let rules = Rules::new(&filter, &modules).unwrap();
        for (path, expected) in [
            ("example.com/dep/x.go", None),
            ("example.com/dep/gen/x.go", Some("ignores: example.com/dep/gen")),
            ("example.com/dep/a.pb.go", Some("ignores: *.pb.go")),
            ("example.com/other/v2/a/x.go", Some("ignores: example.com/*/v2/**")),
            ("example.com/dep/vendor/x.go", None),
        ] {
            assert_eq!(rules.ignored(path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn a_bad_pattern_is_named() {
        let modules = Modules::new([], "");
        let filter = Filter { ignores: vec!["a/[".to_owned()], skip_nested_modules: true };
        let error = Rules::new(&filter, &modules).err().unwrap().to_string();
        assert!(error.contains("\"a/[\""), "{error}");
    }
}
