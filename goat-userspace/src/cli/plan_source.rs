//! The plans that `attach` and `run` work from: read from a file or a directory, or made on the spot.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use anyhow::{Context, ensure};

use super::{
    args::{ChangeArgs, PlanSource, ReadingArgs},
    config::Loaded,
    memory, pipeline, plan as plan_command, say,
    settings::Settings,
};
use crate::{
    binary::Identity,
    plan::{self, ProbePlan},
    session,
};

/// What a directory's plans are called.
const EXTENSION: &str = "goatplan";

/// The most plans of a directory: each takes memory, and a directory with more is not one of plans alone.
const MAX_PLANS: usize = 1_000;

/// One plan, or one for each build.
#[derive(Clone, Default)]
pub(super) struct Plans {
    all: Vec<Held>,
}

/// A plan and the file that it is from.
#[derive(Clone)]
struct Held {
    plan: Arc<ProbePlan>,
    path: Option<PathBuf>,
    written: SystemTime,
}

impl Plans {
    /// The plan for the build that says `identity` of itself; the one written last if there are several.
    pub(super) fn for_build(&self, identity: &Identity) -> Option<&Arc<ProbePlan>> {
        let fitting = self.all.iter().filter(|held| session::is_same_build(&held.plan.identity, identity));
        fitting.max_by_key(|held| held.written).map(|held| &held.plan)
    }

    /// The plan, if there is only one.
    pub(super) fn only(&self) -> Option<&Arc<ProbePlan>> {
        if let [held] = &*self.all { Some(&held.plan) } else { None }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    fn at(&self, path: &Path) -> Option<&Held> {
        self.all.iter().find(|held| held.path.as_deref() == Some(path))
    }
}

/// Reads or makes the plans. `target` is the target's own binary, if it is known. A file of a directory that can't be read is
/// said, and goes on to be what it was in `before`.
pub(super) fn obtain(
    source: &PlanSource,
    loaded: &Loaded,
    target: Option<&Path>,
    before: &Plans,
) -> anyhow::Result<Plans> {
    let plans = match (&source.plan, &source.plans) {
        (None, None) => Plans { all: vec![make(source, loaded, target)?] },
        (Some(path), _) => {
            warn_of_what_has_no_effect(source, "--plan");
            Plans { all: vec![read(path)?] }
        }
        (None, Some(dir)) => {
            warn_of_what_has_no_effect(source, "--plans");
            directory(dir, before)?
        }
    };
    for held in plans.all.iter().filter(|held| !before.all.iter().any(|b| b.plan == held.plan)) {
        plan_command::warn(&held.plan);
        if held.plan.sites.is_empty() {
            say::warning("the plan has no site: nothing of the change can be observed in this binary");
        }
    }
    Ok(plans)
}

/// The files that [`obtain`] reads, beside the repository.
pub(super) fn files(source: &PlanSource) -> Vec<PathBuf> {
    match (&source.plan, &source.plans) {
        (Some(path), _) => vec![path.clone()],
        (None, Some(dir)) => list(dir).unwrap_or_default(),
        (None, None) => Vec::new(),
    }
}

fn make(source: &PlanSource, loaded: &Loaded, target: Option<&Path>) -> anyhow::Result<Held> {
    let settings = Settings::merge(&source.change, &loaded.config);
    let help = "cannot make a plan here (--plan reads one that was made elsewhere)";
    let binary =
        source.binary.as_deref().or(target).context("nothing says which binary: give --binary").context(help)?;
    let plan = pipeline::plan(&settings, binary, &source.reading).context(help)?;
    Ok(Held { plan: Arc::new(on_its_own(plan)?), path: None, written: SystemTime::UNIX_EPOCH })
}

/// The same plan in memory of its own: its parts lie scattered over a heap that what it was made from has grown, which can't be
/// given back around them.
fn on_its_own(plan: ProbePlan) -> anyhow::Result<ProbePlan> {
    let bytes = plan::encode(&plan)?;
    drop(plan);
    memory::give_back();
    Ok(plan::decode(&bytes)?)
}

fn read(path: &Path) -> anyhow::Result<Held> {
    let written = fs::metadata(path).and_then(|about| about.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let plan = plan::read(path).with_context(|| format!("cannot read the plan {}", path.display()))?;
    Ok(Held { plan: Arc::new(plan), path: Some(path.into()), written })
}

fn directory(dir: &Path, before: &Plans) -> anyhow::Result<Plans> {
    let paths = list(dir)?;
    ensure!(
        paths.len() <= MAX_PLANS,
        "{} holds {} plans, and at most {MAX_PLANS} are read",
        dir.display(),
        paths.len()
    );
    let mut all = Vec::new();
    for path in paths {
        match (read(&path), before.at(&path)) {
            (Ok(held), Some(earlier)) if held.plan == earlier.plan => all.push(earlier.clone()),
            (Ok(held), _) => all.push(held),
            (Err(error), Some(earlier)) => {
                say::warning(&format!("{}: refused, and the plan that it held goes on: {error:#}", path.display()));
                all.push(earlier.clone());
            }
            (Err(error), None) => say::warning(&format!("{}: left out: {error:#}", path.display())),
        }
    }
    Ok(Plans { all })
}

/// The plan files in `dir`, by name.
fn list(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).with_context(|| format!("cannot list the plans in {}", dir.display()))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|e| e == EXTENSION)).collect();
    paths.sort();
    Ok(paths)
}

