//! A history's commits and who descends from whom, and the choice of pairs to compare.

use std::{collections::HashMap, path::Path};

use anyhow::{Result, ensure};

use super::git;

/// The farthest that a pair's sides are apart, in steps from a commit to a parent.
const FARTHEST: f64 = 400.0;
/// How far apart the sides of a pair on branches stand in the list of commits.
const BESIDE: u64 = 400;
/// One pair in so many is on diverged branches.
const DIVERGED_ONE_IN: usize = 5;
/// How often a pair is looked for before the history is taken to have none.
const TRIES: usize = 1000;

/// Every commit, children before parents.
pub(super) struct Graph {
    pub(super) ids: Vec<String>,
    parents: Vec<Vec<usize>>,
}

/// Two commits, by their place in the graph.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Pair {
    pub(super) old: usize,
    pub(super) new: usize,
    /// Whether neither is part of the other's history.
    pub(super) diverged: bool,
}

impl Graph {
    /// The commits that the repository's branches and tags lead to.
    pub(super) fn read(repository: &Path) -> Result<Self> {
        let shallow = git::output(repository, &["rev-parse", "--is-shallow-repository"])?;
        ensure!(shallow.trim() == "false", "the clone is shallow: most pairs of commits have no common history in it");
        Ok(Self::parse(&git::output(repository, &["rev-list", "--all", "--topo-order", "--parents"])?))
    }

    /// From lines of a commit and its parents.
    fn parse(list: &str) -> Self {
        let ids: Vec<String> = list.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
        let places: HashMap<&str, usize> = ids.iter().zip(0..).map(|(id, at)| (&**id, at)).collect();
        let parents =
            list.lines().map(|line| line.split(' ').skip(1).filter_map(|id| places.get(id).copied()).collect());
        Self { parents: parents.collect(), ids }
    }

    /// By place: whether the commit is part of `of`'s history, as `of` itself is.
    pub(super) fn history(&self, of: usize) -> Vec<bool> {
        let mut part = vec![false; self.ids.len()];
        part[of] = true;
        for at in of..self.ids.len() {
            if part[at] {
                self.parents[at].iter().for_each(|parent| part[*parent] = true);
            }
        }
        part
    }

    /// `count` different pairs, fewer if there are no more; the same ones for the same `seed`.
    pub(super) fn pairs(&self, count: usize, seed: u64) -> Vec<Pair> {
        let mut random = Random(seed);
        let mut pairs: Vec<Pair> = Vec::new();
        for tries in 0..count.saturating_mul(TRIES) {
            if pairs.len() == count || self.ids.is_empty() {
                break;
            }
            let diverged = pairs.len() % DIVERGED_ONE_IN == DIVERGED_ONE_IN - 1 && tries % TRIES < TRIES / 2;
            let pair = if diverged { self.diverged(&mut random) } else { self.in_line(&mut random) };
            pairs.extend(pair.filter(|pair| !pairs.contains(pair)));
        }
        pairs
    }

    /// A commit and one of its history, near ones as likely as far ones.
    fn in_line(&self, random: &mut Random) -> Option<Pair> {
        let new = random.below(self.ids.len() as u64) as usize;
        let steps = FARTHEST.powf(random.below(1 << 20) as f64 / f64::from(1 << 20)) as usize;
        let mut old = new;
        for _ in 0..steps {
            let parents = &self.parents[old];
            // Mostly along the main line: a walk that takes any parent is soon in the branches of long ago.
            let Some(step) = (if random.below(4) > 0 { parents.first() } else { random.of(parents) }) else { break };
            old = *step;
        }
        (old != new).then_some(Pair { old, new, diverged: false })
    }

    fn diverged(&self, random: &mut Random) -> Option<Pair> {
        let new = random.below(self.ids.len() as u64) as usize;
        let beside = BESIDE.min(self.ids.len() as u64);
        let old = (new as u64 + random.below(2 * beside)).checked_sub(beside)? as usize;
        let (first, last) = (old.min(new), old.max(new));
        if last >= self.ids.len() || first == last || self.history(first)[last] {
            return None;
        }
        let (ours, theirs) = (self.history(old), self.history(new));
        let related = ours.iter().zip(&theirs).any(|(ours, theirs)| *ours && *theirs);
        related.then_some(Pair { old, new, diverged: true })
    }
}

/// Numbers that look random: Sebastiano Vigna's splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    fn of<'a, T>(&mut self, some: &'a [T]) -> Option<&'a T> {
        if some.is_empty() { None } else { some.get(self.below(some.len() as u64) as usize) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// f and e are tips; d merges c and b; a is the root.
    const HISTORY: &str = "f d\ne c\nd c b\nc a\nb a\na";

    #[test]
    fn a_history_is_the_commit_and_all_before_it() {
        let graph = Graph::parse(HISTORY);
        let check = |of: usize, expected: &str| {
            let part = graph.history(of);
            let found: String = graph.ids.iter().zip(part).filter(|(_, part)| *part).map(|(id, _)| &**id).collect();
            assert_eq!(found, expected);
        };
        check(0, "fdcba");
        check(1, "eca");
        check(5, "a");
    }

    #[test]
    fn pairs_are_the_same_for_a_seed_and_say_whether_they_diverge() {
        let graph = Graph::parse(HISTORY);
        let pairs = graph.pairs(12, 7);
        assert_eq!(pairs, graph.pairs(12, 7));
        assert!(pairs.len() > 6 && pairs.iter().any(|pair| pair.diverged), "{pairs:?}");
        for pair in pairs {
            assert_eq!(graph.history(pair.new)[pair.old], !pair.diverged, "{pair:?}");
            assert!(!pair.diverged || !graph.history(pair.old)[pair.new], "{pair:?}");
        }
        assert!(Graph::parse("").pairs(3, 1).is_empty());
    }
}
