//! The commits between two: what each changed, and from whom it has the rest.

use std::collections::{BTreeSet, HashMap};

use git2::{Oid, Repository, Sort, Tree};

use super::{
    super::Progress,
    Error,
    repository::git,
    tree::{self, Delta},
};

/// The commits that the new side has and the old one has not, each before its parents.
pub(super) struct History {
    pub(super) commits: Vec<Step>,
    by_id: HashMap<Oid, usize>,
}

/// One commit of a history.
pub(super) struct Step {
    pub(super) id: Oid,
    pub(super) parents: Vec<Oid>,
    /// What it changed of its first parent, or of nothing if it has none.
    pub(super) deltas: Vec<Delta>,
}

impl History {
    /// Reads the commits that `new` has and `old` has not; half of what there is to do with them, for `progress`.
    pub(super) fn read(repository: &Repository, old: Oid, new: Oid, progress: Progress<'_>) -> Result<Self, Error> {
        let failed = git("walk the history");
        let mut walk = repository.revwalk().map_err(&failed)?;
        walk.set_sorting(Sort::TOPOLOGICAL).map_err(&failed)?;
        walk.push(new).map_err(&failed)?;
        walk.hide(old).map_err(&failed)?;
        let ids: Vec<Oid> = walk.collect::<Result<_, _>>().map_err(&failed)?;
        let mut commits = Vec::with_capacity(ids.len());
        for id in &ids {
            progress(commits.len(), 2 * ids.len());
            let commit = repository.find_commit(*id).map_err(&failed)?;
            let parents: Vec<_> = commit.parent_ids().collect();
            let before = parents.first().map(|parent| tree_of(repository, *parent)).transpose()?;
            let deltas = tree::deltas(repository, before.as_ref(), &commit.tree().map_err(&failed)?)?;
            commits.push(Step { id: commit.id(), parents, deltas });
        }
        let by_id = commits.iter().enumerate().map(|(at, step)| (step.id, at)).collect();
        Ok(Self { commits, by_id })
    }

    /// Where in the history the commit stands; `None` if the old side has it too.
    pub(super) fn position(&self, commit: Oid) -> Option<usize> {
        self.by_id.get(&commit).copied()
    }

    /// Every path that a commit changed. Any other has its content from the old side: the commits' first parents lead
    /// there, and no step changes it.
    pub(super) fn touched(&self) -> BTreeSet<&[u8]> {
        let deltas = self.commits.iter().flat_map(|step| &step.deltas);
        deltas.filter(|delta| delta.new.is_some()).map(|delta| &*delta.path).collect()
    }
}

/// The tree of a commit.
pub(super) fn tree_of(repository: &Repository, commit: Oid) -> Result<Tree<'_>, Error> {
    repository.find_commit(commit).and_then(|commit| commit.tree()).map_err(git("read a commit"))
}
