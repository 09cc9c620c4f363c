//! `goat verify`: waits until enough of a change has run, and says so by its exit status.

use std::{
    fmt::Write,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use super::{
    args::{Format, VerifyArgs},
    client::Client,
    kept, report, say,
    waiting::Waiting,
};
use crate::{
    report::{Decision, Item, Points, Report, UnknownComponent, Verdict, verdict_json},
    style::{Style, Tone, printable},
};

/// How often a running goat is asked.
const INTERVAL: Duration = Duration::from_secs(1);

/// Not a command line, as clap has it.
const USAGE: u8 = 2;

/// No one can tell.
const UNDECIDED: u8 = 3;

pub(super) fn run(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let report = match (&args.source.report, &args.source.state) {
        (Some(path), _) => report::read(path),
        (None, Some(path)) => kept::read(path, None).map(|kept| kept.report),
        (None, None) => wait(args),
    };
    let report = match report {
        Ok(report) => report,
        Err(error) => {
            say::error(&error);
            return Ok(ExitCode::from(UNDECIDED));
        }
    };
    match report.points(&args.component) {
        Ok(points) => {
            let verdict = args.gate.gate().judge(&points);
            say::print(&match args.format {
                Format::Text => text(&points, &verdict, say::stdout_style()),
                Format::Json => verdict_json::render(&verdict),
            })?;
            Ok(ExitCode::from(status(verdict.decision)))
        }
        Err(unknown) => Ok(usage(unknown)),
    }
}

fn usage(unknown: UnknownComponent) -> ExitCode {
    say::error(&unknown.into());
    ExitCode::from(USAGE)
}

fn status(decision: Decision) -> u8 {
    match decision {
        Decision::Pass => 0,
        Decision::Below => 1,
        Decision::Undecided => UNDECIDED,
    }
}

/// The report that decides: the first that passes or that time can't change, else the last before the deadline. An error if goat
/// does not answer at the deadline: what it said before may no longer hold.
fn wait(args: &VerifyArgs) -> anyhow::Result<Report> {
    let client = Client::new(&args.source.url, &args.source.trust)?;
    let begin = Instant::now();
    // A time beyond what the clock counts is as good as a year.
    let deadline = begin.checked_add(args.timeout).unwrap_or(begin + Duration::from_secs(365 * 86_400));
    let gate = args.gate.gate();
    let mut waiting = Waiting::new(gate.min_coverage);
    loop {
        let answer = client.report(deadline);
        let is_last = Instant::now() + INTERVAL >= deadline;
        match &answer {
            Ok(report) => {
                // Which components there are does not change with time either.
                let Ok(points) = report.points(&args.component) else { break answer };
                let verdict = gate.judge(&points);
                if !verdict.may_change || is_last {
                    break answer;
                }
                waiting.for_points(verdict.totals);
            }
            Err(_) if is_last => break answer,
            Err(error) => waiting.for_goat(error),
        }
        thread::sleep(INTERVAL);
    }
}

/// The verdict for people: what is missing and what can't be observed, each named.
fn text(points: &Points<'_>, verdict: &Verdict<'_>, style: Style) -> String {
    let tone = match verdict.decision {
        Decision::Pass => Tone::Good,
        Decision::Below => Tone::Bad,
        Decision::Undecided => Tone::Doubt,
    };
    let mut out = String::new();
    let decision = style.paint(tone, verdict.decision.as_str());
    // Writing to a String fails at nothing.
    let _ = writeln!(out, "{decision}: {}: {}", printable(&points.title()), points.sentence());
    for reason in &verdict.reasons {
        let _ = writeln!(out, "  {reason}");
    }
    for item in verdict.missing.iter().chain(&verdict.unobservable) {
        let _ = writeln!(out, "{}", line(item, style).trim_end());
    }
    out
}

fn line(item: &Item, style: Style) -> String {
    let state = style.paint(Tone::Doubt, &format!("{:<12}", item.state.words())).into_owned();
    format!("  {state}  {}  {}  {}", printable(&item.place()), printable(&item.function), printable(&item.why()))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::{
        DataType,
        counts::Counts,
        plan::sample,
        report::{self, Gate},
    };

    #[test]
    fn what_is_missing_and_what_cannot_be_observed_is_named() {
        let mut counts = Counts::none(3, UNIX_EPOCH);
        counts.slots[0].hits = 1;
        let report = report::new(&sample::plan(), &counts, DataType::Bool);
        let points = report.points("").unwrap();
        let expected = "\
below: shop 1.1.0, cmd/shopd: 50%, 1 of 2 points covered, 1 not executed, 1 unobservable, 1 excluded
  1 of 2 points covered, 50%, below 100%
  not executed  cart.go:12  (*Cart).Add
  unobservable  cart.go:14  Total  speculated: its instructions run whether or not the branch is taken
";
        assert_eq!(text(&points, &Gate::default().judge(&points), Style::PLAIN), expected);
    }

    #[test]
    fn each_decision_has_its_status() {
        assert_eq!([Decision::Pass, Decision::Below, Decision::Undecided].map(status), [0, 1, 3]);
    }
}
