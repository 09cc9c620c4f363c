//! `goat merge`: reports and states of several pods, binaries or runs as one report.

use std::{collections::BTreeSet, process::ExitCode};

use anyhow::{Context, ensure};

use super::{
    args::MergeArgs,
    kept::{self, Kept},
    report as report_command, say,
};
use crate::{
    plan::ProbePlan,
    report::{self, Report},
};

pub(super) fn run(args: &MergeArgs) -> anyhow::Result<ExitCode> {
    let given = args.plan.as_deref().map(report_command::read_plan).transpose()?;
    let (mut reports, mut plan): (Vec<Report>, Option<ProbePlan>) = (Vec::new(), None);
    let mut seen = BTreeSet::new();
    for path in &args.inputs {
        ensure!(seen.insert(kept::real(path)), "{} is named twice, and would count twice", path.display());
        if kept::is_kept(path) {
            let all = kept::each(path, given.as_ref()).with_context(|| format!("cannot read {}", path.display()))?;
            for Kept { report, plan: its } in all {
                reports.push(report);
                plan.get_or_insert(its);
            }
        } else {
            reports.push(report_command::read(path)?);
        }
    }
    let merged = report::merge::merge(&reports).context("cannot merge these")?;
    let text = report_command::render(&merged, given.or(plan).as_ref(), &args.shown)?;
    report_command::show(&text, args.shown.output.as_deref())?;
    if args.shown.output.is_some() {
        say::status(&format!("merged {}", counted(reports.len())));
    }
    Ok(ExitCode::SUCCESS)
}

fn counted(reports: usize) -> String {
    if reports == 1 { "1 report".into() } else { format!("{reports} reports") }
}
