//! What was kept on disk as a report: a state and its plan, or all the states of a directory together.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use super::{say, say::HelpExt};
use crate::{
    plan::{self, ProbePlan},
    report::{self, Carried, Report},
    state::{self, Found, State},
};

/// A report, and the plan that it was counted by.
pub(super) struct Kept {
    pub(super) report: Report,
    pub(super) plan: ProbePlan,
}

/// The state file at `path`, or what all the states in the directory `path` say together. `plan` is for a state without one.
pub(super) fn read(path: &Path, plan: Option<&ProbePlan>) -> anyhow::Result<Kept> {
    let mut all = each(path, plan)?;
    let reports: Vec<Report> = all.iter().map(|kept| kept.report.clone()).collect();
    let report = report::merge::merge(&reports)
        .with_context(|| format!("the states in {} are of several releases", path.display()))
        .help("name one of the files: `ls` shows them, and each has its application in its name")?;
    Ok(Kept { report, plan: all.swap_remove(0).plan })
}

/// Each state of `path`, a file or a directory; at least one.
pub(super) fn each(path: &Path, plan: Option<&ProbePlan>) -> anyhow::Result<Vec<Kept>> {
    if !path.is_dir() {
        let state = state::read(path)?;
        return Ok(vec![kept(path, &state, plan)?]);
    }
    let mut all = Vec::new();
    for Found { path, state } in state::list(path)? {
        match state {
            Ok(state) => all.push(kept(&path, &state, plan)?),
            // One that is damaged does not take the others with it, but is not passed over either.
            Err(error) => say::warning(&format!("left out: {:#}", anyhow::Error::from(error))),
        }
    }
    ensure!(!all.is_empty(), "there is no state in {}", path.display());
    Ok(all)
}

fn kept(path: &Path, state: &State, given: Option<&ProbePlan>) -> anyhow::Result<Kept> {
    let is_it = |plan: &&ProbePlan| plan::digest(plan).is_ok_and(|digest| digest == state.plan);
    let plan = match given.filter(is_it) {
        Some(plan) => plan.clone(),
        None => state::plan_of(path, state)?,
    };
    ensure!(
        plan.sites.len() == state.counts.slots.len(),
        "{} has {} sites, and its plan {}",
        path.display(),
        state.counts.slots.len(),
        plan.sites.len()
    );
    let mut report = report::new(&plan, &state.counts, state.data_type);
    report.add(&carried(&state.carried));
    Ok(Kept { report, plan })
}

/// What other plans have counted, in the report's terms.
pub(super) fn carried(carried: &[state::Carried]) -> Vec<Carried> {
    carried.iter().map(|c| Carried { id: c.point, count: c.count, first_hit: c.first_hit }).collect()
}

/// Whether `path` is a state, or a directory of states: the rest is taken for a report.
pub(super) fn is_kept(path: &Path) -> bool {
    let is_state = || {
        use std::io::Read;
        let mut start = [0; 8];
        std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == *b"GOATSTAT"
    };
    path.is_dir() || path.extension().is_some_and(|e| e == "goatstate") || is_state()
}

/// `path`, for telling whether two are one.
pub(super) fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.into())
}
