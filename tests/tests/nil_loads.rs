//! A program that runs into memory that is not there: each line is counted up to where it did, and no line behind it. With the entry
//! for faults, and without it.

use std::fs;

use anyhow::{Context, Result, ensure};
use goat_tests::{goat, kernel, process::Process, program, track::Track};

const MARKER: &str = "// n * ";
/// Of few lines.
const FEW: &str = "// m * ";
const TIMES: u64 = 50;

#[test]
fn uprobe_multi_counts_every_line_up_to_the_fault() -> Result<()> {
    check("uprobe-multi", "count", MARKER)?;
    check("uprobe-multi", "count", FEW)
}

/// It has no entry for faults: what stands in front of the loads is probed. Few lines, since each takes long to detach.
#[test]
fn perf_event_counts_every_line_up_to_the_fault() -> Result<()> {
    check("perf-event", "count", FEW)
}

#[test]
fn a_fault_covers_its_line_and_none_behind_it() -> Result<()> {
    check("uprobe-multi", "bool", MARKER)
}

fn check(backend: &str, data_type: &str, marker: &str) -> Result<()> {
    if kernel::is_missing() {
        return Ok(());
    }
    let program = program::make("faults", marker)?;
    let dir = tempfile::tempdir()?;
    let args = program.plan_args();
    let sites = args.read()?.points.into_iter().flat_map(|point| point.sites);
    ensure!(sites.filter(|site| site.class == "fault").count() > 0, "the plan relies on no fault");
    let plan = args.write(dir.path())?;
    let report = dir.path().join("report.json");

    let mut run = goat::command()?;
    run.args(["run", "--data-type", data_type, "--backend", backend, "--plan"]).arg(&plan).arg("--report").arg(&report);
    run.arg("--").arg(&program.binary).arg(TIMES.to_string());
    let probed = Process::run(&mut run)?.succeeded()?;
    ensure!(probed.stdout == "done\n", "the program ended otherwise: {}", probed.stdout);

    let track = Track::parse(&fs::read_to_string(&report)?)?;
    let items = track.items()?;
    let mut counted = Vec::new();
    let mut expected = Vec::new();
    for (line, times) in program.marked(marker) {
        let item = items.values().find(|item| item.lines.contains(&line));
        let item = item.with_context(|| format!("no point at main.go:{line}"))?;
        counted.push((line, item.state.as_str(), item.count));
        let times = TIMES * times.trim().parse::<u64>()?;
        expected.push((line, "covered", if data_type == "bool" { 1 } else { times }));
    }
    assert_eq!(counted, expected);
    Ok(())
}
