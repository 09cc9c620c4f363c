//! What changed between two revisions: per file of the new side, the lines.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{lines::LineSet, paths::RepoPath};

/// The new side's changed lines.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangeSet {
    /// The old side; `None` for `INIT`, where everything is new.
    pub old: Option<Revision>,
    /// The new side.
    pub new: Revision,
    /// Go files with at least one changed line that the filter lets pass, in byte order of their paths.
    pub files: Vec<FileChange>,
    /// Changed Go files that the filter left out, with the rule that did: `test file`, `vendor`, `ignores: gen`, ...
    pub filtered: BTreeMap<RepoPath, String>,
    /// Every `go.mod` of the new side's tree: the module's directory (empty for the root) and its module path; and the same of
    /// `dependencies`.
    pub modules: BTreeMap<String, String>,
    /// The new side's main packages and what they are made of, numbered from 0 in the original's order.
    pub components: Vec<Component>,
    /// Modules that the new side takes in another version than the old one, in byte order of their directories. Empty unless
    /// [`crate::diff::add_dependencies`] was asked for them.
    pub dependencies: Vec<Dependency>,
}

impl ChangeSet {
    /// The dependency that a file is of; `None` for the repository's own.
    pub fn dependency_of(&self, path: &RepoPath) -> Option<&Dependency> {
        self.dependencies.iter().find(|dependency| dependency.file(path).is_some())
    }
}

/// A module that the repository requires, in another version than before.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Dependency {
    /// The module path that imports begin with.
    pub path: String,
    /// What it was before: its version, or what replaced it (`example.com/fork v1.0.0`, `./lib`); `None` if nothing required it.
    pub old: Option<String>,
    /// What it is now.
    pub new: String,
    /// What the paths of its files begin with: module path, `@`, version. If it is replaced, those of what replaces it.
    pub dir: String,
}

impl Dependency {
    /// The file's path in the module; `None` if it is of another.
    pub fn file<'a>(&self, path: &'a RepoPath) -> Option<&'a str> {
        path.as_str().strip_prefix(&*self.dir)?.strip_prefix('/')
    }
}

/// One commit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Revision {
    /// What the user wrote: `v1.1.0`, `HEAD`, ...
    pub spec: String,
    /// The commit's full hash.
    pub commit: String,
    /// Its abbreviation, as git would print it.
    pub short: String,
    /// The committer's time, seconds since 1970.
    pub time: i64,
}

/// One file of the new side.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileChange {
    /// Where it is now.
    pub path: RepoPath,
    /// Where it was on the old side; `None` for a new file.
    pub old_path: Option<RepoPath>,
    /// Its changed lines, as the diff has them: comments and blank lines included.
    pub lines: LineSet,
    /// Its text on the new side.
    pub text: Vec<u8>,
}

/// One main package, so one binary.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Component {
    /// Its number, from 0.
    pub id: u32,
    /// The directory of its main package from the module's root; `.` for the root.
    pub name: String,
    /// Directories (from the repository's root; empty for the root itself) of its main package and of every package of the
    /// repository that it imports, directly or not, whatever the build tags; sorted.
    pub dirs: Vec<String>,
}

impl Component {
    /// Whether the package in `dir` is one of its own.
    pub fn holds(&self, dir: &str) -> bool {
        self.dirs.binary_search_by(|own| own.as_str().cmp(dir)).is_ok()
    }
}
