//! Which of a comparison's new files were somewhere else before: the pairs that `git diff -M` finds.
//!
//! git's order: files with the same content first; then a file name that is unique among the gone and among the new
//! files, if the two are much alike; then every new file with every gone one, the most alike first. libgit2 has another order
//! and another measure, and which lines count as changed hangs on the pairs.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

use git2::{Oid, Repository};

use super::{
    super::similarity::{Pieces, SAME},
    Error,
    repository::{git, read},
    tree::{Delta, Entry, Kind},
};

/// What two files must have in common to be one, out of [`SAME`]: git's default.
const ALIKE: usize = SAME / 2;
/// What two files with the same name must have in common, where no other file has that name.
const ALIKE_WITH_UNIQUE_NAME: usize = ALIKE + (SAME - ALIKE) / 2;
/// New and gone files are compared one with each other up to the square of this number (`diff.renameLimit`).
const LIMIT: usize = 1000;
/// How many gone files git keeps in mind for a new one, the likest.
const CANDIDATES: usize = 4;

/// Files that were read before; `None` for one that is too large.
pub(super) type Known = HashMap<Oid, Option<Pieces>>;

/// For the new files among `deltas` that `wanted` names, by index: the index of the gone file that each was before.
pub(super) fn detect(
    repository: &Repository,
    deltas: &[Delta],
    wanted: impl Fn(&Delta) -> bool,
    known: &mut Known,
) -> Result<HashMap<usize, usize>, Error> {
    let empty = Oid::hash_object(git2::ObjectType::Blob, b"").map_err(git("hash"))?;
    let file = |entry: Option<Entry>| entry.filter(|entry| entry.id != empty && entry.kind != Kind::Submodule);
    let mut search = Search {
        repository,
        deltas,
        gone: (0..deltas.len()).filter(|i| deltas[*i].new.is_none() && file(deltas[*i].old).is_some()).collect(),
        new: (0..deltas.len())
            .filter(|i| deltas[*i].old.is_none() && !deltas[*i].kind_changed && file(deltas[*i].new).is_some())
            .filter(|i| wanted(&deltas[*i]))
            .collect(),
        found: HashMap::new(),
        known,
    };
    if !search.gone.is_empty() && !search.new.is_empty() {
        search.by_content();
        search.by_unique_name()?;
        if search.new.len() * search.gone.len() <= LIMIT * LIMIT {
            search.by_likeness()?;
        }
    }
    Ok(search.found)
}

/// A search under way: what is not paired yet, by index into `deltas`, and the pairs.
struct Search<'a> {
    repository: &'a Repository,
    deltas: &'a [Delta],
    gone: Vec<usize>,
    new: Vec<usize>,
    found: HashMap<usize, usize>,
    known: &'a mut Known,
}

impl<'a> Search<'a> {
    fn by_content(&mut self) {
        let mut gone_by_content: HashMap<Option<Entry>, Vec<usize>> = HashMap::new();
        for gone in &self.gone {
            gone_by_content.entry(self.deltas[*gone].old).or_default().push(*gone);
        }
        for new in self.new.clone() {
            let Some(same) = gone_by_content.get_mut(&self.deltas[new].new) else { continue };
            let at = same.iter().position(|gone| self.same_name(*gone, new)).unwrap_or(0);
            self.found.insert(new, same.remove(at));
            if same.is_empty() {
                gone_by_content.remove(&self.deltas[new].new);
            }
        }
        self.forget_pairs();
    }

    fn by_unique_name(&mut self) -> Result<(), Error> {
        let (gone, new) = (self.unique_names(&self.gone), self.unique_names(&self.new));
        for (name, gone) in gone {
            if let Some(new) = new.get(name)
                && self.score(gone, *new)? >= ALIKE_WITH_UNIQUE_NAME
            {
                self.found.insert(*new, gone);
            }
        }
        self.forget_pairs();
        Ok(())
    }

    fn by_likeness(&mut self) -> Result<(), Error> {
        let mut candidates = Vec::new();
        for new in self.new.clone() {
            // git puts a better candidate in the place of the worst one. Only so do equally good ones come in its order.
            let mut likest = Vec::with_capacity(CANDIDATES);
            for gone in self.gone.clone() {
                let candidate =
                    Candidate { score: self.score(gone, new)?, same_name: self.same_name(gone, new), new, gone };
                if likest.len() < CANDIDATES {
                    likest.push(candidate);
                } else if let Some(worst) = likest.iter_mut().min_by_key(|candidate| candidate.rank())
                    && worst.rank() < candidate.rank()
                {
                    *worst = candidate;
                }
            }
            candidates.append(&mut likest);
        }
        candidates.retain(|candidate| candidate.score >= ALIKE);
        candidates.sort_by_key(|candidate| Reverse(candidate.rank()));
        let mut taken = HashSet::new();
        for Candidate { new, gone, .. } in candidates {
            if !self.found.contains_key(&new) && taken.insert(gone) {
                self.found.insert(new, gone);
            }
        }
        Ok(())
    }

    /// How much two files have in common; 0 where their lengths alone tell that it is not enough.
    fn score(&mut self, gone: usize, new: usize) -> Result<usize, Error> {
        let (Some(gone), Some(new)) = (self.deltas[gone].old, self.deltas[new].new) else { return Ok(0) };
        if gone.kind != Kind::File || new.kind != Kind::File {
            return Ok(0);
        }
        for id in [gone.id, new.id] {
            if !self.known.contains_key(&id) {
                let pieces = read(self.repository, id)?.as_deref().map(Pieces::of);
                self.known.insert(id, pieces);
            }
        }
        let (Some(gone), Some(new)) = (&self.known[&gone.id], &self.known[&new.id]) else { return Ok(0) };
        let (short, long) = (gone.bytes().min(new.bytes()), gone.bytes().max(new.bytes()));
        // What the longer one has more can't be common.
        Ok(if long * (SAME - ALIKE) < (long - short) * SAME { 0 } else { gone.score(new) })
    }

    fn forget_pairs(&mut self) {
        let taken: HashSet<_> = self.found.values().copied().collect();
        self.new.retain(|new| !self.found.contains_key(new));
        self.gone.retain(|gone| !taken.contains(gone));
    }

    fn unique_names(&self, of: &[usize]) -> HashMap<&'a [u8], usize> {
        let deltas = self.deltas;
        let mut by_name: HashMap<&[u8], Vec<usize>> = HashMap::new();
        for index in of {
            by_name.entry(name(&deltas[*index].path)).or_default().push(*index);
        }
        by_name.into_iter().filter_map(|(name, of)| Some((name, *of.first().filter(|_| of.len() == 1)?))).collect()
    }

    fn same_name(&self, gone: usize, new: usize) -> bool {
        name(&self.deltas[gone].path) == name(&self.deltas[new].path)
    }
}

/// A gone file that a new one may have been.
struct Candidate {
    score: usize,
    same_name: bool,
    new: usize,
    gone: usize,
}

impl Candidate {
    fn rank(&self) -> (usize, bool) {
        (self.score, self.same_name)
    }
}

fn name(path: &[u8]) -> &[u8] {
    path.rsplit(|c| *c == b'/').next().unwrap_or(path)
}
