//! Trees: what files a commit has, and in which files two commits differ.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _, path::Path};

use git2::{DiffFile, DiffOptions, ErrorClass, ErrorCode, ObjectType, Oid, Repository, Tree};

use super::{Error, repository::git};

/// A path from the root, which need not be UTF-8, and what is there.
pub(super) type File = (Box<[u8]>, Entry);

/// What a tree has at a path, directories apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Entry {
    pub(super) id: Oid,
    pub(super) kind: Kind,
}

/// What a tree's entry is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Kind {
    /// A regular file, executable or not.
    File,
    Symlink,
    Submodule,
}

/// A path at which two trees differ.
#[derive(Clone, Debug)]
pub(super) struct Delta {
    pub(super) path: Box<[u8]>,
    /// `None` if the path is new, or was something else than a file of the kind that it is now.
    pub(super) old: Option<Entry>,
    /// `None` if the path is gone.
    pub(super) new: Option<Entry>,
    /// Whether the path was there before but as another kind of entry; git looks for no rename then.
    pub(super) kind_changed: bool,
}

/// Where `old`, or the empty tree, and `new` differ; in the order of the paths' bytes, without renames.
pub(super) fn deltas(repository: &Repository, old: Option<&Tree>, new: &Tree) -> Result<Vec<Delta>, Error> {
    let mut options = DiffOptions::new();
    options.include_typechange(true).skip_binary_check(true);
    let diff = repository.diff_tree_to_tree(old, Some(new), Some(&mut options)).map_err(git("compare two trees"))?;
    let side = |file: &DiffFile| Entry::new(file.id(), file.mode().into());
    let mut deltas: Vec<_> = diff
        .deltas()
        .filter_map(|delta| {
            let old = side(&delta.old_file());
            let new = side(&delta.new_file());
            let kind_changed = old.zip(new).is_some_and(|(old, new)| old.kind != new.kind);
            let path = delta.new_file().path_bytes().or(delta.old_file().path_bytes())?;
            Some(Delta { path: path.into(), old: old.filter(|_| !kind_changed), new, kind_changed })
        })
        .collect();
    deltas.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(deltas)
}

/// Every file of `tree` whose name `wanted` lets pass, in the order of the paths' bytes.
pub(super) fn files(repository: &Repository, tree: &Tree, wanted: impl Fn(&[u8]) -> bool) -> Result<Vec<File>, Error> {
    // git2's own walk ends at a directory whose name is not UTF-8.
    let mut files = Vec::new();
    let mut ahead = vec![(Vec::new(), tree.clone())];
    while let Some((dir, tree)) = ahead.pop() {
        for entry in &tree {
            let path = || [&dir, entry.name_bytes()].concat();
            if entry.kind() == Some(ObjectType::Tree) {
                let below = repository.find_tree(entry.id()).map_err(git("list a tree"))?;
                ahead.push(([path(), b"/".to_vec()].concat(), below));
            } else if wanted(entry.name_bytes()) {
                files.extend(Entry::new(entry.id(), entry.filemode()).map(|found| (path().into(), found)));
            }
        }
    }
    files.sort_by(|a: &File, b| a.0.cmp(&b.0));
    Ok(files)
}

/// The file at `path`; `None` if there is none.
pub(super) fn file_at(tree: &Tree, path: &[u8]) -> Result<Option<Entry>, Error> {
    match tree.get_path(Path::new(OsStr::from_bytes(path))) {
        Ok(entry) => Ok(Entry::new(entry.id(), entry.filemode())),
        // That a tree lacks a path and that the repository lacks a tree have the same code.
        Err(error) if error.code() == ErrorCode::NotFound && error.class() != ErrorClass::Odb => Ok(None),
        Err(error) => Err(git("look up a path in a tree")(error)),
    }
}

impl Entry {
    /// `None` for a directory, and for the side of a comparison that is not there.
    fn new(id: Oid, mode: i32) -> Option<Self> {
        let kind = match mode & FORMAT {
            0o100000 => Kind::File,
            0o120000 => Kind::Symlink,
            0o160000 => Kind::Submodule,
            _ => return None,
        };
        Some(Self { id, kind })
    }
}

/// The bits of a mode that tell what an entry is (`S_IFMT`).
const FORMAT: i32 = 0o170000;
