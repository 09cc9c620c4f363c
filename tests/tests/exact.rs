//! Attach, hit n times from many goroutines at once, read: exactly n. With either backend.

use std::fs;

use anyhow::{Context, Result, ensure};
use goat_tests::{goat, kernel, process::Process, program, track::Track};

const MARKER: &str = "// n * ";
const GOROUTINES: u64 = 8;
const CALLS: u64 = 400;

#[test]
fn uprobe_multi_counts_exactly() -> Result<()> {
    check("uprobe-multi")
}

#[test]
fn perf_event_counts_exactly() -> Result<()> {
    check("perf-event")
}

fn check(backend: &str) -> Result<()> {
    if kernel::is_missing() {
        return Ok(());
    }
    let program = program::make("exact", MARKER)?;
    let dir = tempfile::tempdir()?;
    let plan = program.plan_args().write(dir.path())?;
    let report = dir.path().join("report.json");

    let mut run = goat::command()?;
    run.args(["run", "--data-type", "count", "--backend", backend, "--plan"]).arg(&plan).arg("--report").arg(&report);
    run.arg("--").arg(&program.binary).args([GOROUTINES.to_string(), CALLS.to_string()]).env("GOMAXPROCS", "4");
    let probed = Process::run(&mut run)?.succeeded()?;
    let calls = GOROUTINES * CALLS;
    ensure!(probed.stdout.starts_with(&format!("{calls} ")), "the program counted otherwise: {}", probed.stdout);

    let track = Track::parse(&fs::read_to_string(&report)?)?;
    let items = track.items()?;
    let mut counted = Vec::new();
    let mut expected = Vec::new();
    for (line, times) in program.marked(MARKER) {
        let item = items.values().find(|item| item.lines.contains(&line));
        let item = item.with_context(|| format!("no point at main.go:{line}"))?;
        counted.push((line, item.function.as_str(), item.state.as_str(), item.count));
        expected.push((line, item.function.as_str(), "covered", calls * factor(times)?.0 / factor(times)?.1));
    }
    assert_eq!(counted, expected);
    Ok(())
}

/// `2` or `1 / 4`, as numerator and denominator.
fn factor(text: &str) -> Result<(u64, u64)> {
    let (over, under) = text.split_once('/').unwrap_or((text, "1"));
    let number = |part: &str| part.trim().parse().with_context(|| format!("{part:?} in a marker is no number"));
    Ok((number(over)?, number(under)?))
}
