//! Precision 1: which lines come from a commit that the old side has not.
//!
//! git's blame, from the new side's commit back to where the old side's history begins: a commit hands the lines of a file
//! to its parents, all of them to the first parent that has the same content, else to each parent in turn those that a
//! comparison with its version leaves unchanged; what no parent takes is the commit's own. A parent without the file may
//! have it under another name.
//!
//! Not libgit2's blame: it stops at the old commit itself and nowhere else (`blame_git.c`, `oldest_commit`), so it goes on into
//! the old side's history on a branch that left it earlier; and it is reported to be slow on long histories (libgit2#3027).

use std::collections::{BTreeMap, HashMap, btree_map::Entry};

use git2::{Oid, Repository, Tree};

use super::{
    super::Progress,
    Error,
    history::{History, Step, tree_of},
    renames,
    repository::read,
    text::{self, Hunk},
    tree::{self, Delta, Kind},
};
use crate::lines::{LineRange, LineSet};

/// Lines of a file of the new side on their way back through the history.
#[derive(Clone, Copy)]
struct Span {
    /// Which of the files.
    file: usize,
    /// The first of the lines, on the new side.
    new_side: u32,
    /// The first of the lines in the version at hand; both count from 0.
    here: u32,
    lines: u32,
}

/// A version of a file, and the lines of which it is asked whose they are.
struct Version {
    id: Oid,
    spans: Vec<Span>,
}

/// Where a parent has a file, and its content there.
type Origin = (Box<[u8]>, Oid);

/// The versions that a commit is asked about, by path.
type Suspects = BTreeMap<Box<[u8]>, Version>;

/// The lines of each of `files`, paths and contents of the new side, that a commit of `history` brought.
pub(super) fn new_lines(
    repository: &Repository,
    history: &History,
    files: &[(&[u8], Oid, &[u8])],
    progress: Progress<'_>,
) -> Result<Vec<LineSet>, Error> {
    let mut asked: HashMap<usize, Suspects> = HashMap::new();
    let suspects =
        files.iter().enumerate().filter(|(_, (.., text))| !text.is_empty()).map(|(file, (path, id, text))| {
            let all = Span { file, new_side: 0, here: 0, lines: text::line_count(text) };
            ((*path).into(), Version { id: *id, spans: vec![all] })
        });
    asked.insert(0, suspects.collect());
    let mut found = vec![LineSet::new(); files.len()];
    let total = history.commits.len();
    for (at, step) in history.commits.iter().enumerate() {
        progress(total + at, 2 * total);
        let Some(mut suspects) = asked.remove(&at) else { continue };
        let mut parents = Parents::of(repository, step)?;
        let mut passed: Vec<Suspects> = step.parents.iter().map(|_| Suspects::new()).collect();
        for path in parents.changed_among(&suspects) {
            let Some(version) = suspects.remove(&path) else { continue };
            for span in parents.pass(&path, version, &mut passed)? {
                found[span.file].insert(LineRange::new(span.new_side + 1, span.new_side + span.lines));
            }
        }
        // The rest is as the first parent has it.
        if let Some(first) = passed.first_mut() {
            add(first, suspects);
        }
        for (parent, suspects) in step.parents.iter().zip(passed) {
            if let Some(at) = history.position(*parent) {
                add(asked.entry(at).or_default(), suspects);
            }
        }
    }
    Ok(found)
}

/// Adds what is asked in `more` to what is asked in `all`.
fn add(all: &mut Suspects, more: Suspects) {
    if all.is_empty() {
        *all = more;
        return;
    }
    for (path, version) in more {
        match all.entry(path) {
            Entry::Vacant(place) => _ = place.insert(version),
            Entry::Occupied(mut known) => known.get_mut().spans.extend(version.spans),
        }
    }
}

/// The parents of a commit, and what each has of its files.
struct Parents<'a> {
    repository: &'a Repository,
    step: &'a Step,
    /// What the commit changed of its first parent.
    changed: HashMap<&'a [u8], &'a Delta>,
    /// The other parents: tree, and what the commit changed of it, once asked for.
    others: Vec<(Tree<'a>, Option<Vec<Delta>>)>,
    known: renames::Known,
}

impl<'a> Parents<'a> {
    fn of(repository: &'a Repository, step: &'a Step) -> Result<Self, Error> {
        let others = step.parents.iter().skip(1).map(|parent| Ok((tree_of(repository, *parent)?, None)));
        Ok(Self {
            repository,
            step,
            changed: step.deltas.iter().map(|delta| (&*delta.path, delta)).collect(),
            others: others.collect::<Result<_, Error>>()?,
            known: renames::Known::default(),
        })
    }

    /// The paths of `suspects` that the commit changed of its first parent.
    fn changed_among(&self, suspects: &Suspects) -> Vec<Box<[u8]>> {
        suspects.keys().filter(|path| self.changed.contains_key(&***path)).cloned().collect()
    }

