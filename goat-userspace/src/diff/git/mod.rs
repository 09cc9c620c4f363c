//! The repository. Nothing outside this directory names git2.

mod blame;
mod candidates;
mod history;
mod packages;
mod renames;
mod repository;
mod snapshot;
mod text;
mod texts;
mod tree;

use std::{collections::BTreeMap, path::Path};

use git2::Repository;

use self::{
    candidates::{Admission, Candidate},
    history::History,
    repository::{Side, read},
    tree::{File, Kind},
};
use super::{ChangeSet, Error, FileChange, Options, Precision, filter::Rules, modules::Modules};
use crate::lines::{LineRange, LineSet};
pub(super) use repository::LARGEST_FILE;
pub(super) use snapshot::{Opened, Snapshot};
pub(super) use texts::{Texts, compare};

pub(super) fn between(dir: &Path, options: &Options) -> Result<ChangeSet, Error> {
    let repository = repository::open(dir)?;
    let (old, new) = repository::sides(&repository, options)?;
    let (old_tree, new_tree) = (old.as_ref().map(Side::tree).transpose()?, new.tree()?);
    let files = tree::files(&repository, &new_tree, |name| candidates::is_go(name) || name == b"go.mod")?;
    let modules = Modules::new(go_mods(&repository, &files)?, &repository::prefix(&repository, dir));
    let rules = Rules::new(&options.filter, &modules)?;

    let follow_renames = options.precision != Precision::NoRenames;
    let mut candidates = candidates::differing(&repository, old_tree.as_ref(), &new_tree, follow_renames)?;
    let history = match &old {
        Some(old) if options.precision == Precision::Blame => {
            Some(History::read(&repository, old.commit.id(), new.commit.id())?)
        }
        _ => None,
    };
    match &history {
        Some(history) => candidates = candidates::touched(history, &files, candidates),
        None => candidates.retain(|candidate| !candidate.same_content()),
    }
    let mut filtered = BTreeMap::new();
    let mut admitted = Vec::new();
    for candidate in candidates {
        match candidates::admit(&repository, &rules, &candidate)? {
            Admission::Text(path, text) => admitted.push((candidate, path, text)),
            Admission::LeftOut(path, reason) => _ = filtered.insert(path, reason),
        }
    }
    let lines = match &history {
        Some(history) => {
            let files: Vec<_> = admitted.iter().map(|(file, _, text)| (&*file.path, file.new.id, &**text)).collect();
            blame::new_lines(&repository, history, &files)?
        }
        None => {
            let lines = admitted.iter().map(|(file, _, text)| differing_lines(&repository, file, text));
            lines.collect::<Result<_, _>>()?
        }
    };
    let files_and_lines = admitted.into_iter().zip(lines).filter(|(_, lines)| !lines.is_empty());
    Ok(ChangeSet {
        old: old.map(|old| old.revision),
        new: new.revision,
        files: files_and_lines
            .map(|((file, path, text), lines)| FileChange { path, old_path: file.old_path(), lines, text })
            .collect(),
        filtered,
        components: packages::read(&repository, &files, &rules)?.components(&modules),
        modules: modules.into_paths(),
        dependencies: Vec::new(),
    })
}

/// The lines that `text` has and the file's version on the old side has not: precisions 2 and 3.
fn differing_lines(repository: &Repository, file: &Candidate, text: &[u8]) -> Result<LineSet, Error> {
    let before = match &file.old {
        // A version that is too large to read has nothing in common.
        Some((_, id)) => read(repository, *id)?.unwrap_or_default(),
        None => Vec::new(),
    };
    changed_lines(&before, text)
}

/// The lines that `new` has and `old` has not.
fn changed_lines(old: &[u8], new: &[u8]) -> Result<LineSet, Error> {
    let mut lines = LineSet::new();
    for hunk in text::hunks(old, new)?.iter().filter(|hunk| hunk.new_lines > 0) {
        lines.insert(LineRange::new(hunk.new_before + 1, hunk.new_before + hunk.new_lines));
    }
    Ok(lines)
}

/// The `go.mod` files' texts by directory. Those in a directory whose name is not UTF-8 are passed over, as
/// every Go file there is.
fn go_mods(repository: &Repository, files: &[File]) -> Result<Vec<(String, String)>, Error> {
    let mut found = Vec::new();
    for (path, entry) in files.iter().filter(|(_, entry)| entry.kind == Kind::File) {
        let dir = match path.strip_suffix(b"go.mod") {
            Some(b"") => "",
            Some([dir @ .., b'/']) => std::str::from_utf8(dir).unwrap_or_default(),
            _ => continue,
        };
        if dir.is_empty() && path.len() > b"go.mod".len() {
            continue;
        }
        let text = read(repository, entry.id)?.unwrap_or_default();
        found.push((dir.to_owned(), String::from_utf8_lossy(&text).into_owned()));
    }
    Ok(found)
}
