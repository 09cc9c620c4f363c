//! `goat plan`: from the repository and the binary to a plan file, without privileges and without a kernel.

use std::process::ExitCode;

use anyhow::Context;

use super::{
    args::{Format, PlanArgs},
    config::Loaded,
    pipeline, say,
    settings::Settings,
};
use crate::plan::{self, ProbePlan};

pub(super) fn run(args: &PlanArgs, loaded: &Loaded) -> anyhow::Result<ExitCode> {
    let settings = Settings::merge(&args.change, &loaded.config);
    let plan = pipeline::plan(&settings, &args.binary, &args.reading)?;
    warn(&plan);
    if let Some(output) = &args.output {
        plan::write(output, &plan).with_context(|| format!("cannot write {}", output.display()))?;
    }
    show(&plan, args.format)?;
    if let Some(output) = &args.output {
        say::status(&format!("wrote {}", output.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// What its user should know before trusting the plan.
pub(super) fn warn(plan: &ProbePlan) {
    for warning in &plan.warnings {
        say::warning(warning);
    }
}

pub(super) fn show(plan: &ProbePlan, format: Format) -> anyhow::Result<()> {
    say::print(&match format {
        Format::Text => plan::text(plan, say::stdout_style()),
        Format::Json => plan::json(plan),
    })
}
