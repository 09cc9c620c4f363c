//! A module at its old and its new version, side by side.

use std::{collections::BTreeSet, path::PathBuf};

use super::{
    super::{
        ChangeSet, Dependency, Error, FileChange,
        filter::{self, Rules},
        git::{self, Opened, Snapshot, Texts},
        is_binary,
    },
    Wanted,
    build_list::{BuildList, Origin, join},
    code::Code,
    module_cache,
    remarks::Said,
};
use crate::paths::RepoPath;

/// The two revisions: what they take, and from where.
pub(super) struct Sides<'a> {
    pub(super) old: &'a BuildList,
    pub(super) old_tree: &'a Snapshot<'a>,
    pub(super) new: &'a BuildList,
    pub(super) new_tree: &'a Snapshot<'a>,
    pub(super) caches: &'a [PathBuf],
}

/// A module that is not the same on both sides.
pub(super) struct Pair<'a> {
    pub(super) dependency: Dependency,
    /// What the paths of its files began with, and the files; `None` if nothing asked for it.
    pub(super) old: Option<(String, Code<'a>)>,
    new: Code<'a>,
}

/// What a comparison has found, in files.
#[derive(Default)]
pub(super) struct Compared {
    pub(super) changed: usize,
    /// Those that have changed too, and do not count.
    pub(super) left_out: usize,
}

/// A file by its path here, and from its module's directory.
pub(super) type Listed = (RepoPath, String);

impl<'a> Sides<'a> {
    /// The module `wanted` on both sides; `None` if it has not changed, or where its code is not here, which is said.
    pub(super) fn pair(&self, wanted: &Wanted, said: &mut Said) -> Option<Pair<'a>> {
        let path = &*wanted.path;
        let module = match &wanted.origin {
            Origin::Version(module) => module,
            // The repository's own comparison has it.
            Origin::Repository(_) => return None,
            Origin::Outside(dir) => {
                said.outside(path, dir);
                return None;
            }
        };
        let before = self.old.origin(path);
        if before.as_ref() == Some(&wanted.origin) && !self.may_differ(path) {
            return None;
        }
        let old = before.as_ref().map(|origin| Code::find(path, origin, self.old, self.old_tree, self.caches));
        let new = Code::find(path, &wanted.origin, self.new, self.new_tree, self.caches);
        match (&before, &old) {
            (Some(Origin::Version(module)), Some(None)) => said.missing(module),
            (Some(Origin::Outside(dir)), Some(None)) => said.outside(path, dir),
            _ => {}
        }
        let Some(new) = new else {
            said.missing(module);
            return None;
        };
        let old = match before.as_ref().zip(old) {
            Some((origin, code)) => Some((dir_of(path, origin), code?)),
            None => None,
        };
        if let Some(found) = module_cache::hash(self.caches, module)
            && !new.is_committed()
            && !wanted.sum.is_empty()
            && found != wanted.sum
        {
            said.other_hash(module, &found, &wanted.sum);
        }
        let shown = |origin: &Origin| match origin {
            Origin::Version(module) if module.path == path => module.version.clone(),
            origin => origin.to_string(),
        };
        let dependency = Dependency {
            path: path.to_owned(),
            old: before.as_ref().map(shown),
            new: shown(&wanted.origin),
            dir: dir_of(path, &wanted.origin),
        };
        Some(Pair { dependency, old, new })
    }

    /// Whether both sides have vendored the module, and not the same: copies of one version may have been changed by hand.
    fn may_differ(&self, path: &str) -> bool {
        let (Some((old, _)), Some((new, _))) = (self.old.vendored(path), self.new.vendored(path)) else { return false };
        !self.old_tree.is_same(&join(old, path), self.new_tree, &join(new, path))
    }
}

/// What the paths of a module's files begin with.
fn dir_of(path: &str, origin: &Origin) -> String {
    match origin {
        Origin::Version(module) => format!("{}@{}", module.path, module.version),
        Origin::Repository(dir) => dir.clone(),
        Origin::Outside(_) => path.to_owned(),
    }
}

