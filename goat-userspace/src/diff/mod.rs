//! Two revisions of a repository in, the lines that the newer one changed out.

mod change_set;
mod components;
mod dependencies;
mod error;
mod filter;
mod git;
mod go_header;
mod go_mod;
mod modules;
mod similarity;

use std::path::Path;

pub use change_set::{ChangeSet, Component, Dependency, FileChange, Revision};
pub use dependencies::{Built, BuiltModule, DependencyOptions, Linked, Remarks, add_dependencies};
pub use error::Error;
pub use filter::Filter;

/// How a changed line is told from an old one (the original's `diffPrecision`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Precision {
    /// 1: by blame; a line is new if the commit it comes from is not an ancestor of the old one.
    #[default]
    Blame,
    /// 2: by diff, a renamed file against what it was before.
    FollowRenames,
    /// 3: by diff, a renamed file as an all new one.
    NoRenames,
}

/// What to compare, and which files of it to look at.
#[derive(Clone, Debug)]
pub struct Options {
    /// The old side: tag, branch, hash, `HEAD~1`, ... or `INIT` for no old side; `""` is `HEAD`.
    pub old: String,
    /// The new side, the one that the binary was built from.
    pub new: String,
    /// Compare with the best common ancestor of both sides instead of `old` itself, as `git diff old...new` does.
    pub merge_base: bool,
    /// How changed lines are found.
    pub precision: Precision,
    /// Which files count.
    pub filter: Filter,
}

/// Compares the two revisions that `options` names in the repository that holds `dir`.
///
/// Lines are those that `git diff -U0 -M`, `git diff -U0 --no-renames` or `git blame` finds, with git's defaults whatever
/// the user's configuration says.
pub fn between(dir: &Path, options: &Options) -> Result<ChangeSet, Error> {
    git::between(dir, options)
}

/// Whether git would take `content` for binary: a NUL byte near its start.
fn is_binary(content: &[u8]) -> bool {
    /// How far git looks (`buffer_is_binary`).
    const LOOKED_AT: usize = 8000;
    content[..content.len().min(LOOKED_AT)].contains(&0)
}
