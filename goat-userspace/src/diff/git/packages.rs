//! Reading the heads of all Go files of a tree.

use std::{num::NonZero, panic, path::Path, thread};

use git2::{Oid, Repository};

use super::{
    super::{components::Packages, filter::Rules, go_header::GoHeader},
    Error, candidates,
    repository::{self, git},
    tree::{File, Kind},
};
use crate::paths::RepoPath;

/// Fewer files than this are not worth a further thread, which has to open the repository anew.
const FILES_A_THREAD: usize = 500;

/// A file, its package's name and what it imports.
type Head = (RepoPath, String, Vec<String>);

/// The packages of those among `files` that may be compiled. A file whose head can't be understood is of none.
pub(super) fn read(repository: &Repository, files: &[File], rules: &Rules) -> Result<Packages, Error> {
    let files: Vec<_> = files
        .iter()
        .filter(|(path, entry)| candidates::is_go(path) && entry.kind == Kind::File)
        .filter_map(|(path, entry)| Some((RepoPath::from(std::str::from_utf8(path).ok()?), entry.id)))
        .filter(|(path, _)| rules.may_be_compiled(path))
        .collect();
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let at = repository.path();
    let share = files.len().div_ceil(threads).max(FILES_A_THREAD);
    let (first, others) = files.split_at(share.min(files.len()));
    let heads = thread::scope(|scope| {
        let others: Vec<_> = others.chunks(share).map(|share| scope.spawn(move || heads(&open(at)?, share))).collect();
        let mut all = heads(repository, first)?;
        for other in others {
            all.extend(other.join().unwrap_or_else(|panic| panic::resume_unwind(panic))?);
        }
        Ok(all)
    })?;
    let mut packages = Packages::default();
    for (path, package, imports) in heads {
        packages.add(&path, &package, imports, rules.leave_out(&path).is_none());
    }
    Ok(packages)
}

fn open(at: &Path) -> Result<Repository, Error> {
    Repository::open(at).map_err(git("open the repository"))
}

fn heads(repository: &Repository, files: &[(RepoPath, Oid)]) -> Result<Vec<Head>, Error> {
    let mut heads = Vec::with_capacity(files.len());
    for (path, id) in files {
        let Some(text) = repository::read(repository, *id)? else { continue };
        let head = GoHeader::read(&text);
        heads.extend(head.map(|head| {
            (path.clone(), head.package.to_owned(), head.imports.into_iter().map(str::to_owned).collect())
        }));
    }
    Ok(heads)
}
