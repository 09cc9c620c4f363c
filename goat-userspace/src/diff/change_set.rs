//! What changed between two revisions: per file of the new side, the lines.

use std::collections::BTreeMap;

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
    /// Every `go.mod` of the new side's tree: the module's directory (empty for the root) and its module path.
    pub modules: BTreeMap<String, String>,
    /// The new side's main packages and what they are made of, numbered from 0 in the original's order.
    pub components: Vec<Component>,
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
