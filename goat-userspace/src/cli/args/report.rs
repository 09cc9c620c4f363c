//! What `goat report` and `goat verify` read from, and how they are asked.

use std::{path::PathBuf, time::Duration};

use clap::{Args, builder::PossibleValuesParser, builder::TypedValueParser};

use super::Format as Shown;
use crate::{
    cli::{client, duration},
    report::{Format, Gate, Limit, Percent},
};

/// Show a report in the format of another tool
///
/// Reads the report from a running goat, or from a file that `goat attach` or `goat run` wrote with --report. A running
/// goat knows its plan. A file does not: html and cover-profile need --plan beside it; markdown and sarif show the lines
/// of source only with it.
///
/// Example: goat report --format markdown -o comment.md
#[derive(Args, Debug)]
pub(in crate::cli) struct ReportArgs {
    #[command(flatten)]
    pub(in crate::cli) source: ReportSource,

    /// A report file, as with --report
    #[arg(value_name = "FILE", conflicts_with_all = ["report", "url"])]
    pub(in crate::cli) file: Option<PathBuf>,

    /// The plan that the report was counted by
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) plan: Option<PathBuf>,

    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = format_parser())]
    pub(in crate::cli) format: Format,

    /// Show only these components: names or numbers, separated by commas [default: the binary's own; for json, all]
    #[arg(long, value_name = "LIST", default_value = "", hide_default_value = true)]
    pub(in crate::cli) component: String,

    /// Write to this file instead of stdout; it is replaced as a whole
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: Option<PathBuf>,
}

/// Wait until enough of a change has run, and say so by the exit status
///
/// Asks a running goat again and again until the limits hold or the time is over; a report file is judged once. What
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
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:57005", value_parser = client::base, conflicts_with = "report")]
    pub(in crate::cli) url: String,

    /// A report file
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) report: Option<PathBuf>,
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
