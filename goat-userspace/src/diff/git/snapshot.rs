//! The files of a commit by their paths, for who knows what to look for.

use std::path::Path;

use git2::{Oid, Repository, Tree};

use super::{
    Error, candidates,
    repository::{self, git, read},
    tree::{self, Kind},
};

/// An open repository.
pub(in crate::diff) struct Opened(Repository);

/// The tree of one commit.
pub(in crate::diff) struct Snapshot<'r> {
    repository: &'r Repository,
    tree: Tree<'r>,
}

impl Opened {
    /// Opens the repository that holds `dir`.
    pub(in crate::diff) fn open(dir: &Path) -> Result<Self, Error> {
        repository::open(dir).map(Self)
    }

    /// The directory `dir` as a path from the repository's root.
    pub(in crate::diff) fn prefix(&self, dir: &Path) -> String {
        repository::prefix(&self.0, dir)
    }

    /// The repository itself, for this directory.
    pub(super) fn repository(&self) -> &Repository {
        &self.0
    }

    /// The files of the commit with this hash.
    pub(in crate::diff) fn snapshot(&self, commit: &str) -> Result<Snapshot<'_>, Error> {
        let commit = Oid::from_str(commit).and_then(|id| self.0.find_commit(id));
        let tree = commit.and_then(|commit| commit.tree()).map_err(git("read a commit"))?;
        Ok(Snapshot { repository: &self.0, tree })
    }
}

impl Snapshot<'_> {
    /// The content of the file at `path`; `None` if there is no regular file there, or one that is too large.
    pub(in crate::diff) fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        match tree::file_at(&self.tree, path.as_bytes())? {
            Some(entry) if entry.kind == Kind::File => read(self.repository, entry.id),
            _ => Ok(None),
        }
    }

    /// The same as text; what is not UTF-8 in it is replaced.
    pub(in crate::diff) fn read_text(&self, path: &str) -> Result<Option<String>, Error> {
        Ok(self.read(path)?.map(|text| String::from_utf8_lossy(&text).into_owned()))
    }

    /// Whether the directory `dir` here and `other_dir` there hold the same.
    pub(in crate::diff) fn is_same(&self, dir: &str, other: &Self, other_dir: &str) -> bool {
        let id = |tree: &Tree<'_>, dir: &str| tree.get_path(Path::new(dir)).ok().map(|entry| entry.id());
        id(&self.tree, dir) == id(&other.tree, other_dir)
    }

    /// The directories with a `go.mod`.
    pub(in crate::diff) fn modules(&self) -> Result<Vec<String>, Error> {
        let files = tree::files(self.repository, &self.tree, |name| name == b"go.mod")?;
        let dir = |path: &[u8]| {
            let dir = path.strip_suffix(b"go.mod")?;
            std::str::from_utf8(dir.strip_suffix(b"/").unwrap_or(dir)).ok().map(str::to_owned)
        };
        Ok(files.iter().filter_map(|(path, _)| dir(path)).collect())
    }

    /// The regular Go files below the directory `dir`, by their paths from there, in byte order. Those whose path is not
    /// UTF-8 are passed over.
    pub(in crate::diff) fn go_files(&self, dir: &str) -> Result<Vec<String>, Error> {
        let list = |tree: &Tree<'_>| -> Result<Vec<String>, Error> {
            let files = tree::files(self.repository, tree, candidates::is_go)?;
            let files = files.into_iter().filter(|(_, entry)| entry.kind == Kind::File);
            Ok(files.filter_map(|(path, _)| String::from_utf8(path.into_vec()).ok()).collect())
        };
        if dir.is_empty() {
            return list(&self.tree);
        }
        match self.tree.get_path(Path::new(dir)).and_then(|entry| entry.to_object(self.repository)?.peel_to_tree()) {
            Ok(tree) => list(&tree),
            Err(_) => Ok(Vec::new()),
        }
    }
}
