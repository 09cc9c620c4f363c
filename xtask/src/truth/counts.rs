//! How often, not only whether: at func granularity goat's count of a function's calls is the count of its first block.

use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use super::{
    Case,
    goat::{self, Answer, Point},
    place::FirstLines,
    toolchain,
};

/// A function that is entered more often says nothing new and takes long to count.
const HOT: u64 = 10_000;

/// Functions and their counts.
#[derive(Default, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Counts {
    /// Functions whose calls both count, and which are not hot.
    pub(super) functions: usize,
    /// Of these, those with the same count.
    pub(super) equal: usize,
    /// Those that goat says ran at least so often.
    pub(super) at_least: usize,
    /// Of these, those with the same count.
    pub(super) at_least_equal: usize,
    /// Functions that goat counted more often than they were called.
    pub(super) too_high: usize,
    /// Functions that are entered more than [`HOT`] times.
    pub(super) hot: usize,
    /// Functions that the oracle's runs counted differently.
    pub(super) unsteady: usize,
    /// `file:line function: oracle 3, goat 2`.
    pub(super) different: Vec<String>,
}

impl Counts {
    /// Adds another program's.
    pub(super) fn add(&mut self, other: &Self) {
        self.functions += other.functions;
        self.equal += other.equal;
        self.at_least += other.at_least;
        self.at_least_equal += other.at_least_equal;
        self.too_high += other.too_high;
        self.hot += other.hot;
        self.unsteady += other.unsteady;
        self.different.extend_from_slice(&other.different);
    }
}

/// Counts the program's calls and compares.
pub(super) fn compare(case: &Case<'_>, dir: &Path) -> Result<Counts> {
    let Case { sources, oracle, .. } = case;
    let plan = goat::plan(case.goat, case.tree, case.binary, "func", dir)?;
    let first = FirstLines::of(&plan.points);
    let expected = |point: &Point| -> Option<Vec<u64>> {
        let block = |run| sources.block(oracle.marks, &first, run, point).map(|block| block.count);
        oracle.runs.iter().map(block).collect()
    };
    let in_question = |p: &&Point| !p.is_excluded() && !sources.lines(&p.file).is_empty();
    let mut counts = Counts::default();
    let mut hot = String::new();
    for point in &plan.points {
        if expected(point).is_some_and(|counts| counts.iter().any(|count| *count > HOT)) {
            counts.hot += 1;
            hot += &format!("{}\n", point.id);
        }
    }
    let path = dir.join("cool.goatplan");
    toolchain::example("leave_out", &[plan.path.as_path(), &path], &hot)?;

    let mut answer = Answer::default();
    for drive in &case.program.drives {
        answer.add(goat::observe(case.goat, &path, case.binary, drive, "count")?.0);
    }
    for point in plan.points.iter().filter(in_question) {
        let (Some(counted), Some(expected)) = (answer.counts.get(&point.id).copied(), expected(point)) else {
            continue;
        };
        match expected[..] {
            [count, ..] if expected.iter().any(|other| *other != count) => counts.unsteady += 1,
            [count, ..] => {
                counts.functions += 1;
                let (same, at_least) = (count == counted, answer.at_least.contains(&point.id));
                counts.equal += usize::from(same);
                counts.at_least += usize::from(at_least);
                counts.at_least_equal += usize::from(at_least && same);
                counts.too_high += usize::from(counted > count);
                if !same {
                    counts.different.push(difference(point, count, counted, at_least));
                }
            }
            [] => {}
        }
    }
    Ok(counts)
}

fn difference(point: &Point, expected: u64, counted: u64, at_least: bool) -> String {
    let said = if at_least { "at least " } else { "" };
    format!("{}:{} {}: oracle {expected}, goat {said}{counted}", point.file, point.line, point.function)
}

impl Counts {
    /// The functions whose counts goat gives as exact, and those of them with the same count.
    pub(super) fn exact(&self) -> (usize, usize) {
        (self.functions - self.at_least, self.equal - self.at_least_equal)
    }
}
