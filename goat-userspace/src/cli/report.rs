//! `goat report`: what a running goat, a report file or a kept state says, in the format of another tool.

use std::{fs, path::Path, process::ExitCode, time::Instant};

use anyhow::Context;

use super::{
    args::{ReportArgs, ShownArgs},
    client::{Client, PATIENCE},
    kept::{self, Kept},
    report_file, say,
    say::HelpExt,
};
use crate::{
    plan::{self, ProbePlan},
    report::{self, FormatError, Report},
    style::Style,
};

/// A report of more bytes is not read: ten times what a change of 200 000 points takes.
const MAX_REPORT: u64 = 640 << 20;

pub(super) fn run(args: &ReportArgs) -> anyhow::Result<ExitCode> {
    let text = text(args)?;
    show(&text, args.shown.output.as_deref())?;
    Ok(ExitCode::SUCCESS)
}

/// Writes `text` to `output`, or prints it.
pub(super) fn show(text: &str, output: Option<&Path>) -> anyhow::Result<()> {
    match output {
        Some(path) => {
            report_file::replace(path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
            say::status(&format!("wrote {}", path.display()));
        }
        None => say::print(text)?,
    }
    Ok(())
}

fn text(args: &ReportArgs) -> anyhow::Result<String> {
    let plan = args.plan.as_deref().map(read_plan).transpose()?;
    if let Some(path) = &args.source.state {
        let Kept { report, plan } = kept::read(path, plan.as_ref())?;
        return render(&report, Some(&plan), &args.shown);
    }
    if let Some(file) = args.file.as_ref().or(args.source.report.as_ref()) {
        return render(&read(file)?, plan.as_ref(), &args.shown);
    }
    let client = Client::new(&args.source.url, &args.source.trust)?;
    let deadline = Instant::now() + PATIENCE;
    let format = args.shown.format();
    match plan {
        // The running goat has the plan.
        None if format.uses_plan() => {
            client.get("/report", &[("format", format.as_str()), ("component", &args.shown.component)], deadline)
        }
        plan => render(&client.report(deadline)?, plan.as_ref(), &args.shown),
    }
}

/// `report` as asked for; `plan` is the one that it was counted by, if there is one.
pub(super) fn render(report: &Report, plan: Option<&ProbePlan>, shown: &ShownArgs) -> anyhow::Result<String> {
    let style = if shown.output.is_some() { Style::PLAIN } else { say::stdout_style() };
    let fits = |plan: &ProbePlan| plan.app.name == report.name && plan.app.version == report.version;
    if let Some(plan) = plan.filter(|plan| !fits(plan)) {
        let (ours, theirs) = ((&report.name, &report.version), (&plan.app.name, &plan.app.version));
        anyhow::bail!("the report is of {} {}, and the plan of {} {}", ours.0, ours.1, theirs.0, theirs.1);
    }
    let help = "give it with --plan FILE, or ask the running goat, which has it, with --url";
    match shown.format().render(report, &shown.component, plan, style) {
        Err(error @ FormatError::NoPlan(_)) => Err(error).help(help),
        rendered => Ok(rendered?),
    }
}

/// Reads a plan that was named.
pub(super) fn read_plan(path: &Path) -> anyhow::Result<ProbePlan> {
    plan::read(path).with_context(|| format!("cannot read the plan {}", path.display()))
}

/// Reads a report that `--report` wrote.
pub(super) fn read(path: &Path) -> anyhow::Result<Report> {
    let read = || -> anyhow::Result<Report> {
        let len = fs::metadata(path)?.len();
        anyhow::ensure!(len <= MAX_REPORT, "it has {len} bytes, and goat reads no more than {MAX_REPORT}");
        Ok(report::read::report(&fs::read_to_string(path)?)?)
    };
    read().with_context(|| format!("cannot read the report {}", path.display()))
}