impl Pair<'_> {
    /// The Go files of the new side that a build may take.
    pub(super) fn new_files(&self) -> Result<Vec<Listed>, Error> {
        let path = |file: &String| RepoPath::from(join(&self.dependency.dir, file));
        let files = self.new.files()?.into_iter().map(|file| (path(&file), file));
        Ok(files.filter(|(path, _)| !filter::is_for_tests(path)).collect())
    }

    /// Adds to `changes` what is new in `files`, those of the new side that are in the binary.
    pub(super) fn compare(
        &self,
        opened: &Opened,
        files: &[Listed],
        rules: &Rules<'_>,
        follow_renames: bool,
        changes: &mut ChangeSet,
    ) -> Result<Compared, Error> {
        let before = self.old_files()?;
        let mut new = Texts::new();
        let mut compared = Compared::default();
        for (path, file) in files {
            let import_path = join(&self.dependency.path, file);
            let reason = match (rules.ignored(&import_path), self.new.read(file)?) {
                (Some(rule), _) => rule,
                (None, None) => format!("larger than {} MiB", git::LARGEST_FILE >> 20),
                (None, Some(text)) if is_binary(&text) => "binary".to_owned(),
                (None, Some(text)) => {
                    new.insert(file.clone(), text);
                    continue;
                }
            };
            if !before.contains(file) || self.old_text(file)? != self.new.read(file)? {
                changes.filtered.insert(path.clone(), reason);
                compared.left_out += 1;
            }
        }
        let old = self.old_texts(&before, &new, follow_renames)?;
        let at = |dir: &str, file: &str| RepoPath::from(join(dir, file));
        let changed = git::compare(opened, &old, &new, follow_renames)?;
        compared.changed = changed.len();
        for file in changed {
            let Some(text) = new.remove(&file.path) else { continue };
            // What the repository has of it is told of here, and once.
            if let Some(committed) = self.new.committed(&file.path) {
                changes.filtered.remove(&RepoPath::from(committed));
            }
            let before = self.old.as_ref().zip(file.old_path);
            changes.files.push(FileChange {
                path: at(&self.dependency.dir, &file.path),
                old_path: before.map(|((dir, _), file)| at(dir, &file)),
                lines: file.lines,
                text,
            });
        }
        Ok(compared)
    }

    /// The packages of `files` of which the old side's version is not known: nothing imported them, so that they were not vendored.
    pub(super) fn unknown_before(&self, files: &[Listed]) -> usize {
        let Some((_, code)) = self.old.as_ref().filter(|(_, code)| code.is_partial()) else { return 0 };
        let unknown = files.iter().filter(|(_, file)| !code.has_committed(file)).map(|(path, _)| path.dir());
        unknown.collect::<BTreeSet<_>>().len()
    }

    /// Whether both sides ask for the same.
    pub(super) fn is_same_version(&self) -> bool {
        self.dependency.old.as_ref() == Some(&self.dependency.new)
    }

    /// The old side's files, of every package that is known.
    fn old_files(&self) -> Result<BTreeSet<String>, Error> {
        let files = self.old.as_ref().map(|(_, code)| code.all_files()).transpose()?;
        Ok(files.into_iter().flatten().collect())
    }

    /// The old side's version of one of its files; `None` if it is too large.
    fn old_text(&self, file: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.old.as_ref().map(|(_, code)| code.read(file)).transpose()?.flatten())
    }

    /// The old side's versions of the files `new`, and, where one of them may have been renamed, its files that are gone; out of
    /// `before`, all that it has.
    fn old_texts(&self, before: &BTreeSet<String>, new: &Texts, follow_renames: bool) -> Result<Texts, Error> {
        let may_be_renamed = follow_renames && new.keys().any(|file| !before.contains(file));
        let now: BTreeSet<String> =
            if may_be_renamed { self.new.all_files()?.into_iter().collect() } else { BTreeSet::new() };
        // What is not vendored any more need not be gone.
        let was_committed = |file: &str| self.old.as_ref().is_some_and(|(_, code)| code.has_committed(file));
        let is_gone = |file: &String| !now.contains(file) && (was_committed(file) || !self.new.is_partial());
        let mut old = Texts::new();
        for file in before.iter().filter(|file| new.contains_key(*file) || may_be_renamed && is_gone(file)) {
            // One that is too large to read has nothing in common.
            old.insert(file.clone(), self.old_text(file)?.unwrap_or_default());
        }
        Ok(old)
    }
}
