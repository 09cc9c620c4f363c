//! What can be wrong with a comparison.

use std::path::PathBuf;

use super::Revision;

/// Why two revisions could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither the directory nor one above it is a repository.
    #[error("{} is not in a git repository; name a directory of the repository that the binary was built from", dir.display())]
    NotARepository {
        /// The directory that was asked for.
        dir: PathBuf,
    },
    /// The repository belongs to another user, as it does for root or in a container with a mounted checkout.
    #[error(
        "the repository of {} belongs to another user; run as its owner, or allow it with \
         `git config --global --add safe.directory <the repository>`", dir.display()
    )]
    NotOwned {
        /// The directory that was asked for.
        dir: PathBuf,
    },
    /// The repository's format is one that libgit2 does not read: SHA-256, reftable, ...
    #[error("the repository of {} has a format that goat cannot read: {reason}; {advice}", dir.display())]
    UnsupportedFormat {
        /// The directory that was asked for.
        dir: PathBuf,
        /// libgit2's words.
        reason: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// HEAD names a branch without a commit.
    #[error("the repository has no commit yet: {spec:?} names a branch that is yet to be born; commit first")]
    Unborn {
        /// What the user wrote.
        spec: String,
    },
    /// No tag, branch, remote branch or commit has the name.
    #[error("{spec:?} is no tag, branch or commit of this repository{hint}")]
    UnknownRevision {
        /// What the user wrote.
        spec: String,
        /// A likely cause and what to do, or a name that is close.
        hint: String,
    },
    /// A short hash that several commits begin with, or a syntax that names no single object.
    #[error("{spec:?} does not name one commit: {reason}")]
    NotOneCommit {
        /// What the user wrote.
        spec: String,
        /// libgit2's words.
        reason: String,
    },
    /// The old side is not part of the new side's history.
    #[error(
        "{} ({}) is not an ancestor of {} ({}), so that new lines cannot be told from old ones; their merge base \
         is {base}: {advice}", old.spec, old.short, new.spec, new.short
    )]
    NotAncestor {
        /// The old side.
        old: Box<Revision>,
        /// The new side.
        new: Box<Revision>,
        /// The merge base's hash.
        base: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// The two sides have no commit in common.
    #[error("{} ({}) and {} ({}) have no commit in common; {advice}", old.spec, old.short, new.spec, new.short)]
    Unrelated {
        /// The old side.
        old: Box<Revision>,
        /// The new side.
        new: Box<Revision>,
        /// What to do about it.
        advice: &'static str,
    },
    /// The history is there, but not all of what it consists of.
    #[error(
        "object {id} is missing from the repository; it is a partial clone or damaged: make it whole with \
         `git fetch --refetch --no-filter`, or use a full clone"
    )]
    MissingObject {
        /// The object's hash.
        id: String,
    },
    /// An entry of the ignores is no valid pattern.
    #[error("ignore entry {entry:?} is not a valid pattern")]
    BadIgnore {
        /// The entry.
        entry: String,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A module that was unpacked can't be read.
    #[error("cannot read {}, a module's source", path.display())]
    ModuleCache {
        /// The directory or file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something else that libgit2 reported.
    #[error("could not {doing}")]
    Git {
        /// What was attempted.
        doing: &'static str,
        /// libgit2's error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
