//! goat's first promise, on the corpus of optimised Go's known traps: a line that the toolchain's own counters say did not run
//! is never called covered.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use goat_tests::{goat, kernel, process::Process, tool};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Program {
    program: String,
    true_covered: usize,
    true_not_executed: usize,
    falsely_covered: Vec<Disagreement>,
    not_armed: usize,
    changed_output: usize,
    counts: Option<Counts>,
}

/// Calls of functions.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    functions: usize,
    equal: usize,
    /// Of `functions` and of `equal`: those that goat gives as a lower bound.
    at_least: usize,
    at_least_equal: usize,
    too_high: usize,
    different: Vec<String>,
}

#[derive(Deserialize)]
struct Disagreement {
    file: String,
    line: u32,
    source: String,
    code: String,
}

/// Traps of which arm64's machine code is another than amd64's.
const OTHER_ON_ARM64: &[&str] = &[
    "conditions",
    "ifconvert",
    "ifconvertran",
    "nilcheck",
    "operands",
    "setcc",
    "shortcircuit",
    "switchtable",
    "testedlater",
    "wrappers",
    "zerovar",
];

#[test]
fn no_line_of_the_corpus_that_did_not_run_is_covered() -> Result<()> {
    if kernel::is_missing() {
        return Ok(());
    }
    nothing_is_falsely_covered(&[])
}

#[test]
fn no_line_that_did_not_run_is_covered_on_an_emulated_arm64() -> Result<()> {
    if tool::is_missing("qemu-aarch64", "Debian: qemu-user") {
        return Ok(());
    }
    let only = OTHER_ON_ARM64.iter().flat_map(|name| ["--only", name]);
    nothing_is_falsely_covered(&["--arm64"].into_iter().chain(only).collect::<Vec<_>>())
}

/// Functions of which some inlined calls have left no code.
const INLINED_WITHOUT_A_TRACE: &[&str] = &["foldedcalls", "inlinefold", "inlinetwice", "methodvalues", "wrappers"];

#[test]
fn a_count_that_is_given_as_exact_is() -> Result<()> {
    if kernel::is_missing() {
        return Ok(());
    }
    let only = INLINED_WITHOUT_A_TRACE.iter().flat_map(|name| ["--only", name]);
    let programs = judge(&["--counts"].into_iter().chain(only).collect::<Vec<_>>())?;
    let mut bounds = 0;
    for Program { program, counts, .. } in programs {
        let counts = counts.with_context(|| format!("{program}: its calls were not counted"))?;
        let exact = (counts.functions - counts.at_least, counts.equal - counts.at_least_equal);
        ensure!(exact.0 > 0 && exact.0 == exact.1, "{program}: {exact:?} are exact: {:?}", counts.different);
        ensure!(counts.too_high == 0, "{program}: {:?}", counts.different);
        bounds += counts.at_least - counts.at_least_equal;
    }
    ensure!(bounds > 0, "no call was inlined without a trace: nothing was tried");
    Ok(())
}

fn judge(args: &[&str]) -> Result<Vec<Program>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the crate lies in the repository")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut xtask = Command::new(cargo);
    xtask.current_dir(root).env("GOAT_BIN", goat::binary()?);
    xtask.args(["run", "--quiet", "--package", "xtask", "--", "truth", "corpus", "--format", "json"]).args(args);
    let outcome = Process::run(&mut xtask)?;
    // It fails on what is looked for here, but says first what it found.
    let programs: Vec<Program> = serde_json::from_str(&outcome.stdout).with_context(|| outcome.stderr.clone())?;
    ensure!(!outcome.stderr.contains("could not be judged"), "{}", outcome.stderr);
    Ok(programs)
}

fn nothing_is_falsely_covered(args: &[&str]) -> Result<()> {
    let programs = judge(args)?;
    let mut wrong = String::new();
    for program in &programs {
        for one in &program.falsely_covered {
            wrong += &format!("{}:{}: {}\n{}", one.file, one.line, one.source, one.code);
        }
        ensure!(program.not_armed == 0, "{}: {} points without probes", program.program, program.not_armed);
        ensure!(program.changed_output == 0, "{} says something else with probes", program.program);
    }
    ensure!(wrong.is_empty(), "covered, and never run:\n{wrong}");
    let judged = |count: fn(&Program) -> usize| programs.iter().map(count).sum::<usize>();
    ensure!(judged(|p| p.true_covered) > 0 && judged(|p| p.true_not_executed) > 0, "nothing was judged");
    Ok(())
}
