//! Opening a repository, and finding the two commits in it that are to be compared.

use std::path::Path;

use git2::{Commit, ErrorClass, ErrorCode, Oid, Repository, Tree};

use super::super::{Error, Options, Revision};

/// How the user asks for a comparison without an old side.
const NO_OLD_SIDE: &str = "INIT";

/// Files that are larger are not read.
pub(in crate::diff) const LARGEST_FILE: usize = 64 << 20;

/// Opens the repository that holds `dir`, a worktree's and a bare one too.
pub(super) fn open(dir: &Path) -> Result<Repository, Error> {
    // git checks an object's hash when it is fetched, not each time that it is read. Without the check, the heads
    // of 7 900 files were read in 0.22 s in place of 0.8 s.
    git2::opts::strict_hash_verification(false);
    Repository::discover(dir).map_err(|error| {
        let dir = dir.to_owned();
        let reason = error.message().to_owned();
        match error.code() {
            ErrorCode::NotFound => Error::NotARepository { dir },
            ErrorCode::Owner => Error::NotOwned { dir },
            _ if reason.contains("object format") || reason.contains("objectformat") => Error::UnsupportedFormat {
                dir,
                reason,
                advice: "SHA-256 repositories are not supported; compare in a SHA-1 clone or mirror",
            },
            _ if reason.contains("unsupported extension") => Error::UnsupportedFormat {
                dir,
                reason,
                advice: "a fresh `git clone` without that extension can be read",
            },
            _ => git("open the repository")(error),
        }
    })
}

/// The directory `dir` as a path from the root of the repository's work tree; empty for the root and in a bare repository.
pub(super) fn prefix(repository: &Repository, dir: &Path) -> String {
    let below = || {
        let root = repository.workdir()?.canonicalize().ok()?;
        let dir = dir.canonicalize().ok()?;
        Some(dir.strip_prefix(root).ok()?.to_str()?.to_owned())
    };
    below().unwrap_or_default()
}

/// One side of a comparison.
pub(super) struct Side<'r> {
    pub(super) commit: Commit<'r>,
    pub(super) revision: Revision,
}

impl<'r> Side<'r> {
    pub(super) fn tree(&self) -> Result<Tree<'r>, Error> {
        self.commit.tree().map_err(git("read a commit"))
    }
}

/// Both sides. The old one is the new one itself or an ancestor of it, and `None` for `INIT`.
pub(super) fn sides<'r>(repository: &'r Repository, options: &Options) -> Result<(Option<Side<'r>>, Side<'r>), Error> {
    let new = side(repository, &options.new)?;
    if options.old == NO_OLD_SIDE {
        return Ok((None, new));
    }
    let old = side(repository, &options.old)?;
    match check_ancestor(repository, &old, &new) {
        Err(Error::NotAncestor { base, .. }) if options.merge_base => Ok((Some(side(repository, &base)?), new)),
        checked => checked.map(|()| (Some(old), new)),
    }
}

fn check_ancestor(repository: &Repository, old: &Side, new: &Side) -> Result<(), Error> {
    let both = || (Box::new(old.revision.clone()), Box::new(new.revision.clone()));
    let (old_id, new_id) = (old.commit.id(), new.commit.id());
    match repository.merge_base(old_id, new_id) {
        Ok(base) if base == old_id => Ok(()),
        // Where branches cross, a merge base is one of several.
        Ok(_) if repository.graph_descendant_of(new_id, old_id).map_err(git("walk the history"))? => Ok(()),
        Ok(base) => {
            let (old, new) = both();
            let advice = if base == new_id {
                "the sides seem to be the other way round"
            } else {
                "compare with that commit (--merge-base), or merge or rebase first"
            };
            Err(Error::NotAncestor { old, new, base: base.to_string(), advice })
        }
        Err(error) if error.code() == ErrorCode::NotFound && error.class() == ErrorClass::Merge => {
            let (old, new) = both();
            let advice = if repository.is_shallow() {
                "the clone is shallow, so that its history is cut off: run `git fetch --unshallow`"
            } else {
                "they are of unrelated histories: use INIT as the old side to take everything as new"
            };
            Err(Error::Unrelated { old, new, advice })
        }
        Err(error) => Err(git("walk the history")(error)),
    }
}

fn side<'r>(repository: &'r Repository, spec: &str) -> Result<Side<'r>, Error> {
    let name = if spec.is_empty() { "HEAD" } else { spec };
    let commit = repository
        .revparse_single(name)
        .and_then(|object| object.peel_to_commit())
        .map_err(|error| not_found(repository, name, &error))?;
    let short = commit.as_object().short_id().map_err(git("abbreviate a hash"))?;
    let revision = Revision {
        spec: name.to_owned(),
        commit: commit.id().to_string(),
        short: String::from_utf8_lossy(&short).into_owned(),
        time: commit.time().seconds(),
    };
    Ok(Side { commit, revision })
}

fn not_found(repository: &Repository, spec: &str, error: &git2::Error) -> Error {
    let spec = spec.to_owned();
    if spec.starts_with("HEAD") && repository.head().is_err_and(|error| error.code() == ErrorCode::UnbornBranch) {
        return Error::Unborn { spec };
    }
    match error.code() {
        ErrorCode::NotFound => {
            let hint = if repository.is_shallow() {
                "; the clone is shallow and may lack it: run `git fetch --unshallow --tags`".to_owned()
            } else if let Some(name) = closest_name(repository, &spec) {
                format!("; did you mean {name:?}?")
            } else {
                "; if it is a tag or branch of the remote, run `git fetch --tags` first".to_owned()
            };
            Error::UnknownRevision { spec, hint }
        }
        _ => Error::NotOneCommit { spec, reason: error.message().to_owned() },
    }
}

/// The tag or branch whose name is most like `spec`, if one is much like it.
fn closest_name(repository: &Repository, spec: &str) -> Option<String> {
    /// Of Jaro and Winkler's measure, 0 to 1: `v1.10` for `v1.1.0` is close, `main` for `v1` is not.
    const CLOSE: f64 = 0.85;
    let references = repository.references().ok()?;
    references
        .filter_map(|reference| Some(reference.ok()?.shorthand().ok()?.to_owned()))
        .map(|name| (strsim::jaro_winkler(&name, spec), name))
        .filter(|(likeness, _)| *likeness >= CLOSE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// A file's content; `None` if it is too large to be a source file.
pub(super) fn read(repository: &Repository, id: Oid) -> Result<Option<Vec<u8>>, Error> {
    let failed = git("read a file");
    let objects = repository.odb().map_err(&failed)?;
    let (size, _) = objects.read_header(id).map_err(&failed)?;
    if size > LARGEST_FILE {
        return Ok(None);
    }
    Ok(Some(objects.read(id).map_err(&failed)?.data().to_vec()))
}

/// Turns libgit2's error into ours: what was attempted, or that an object is missing.
pub(super) fn git(doing: &'static str) -> impl Fn(git2::Error) -> Error {
    move |error| {
        let missing = error.code() == ErrorCode::NotFound && error.class() == ErrorClass::Odb;
        let id = error.message().rsplit_once('(').and_then(|(_, id)| id.strip_suffix(')'));
        match id.filter(|_| missing) {
            Some(id) => Error::MissingObject { id: id.to_owned() },
            None => Error::Git { doing, source: Box::new(error) },
        }
    }
}
