//! A probed program does what it does without probes: the same output, the same complaints, the same end.

use std::{
    fs::{self, File},
    process::Command,
};

use anyhow::{Result, ensure};
use goat_tests::{goat, kernel, process::Process, program};

const MARKER: &str = "// new";

#[test]
fn the_end_is_the_same_with_probes() -> Result<()> {
    check("exit-0", 0)
}

#[test]
fn an_exit_code_is_passed_on() -> Result<()> {
    check("exit-3", 3)
}

#[test]
fn a_panic_is_passed_on_with_its_trace() -> Result<()> {
    check("panic", 2)
}

#[test]
fn a_nil_dereference_is_passed_on_with_its_trace() -> Result<()> {
    check("nil", 2)
}

#[test]
fn a_recovered_panic_stays_recovered() -> Result<()> {
    check("recover", 0)
}

#[test]
fn a_signal_that_kills_is_passed_on() -> Result<()> {
    check("kill", 128 + libc::SIGKILL)?;
    check("term", 128 + libc::SIGTERM)
}

#[test]
fn a_signal_that_is_caught_is_caught() -> Result<()> {
    check("catch", 0)
}

#[test]
fn standard_input_is_the_programs() -> Result<()> {
    check("stdin", 0)
}

/// Runs the program to the `ending` without goat and under it, with all its marked lines probed. `code` is the exit code
/// as a shell has it.
fn check(ending: &str, code: i32) -> Result<()> {
    let program = program::make("endings", MARKER)?;
    let dir = tempfile::tempdir()?;
    let input = dir.path().join("input");
    fs::write(&input, "word\n")?;
    let start = |command: &mut Command| {
        Process::start_with_input(command.args([ending, "-x", "--", "two words"]), File::open(&input)?)?.wait()
    };
    let bare = start(&mut Command::new(&program.binary))?;
    assert_eq!(bare.code(), code, "{bare:?}");
    if kernel::is_missing() {
        return Ok(());
    }
    let plan = program.plan_args().write(dir.path())?;
    let report = dir.path().join("report.json");
    let mut run = goat::command()?;
    run.arg("run").arg("--plan").arg(&plan).arg("--report").arg(&report).arg("--").arg(&program.binary);
    let probed = start(&mut run)?;

    assert_eq!(probed.stdout, bare.stdout);
    assert_eq!(probed.code(), bare.code(), "{probed:?}");
    assert_eq!(probed.program_stderr(), bare.stderr);
    ensure!(report.exists(), "no report was written");
    Ok(())
}
