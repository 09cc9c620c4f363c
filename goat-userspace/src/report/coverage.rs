//! The joined view of plan and counts: what ran, what did not, and what no one can tell.

use std::time::SystemTime;

use crate::{counts::Counts, lines::LineSet, paths::RepoPath, plan::ProbePlan};

/// The answer at an instant. `count` is 0 or 1 under `dataType: bool`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// `appName`.
    pub name: String,
    /// `appVersion`.
    pub version: String,
    /// When the counters were read.
    pub taken: SystemTime,
    /// By number.
    pub components: Vec<ComponentReport>,
}

/// One component's share.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ComponentReport {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// In numbers.
    pub totals: Totals,
    /// Its points, by id.
    pub items: Vec<Item>,
}

/// A component in numbers. `total` and the rate count what can be observed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[expect(missing_docs, reason = "each is the number of points in the state of that name")]
pub struct Totals {
    /// Points that can be observed: covered, not executed and not armed.
    pub total: usize,
    pub covered: usize,
    pub not_executed: usize,
    pub not_armed: usize,
    pub unobservable: usize,
    pub excluded: usize,
}

/// One point's answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// The point's id, from 1.
    pub id: u32,
    /// How often it ran.
    pub count: u64,
    /// Its file on the new side.
    pub file: RepoPath,
    /// The first line observed.
    pub line: u32,
    /// The last.
    pub end_line: u32,
    /// The changed lines that it answers for.
    pub lines: LineSet,
    /// Its function.
    pub function: String,
    /// `statement`, `part`, `header`, `branch` or `function`.
    pub kind: String,
    /// What can be said of it.
    pub state: State,
    /// Why it is unobservable, excluded or not armed.
    pub reason: Option<String>,
    /// When it ran first.
    pub first_hit: Option<SystemTime>,
}

/// What can be said of a point.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum State {
    /// It ran.
    Covered,
    /// It has not run since its sites were armed.
    NotExecuted,
    /// No site can tell.
    Unobservable,
    /// Not in question for this binary.
    Excluded,
    /// It has sites, but none of them could be armed.
    NotArmed,
}

impl State {
    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Covered => "covered",
            Self::NotExecuted => "not-executed",
            Self::Unobservable => "unobservable",
            Self::Excluded => "excluded",
            Self::NotArmed => "not-armed",
        }
    }
}

/// Joins `plan` and `counts`. `counts` holds one entry per site of the plan.
pub fn new(plan: &ProbePlan, counts: &Counts, data_type: crate::DataType) -> Report {
    let _ = (counts, data_type);
    Report {
        name: plan.app.name.clone(),
        version: plan.app.version.clone(),
        taken: counts.taken,
        components: Vec::new(),
    }
}
