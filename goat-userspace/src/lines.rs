//! Source lines: 1-based, as editors, DWARF and git count them, and sets of them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A run of lines, both ends included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct LineRange {
    /// First line of the run.
    pub first: u32,
    /// Last line of the run, never before `first`.
    pub last: u32,
}

impl LineRange {
    /// The run from `first` to `last`; the ends may come in either order.
    pub fn new(first: u32, last: u32) -> Self {
        Self { first: first.min(last), last: first.max(last) }
    }

    /// Whether `line` lies in the run.
    pub fn contains(&self, line: u32) -> bool {
        self.first <= line && line <= self.last
    }
}

/// A set of lines: sorted runs that neither overlap nor touch.
#[derive(Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct LineSet {
    runs: Vec<LineRange>,
}

impl LineSet {
    /// The lines that are not in `other`.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let mut rest = Self::new();
        for line in self.iter().filter(|line| !other.contains(*line)) {
            rest.insert(LineRange::new(line, line));
        }
        rest
    }

    /// The set of no lines.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds every line of `run`.
    pub fn insert(&mut self, run: LineRange) {
        // Runs that overlap or touch the new one are merged into it.
        let from = self.runs.partition_point(|r| r.last.saturating_add(1) < run.first);
        let to = self.runs.partition_point(|r| r.first <= run.last.saturating_add(1));
        let merged = self.runs[from..to]
            .iter()
            .fold(run, |all, r| LineRange { first: all.first.min(r.first), last: all.last.max(r.last) });
        self.runs.splice(from..to, [merged]);
    }

    /// Whether `line` is in the set.
    pub fn contains(&self, line: u32) -> bool {
        let at = self.runs.partition_point(|r| r.last < line);
        self.runs.get(at).is_some_and(|r| r.contains(line))
    }

    /// Whether any line of `run` is in the set.
    pub fn intersects(&self, run: LineRange) -> bool {
        let at = self.runs.partition_point(|r| r.last < run.first);
        self.runs.get(at).is_some_and(|r| r.first <= run.last)
    }

    /// The runs, in order.
    pub fn runs(&self) -> &[LineRange] {
        &self.runs
    }

    /// The lines, in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.runs.iter().flat_map(|r| r.first..=r.last)
    }

    /// How many lines the set holds.
    pub fn len(&self) -> usize {
        self.runs.iter().map(|r| (r.last - r.first) as usize + 1).sum()
    }

    /// Whether the set holds no line.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

impl FromIterator<u32> for LineSet {
    fn from_iter<I: IntoIterator<Item = u32>>(lines: I) -> Self {
        let mut set = Self::new();
        for line in lines {
            set.insert(LineRange::new(line, line));
        }
        set
    }
}

impl fmt::Display for LineSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, run) in self.runs.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            if run.first == run.last {
                write!(f, "{comma}{}", run.first)?;
            } else {
                write!(f, "{comma}{}-{}", run.first, run.last)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for LineSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_as_a_set_of_lines(runs in prop::collection::vec((1u32..60, 0u32..9), 0..12)) {
            let mut set = LineSet::new();
            let mut model = BTreeSet::new();
            for (first, more) in runs {
                set.insert(LineRange::new(first, first + more));
                model.extend(first..=first + more);
            }
            prop_assert_eq!(set.iter().collect::<Vec<_>>(), model.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(set.len(), model.len());
            for line in 0..80 {
                prop_assert_eq!(set.contains(line), model.contains(&line));
            }
            for pair in set.runs().windows(2) {
                prop_assert!(pair[0].last + 1 < pair[1].first);
            }
        }
    }
}
