//! What `goat report` and `goat verify` read from, and how they are asked.

use std::{path::PathBuf, time::Duration};

use clap::{Args, builder::PossibleValuesParser, builder::TypedValueParser};

use super::{Format as Shown, TrustArgs};
use crate::{
    cli::{client, duration},
    report::{Format, Gate, Limit, Percent},
};

/// Show a report in the format of another tool
///
/// Reads the report from a running goat, from a file that `goat attach` or `goat run` wrote with --report, or from a state
/// that goat has kept. A running goat knows its plan, and a state has it beside it. A report file has not: html and
/// cover-profile need --plan beside it; markdown and sarif show the lines of source only with it.
///
/// Example: goat report --format markdown -o comment.md
#[derive(Args, Debug)]
pub(in crate::cli) struct ReportArgs {
    #[command(flatten)]
    pub(in crate::cli) source: ReportSource,

    /// A report file, as with --report
    #[arg(value_name = "FILE", conflicts_with_all = ["report", "url", "state"])]
    pub(in crate::cli) file: Option<PathBuf>,

    /// The plan that the report was counted by
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) plan: Option<PathBuf>,

    #[command(flatten)]
    pub(in crate::cli) shown: ShownArgs,
}

/// How a report is shown, and where.
#[derive(Args, Debug)]
pub(in crate::cli) struct ShownArgs {
    /// How it is shown [default: json for an output file *.json, else text]
    #[arg(long, value_name = "FORMAT", value_parser = format_parser())]
    format: Option<Format>,

    /// Show only these components: names or numbers, separated by commas [default: the binary's own; for json, all]
    #[arg(long, value_name = "LIST", default_value = "", hide_default_value = true)]
    pub(in crate::cli) component: String,

    /// Write to this file instead of stdout; it is replaced as a whole
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: Option<PathBuf>,
}

impl ShownArgs {
    /// How it is shown.
    pub(in crate::cli) fn format(&self) -> Format {
        let is_json = |path: &PathBuf| path.extension().is_some_and(|e| e == "json");
        let by_default = if self.output.as_ref().is_some_and(is_json) { Format::Json } else { Format::Text };
        self.format.unwrap_or(by_default)
    }
}

/// Merge the reports or states of several pods, binaries or runs into one report
///
/// Each input is a report file, a state file (*.goatstate), or a directory of states, as `goat attach --state DIR` keeps
/// them; all are of one version. A point is covered if any has it covered; counts add up; the first hit is the earliest.
/// What one binary can't observe stays unobservable unless another has it covered.
///
/// Example: goat merge -o all.json pod-1.json pod-2.json pod-3/
#[derive(Args, Debug)]
pub(in crate::cli) struct MergeArgs {
    /// Report files, state files, or directories of states
    #[arg(value_name = "FILE|DIR", required = true)]
    pub(in crate::cli) inputs: Vec<PathBuf>,

    /// The plan that they were counted by; states have it beside them
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) plan: Option<PathBuf>,

    #[command(flatten)]
    pub(in crate::cli) shown: ShownArgs,
}

/// Wait until enough of a change has run, and say so by the exit status
///
/// Asks a running goat again and again until the limits hold or the time is over; a report file or a state is judged once. What
/// can't be observed never counts as covered: it is named, and --max-unobservable limits it.
///
/// Exit status: 0 the limits hold; 1 they do not; 2 not a command line, or no such component; 3 no one can tell, since
/// goat can't be reached or the change has no points.
///
/// Example: goat verify --min-coverage 80 --timeout 10m
#[derive(Args, Debug)]
pub(in crate::cli) struct VerifyArgs {
    #[command(flatten)]
    pub(in crate::cli) source: ReportSource,

    #[command(flatten)]
    pub(in crate::cli) gate: GateArgs,

    /// How long to wait: 90s, 10m, 1h30m; 0 asks once
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration::parse, env = "GOAT_VERIFY_TIMEOUT")]
    pub(in crate::cli) timeout: Duration,

    /// Judge these components: names or numbers, separated by commas [default: the binary's own]
    #[arg(long, value_name = "LIST", default_value = "", hide_default_value = true)]
    pub(in crate::cli) component: String,

    /// How the verdict is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(in crate::cli) format: Shown,
}

/// Where a report comes from.
#[derive(Args, Debug)]
pub(in crate::cli) struct ReportSource {
    /// A running goat
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:57005", value_parser = client::base, conflicts_with_all = ["report", "state"])]
    pub(in crate::cli) url: String,

    #[command(flatten)]
    pub(in crate::cli) trust: TrustArgs,

    /// A report file
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) report: Option<PathBuf>,

    /// A state that goat has kept, or a directory of states, which are merged
    #[arg(long, value_name = "FILE|DIR", conflicts_with = "report")]
    pub(in crate::cli) state: Option<PathBuf>,
}

/// What the gate asks.
#[derive(Args, Debug)]
#[command(next_help_heading = "Limits")]
pub(in crate::cli) struct GateArgs {
    /// The least share of the points that must have run, in percent
    #[arg(long, value_name = "PERCENT", default_value = "100", value_parser = percent, env = "GOAT_MIN_COVERAGE")]
    min_coverage: Percent,

    /// The least number of points to decide on
    #[arg(long, value_name = "N", default_value_t = 1)]
    min_points: usize,

    /// The most points that can't be observed: a number, or a percentage of all points [default: any]
    #[arg(long, value_name = "N|P%", value_parser = limit)]
    max_unobservable: Option<Limit>,

    /// Pass a change with nothing to observe
    #[arg(long)]
    allow_empty: bool,
}

impl GateArgs {
    /// In the report's terms.
    pub(in crate::cli) fn gate(&self) -> Gate {
        let &Self { min_coverage, min_points, max_unobservable, allow_empty } = self;
        Gate { min_coverage, min_points, max_unobservable, allow_empty }
    }
}

fn format_parser() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.map(Format::as_str))
        .try_map(|word| Format::from_word(&word).ok_or("not a format"))
}

fn percent(text: &str) -> Result<Percent, String> {
    Percent::parse(text).ok_or_else(|| "use a percentage from 0 to 100, such as 80 or 99.5".into())
}

fn limit(text: &str) -> Result<Limit, String> {
    Limit::parse(text).ok_or_else(|| "use a number of points or a percentage, such as 3 or 5%".into())
}
