//! The Go files of the new side that may have changed lines.

use std::collections::HashMap;

use git2::{Oid, Repository, Tree};

use super::{
    super::{filter::Rules, is_binary},
    Error,
    history::History,
    renames,
    repository::{LARGEST_FILE, read},
    tree::{self, Entry, File, Kind},
};
use crate::paths::RepoPath;

/// A Go file of the new side, its filter not asked yet.
pub(super) struct Candidate {
    pub(super) path: Box<[u8]>,
    pub(super) new: Entry,
    /// Path and content on the old side; `None` for a new file.
    pub(super) old: Option<(Box<[u8]>, Oid)>,
}

impl Candidate {
    /// Whether the old side has the same content, here or elsewhere.
    pub(super) fn same_content(&self) -> bool {
        self.old.as_ref().is_some_and(|(_, id)| *id == self.new.id)
    }

    /// Where the file was on the old side.
    pub(super) fn old_path(&self) -> Option<RepoPath> {
        self.old.as_ref().map(|(path, _)| lossy(path))
    }
}

/// The Go files in which the trees differ; all of them if there is no old one.
pub(super) fn differing(
    repository: &Repository,
    old: Option<&Tree>,
    new: &Tree,
    follow_renames: bool,
) -> Result<Vec<Candidate>, Error> {
    let deltas = tree::deltas(repository, old, new)?;
    let renamed = if follow_renames {
        renames::detect(repository, &deltas, |_| true, &mut renames::Known::default())?
    } else {
        HashMap::new()
    };
    let candidates = deltas.iter().enumerate().filter(|(_, delta)| is_go(&delta.path)).filter_map(|(at, delta)| {
        let source = renamed.get(&at).map_or(delta, |gone| &deltas[*gone]);
        let old = source.old.map(|entry| (source.path.clone(), entry.id));
        Some(Candidate { path: delta.path.clone(), new: delta.new?, old })
    });
    Ok(candidates.collect())
}

/// The Go files among `files`, the new side's, that a commit of `history` changed, be it back to what they were.
pub(super) fn touched(history: &History, files: &[File], differing: Vec<Candidate>) -> Vec<Candidate> {
    let mut differing: HashMap<_, _> = differing.into_iter().map(|file| (file.path.clone(), file)).collect();
    let touched = history.touched();
    let files = files.iter().filter(|(path, _)| is_go(path) && touched.contains(&**path));
    files
        .map(|(path, new)| {
            let same = || Candidate { path: path.clone(), new: *new, old: Some((path.clone(), new.id)) };
            differing.remove(path).unwrap_or_else(same)
        })
        .collect()
}

/// What became of a candidate.
pub(super) enum Admission {
    /// It counts; its content.
    Text(RepoPath, Vec<u8>),
    /// It does not; why.
    LeftOut(RepoPath, String),
}

/// Asks the filter, and reads the file if it lets it pass and it is a text.
pub(super) fn admit(repository: &Repository, rules: &Rules, candidate: &Candidate) -> Result<Admission, Error> {
    let path = lossy(&candidate.path);
    let reason = match candidate.new.kind {
        _ if path.as_str().as_bytes() != &*candidate.path => "path is not UTF-8".to_owned(),
        Kind::Symlink => "symbolic link".to_owned(),
        Kind::Submodule => "submodule".to_owned(),
        Kind::File => match rules.leave_out(&path) {
            Some(rule) => rule,
            None => match read(repository, candidate.new.id)? {
                None => format!("larger than {} MiB", LARGEST_FILE >> 20),
                Some(text) if is_lfs_pointer(&text) => "Git LFS pointer".to_owned(),
                Some(text) if is_binary(&text) => "binary".to_owned(),
                Some(text) => return Ok(Admission::Text(path, text)),
            },
        },
    };
    Ok(Admission::LeftOut(path, reason))
}

/// Whether the last part of a path is a Go file's name.
pub(super) fn is_go(path: &[u8]) -> bool {
    path.ends_with(b".go")
}

fn is_lfs_pointer(text: &[u8]) -> bool {
    text.starts_with(b"version https://git-lfs.github.com/spec/")
}

fn lossy(path: &[u8]) -> RepoPath {
    RepoPath::from(String::from_utf8_lossy(path).into_owned())
}