fn warn_of_what_has_no_effect(source: &PlanSource, beside: &str) {
    if let ignored @ [_, ..] = &*without_effect(source) {
        say::warning(&format!("{} say how to make a plan: no effect beside {beside}", ignored.join(", ")));
    }
}

/// Options that only making a plan obeys. They may come from the environment, so that they are no error beside a file.
fn without_effect(source: &PlanSource) -> Vec<&'static str> {
    let PlanSource { plan: _, plans: _, binary, reading, change } = source;
    let ReadingArgs { allow_mismatch, debug_file, path_map } = reading;
    let ChangeArgs { repo: _, old, merge_base, new, granularity, diff_precision, deps } = change;
    [
        ("--binary", binary.is_some()),
        ("--allow-mismatch", *allow_mismatch),
        ("--debug-file", debug_file.is_some()),
        ("--path-map", !path_map.is_empty()),
        ("--old", old.is_some()),
        ("--merge-base", *merge_base),
        ("--new", new.is_some()),
        ("--granularity", granularity.is_some()),
        ("--diff-precision", diff_precision.is_some()),
        ("--deps", deps.is_some()),
    ]
    .into_iter()
    .filter_map(|(name, given)| given.then_some(name))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::sample;

    fn plan(build: &str) -> ProbePlan {
        let mut plan = sample::plan();
        plan.identity.go_build_id = Some(build.into());
        plan
    }

    fn of_directory(dir: &Path, before: &Plans) -> Plans {
        let source = PlanSource { plans: Some(dir.into()), ..PlanSource::default() };
        obtain(&source, &Loaded::default(), None, before).unwrap()
    }

    #[test]
    fn each_build_has_its_plan() {
        let dir = tempfile::tempdir().unwrap();
        for build in ["one", "two"] {
            plan::write(&dir.path().join(format!("{build}.goatplan")), &plan(build)).unwrap();
        }
        fs::write(dir.path().join("notes.txt"), "not a plan").unwrap();
        fs::write(dir.path().join("bad.goatplan"), "not a plan").unwrap();
        let plans = of_directory(dir.path(), &Plans::default());
        let check = |build: &str, found: bool| {
            let plan = plans.for_build(&plan(build).identity);
            assert_eq!(plan.map(|p| p.identity.go_build_id.clone()), found.then(|| Some(build.to_owned())));
        };
        check("one", true);
        check("two", true);
        check("three", false);
        assert!(plans.len() == 2 && plans.only().is_none());
    }

    #[test]
    fn a_plan_that_goes_bad_goes_on_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.goatplan");
        plan::write(&path, &plan("one")).unwrap();
        let before = of_directory(dir.path(), &Plans::default());
        let same = of_directory(dir.path(), &before);
        assert!(Arc::ptr_eq(before.only().unwrap(), same.only().unwrap()));
        fs::write(&path, "torn").unwrap();
        let after = of_directory(dir.path(), &before);
        assert!(Arc::ptr_eq(before.only().unwrap(), after.only().unwrap()));
        fs::remove_file(&path).unwrap();
        assert_eq!(of_directory(dir.path(), &after).len(), 0);
    }
}