    /// Hands the lines of one version to the parents that have them, in `passed`; what is left is the commit's own.
    fn pass(&mut self, path: &[u8], version: Version, passed: &mut [Suspects]) -> Result<Vec<Span>, Error> {
        let mut origins: Vec<Option<Origin>> = vec![None; passed.len()];
        for look_for in [Self::same_path, Self::renamed] {
            for parent in 0..passed.len() {
                if origins[parent].is_some() {
                    continue;
                }
                let Some((path, id)) = look_for(self, parent, path)? else { continue };
                if id == version.id {
                    add(&mut passed[parent], Suspects::from([(path, version)]));
                    return Ok(Vec::new());
                }
                origins[parent] = Some((path, id));
            }
        }
        let Version { id, mut spans } = version;
        let Some(text) = read(self.repository, id)? else { return Ok(spans) };
        for (parent, origin) in origins.into_iter().enumerate() {
            let Some((path, id)) = origin else { continue };
            let Some(before) = read(self.repository, id)? else { continue };
            let hunks = text::hunks(&before, &text)?;
            let (unchanged, rest) = cut(&spans, &hunks);
            if !unchanged.is_empty() {
                add(&mut passed[parent], Suspects::from([(path, Version { id, spans: unchanged })]));
            }
            spans = rest;
        }
        Ok(spans)
    }

    fn same_path(&mut self, parent: usize, path: &[u8]) -> Result<Option<Origin>, Error> {
        let there = match parent.checked_sub(1) {
            None => self.changed.get(path).and_then(|delta| delta.old),
            Some(other) => tree::file_at(&self.others[other].0, path)?,
        };
        Ok(there.filter(|entry| entry.kind == Kind::File).map(|entry| (path.into(), entry.id)))
    }

    fn renamed(&mut self, parent: usize, path: &[u8]) -> Result<Option<Origin>, Error> {
        let deltas = match parent.checked_sub(1) {
            None => &self.step.deltas,
            Some(other) => match &mut self.others[other] {
                (_, Some(deltas)) => deltas,
                (tree, deltas) => {
                    let new = tree_of(self.repository, self.step.id)?;
                    deltas.insert(tree::deltas(self.repository, Some(tree), &new)?)
                }
            },
        };
        let found = renames::detect(self.repository, deltas, |delta| *delta.path == *path, &mut self.known)?;
        let gone = found.values().next().map(|gone| &deltas[*gone]);
        Ok(gone.and_then(|gone| Some((gone.path.clone(), gone.old?.id))))
    }
}

/// What of `spans`, lines of a new text, the old text has too, as lines of the old text, and what it has not.
fn cut(spans: &[Span], hunks: &[Hunk]) -> (Vec<Span>, Vec<Span>) {
    let (mut unchanged, mut changed) = (Vec::new(), Vec::new());
    let new_end = |hunk: &Hunk| hunk.new_before + hunk.new_lines;
    for span in spans {
        let part = |from: u32, to: u32| Span {
            new_side: span.new_side + (from - span.here),
            here: from,
            lines: to - from,
            ..*span
        };
        let (mut at, end) = (span.here, span.here + span.lines);
        let mut next = hunks.partition_point(|hunk| new_end(hunk) <= at);
        while at < end {
            let start = hunks.get(next).map_or(end, |hunk| hunk.new_before).min(end);
            if at < start {
                let (old, new) = match next.checked_sub(1).map(|last| &hunks[last]) {
                    Some(last) => (last.old_before + last.old_lines, new_end(last)),
                    None => (0, 0),
                };
                unchanged.push(Span { here: old + (at - new), ..part(at, start) });
                at = start;
            } else {
                let stop = new_end(&hunks[next]).min(end);
                if at < stop {
                    changed.push(part(at, stop));
                }
                at = stop;
                next += 1;
            }
        }
    }
    (unchanged, changed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_line_is_cut_once_and_keeps_its_text(
            old in prop::collection::vec(0u8..4, 0..30),
            new in prop::collection::vec(0u8..4, 0..30),
            from in 0usize..30,
            len in 0usize..30,
        ) {
            let text = |lines: &[u8]| lines.iter().map(|line| format!("line {line}\n")).collect::<String>();
            let hunks = text::hunks(text(&old).as_bytes(), text(&new).as_bytes()).unwrap();
            let from = from.min(new.len());
            let len = len.min(new.len() - from);
            let span = Span { file: 0, new_side: from as u32 + 100, here: from as u32, lines: len as u32 };
            let (unchanged, changed) = cut(&[span], &hunks);
            let mut seen = Vec::new();
            for part in &unchanged {
                for i in 0..part.lines {
                    let line = (part.new_side + i - 100) as usize;
                    seen.push(line);
                    prop_assert_eq!(old[(part.here + i) as usize], new[line]);
                }
            }
            for part in &changed {
                prop_assert_eq!(part.new_side - 100, part.here);
                seen.extend((0..part.lines).map(|i| (part.here + i) as usize));
                prop_assert!(hunks.iter().any(|h| h.new_before <= part.here && part.here < h.new_before + h.new_lines));
            }
            seen.sort_unstable();
            prop_assert_eq!(seen, (from..from + len).collect::<Vec<_>>());
        }
    }
}
