//! The plan that `attach` and `run` work from: read from a file, or made on the spot.

use std::path::Path;

use anyhow::Context;

use super::{
    args::{ChangeArgs, PlanSource, ReadingArgs},
    config::Loaded,
    pipeline, plan as plan_command, say,
    settings::Settings,
};
use crate::plan::{self, ProbePlan};

/// Reads or makes the plan. `target` is the target's own binary.
pub(super) fn obtain(source: &PlanSource, loaded: &Loaded, target: &Path) -> anyhow::Result<ProbePlan> {
    let plan = match &source.plan {
        Some(path) => {
            if let ignored @ [_, ..] = &*without_effect(source) {
                say::warning(&format!("{} say how to make a plan: no effect beside --plan", ignored.join(", ")));
            }
            plan::read(path).with_context(|| format!("cannot read the plan {}", path.display()))?
        }
        None => {
            let binary = source.binary.as_deref().unwrap_or(target);
            let settings = Settings::merge(&source.change, &loaded.config);
            pipeline::plan(&settings, binary, &source.reading)
                .context("cannot make a plan here (--plan reads one that was made elsewhere)")?
        }
    };
    plan_command::warn(&plan);
    if plan.sites.is_empty() {
        say::warning("the plan has no site: nothing of the change can be observed in this binary");
    }
    Ok(plan)
}

/// Options that only making a plan obeys. They may come from the environment, so that they are no error beside a file.
fn without_effect(source: &PlanSource) -> Vec<&'static str> {
    let PlanSource { plan: _, binary, reading: ReadingArgs { allow_mismatch, debug_file, path_map }, change } = source;
    let ChangeArgs { repo: _, old, merge_base, new, granularity, diff_precision } = change;
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
    ]
    .into_iter()
    .filter_map(|(name, given)| given.then_some(name))
    .collect()
}
