//! `cargo xtask ci`: everything that must hold before a change is merged. Each step runs even if one before it failed.

use std::{
    env,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{build_ebpf, repository, tidy};

/// A check, and its name in what is printed.
type Step = (&'static str, fn() -> Result<()>);

const STEPS: [Step; 6] = [
    ("format", format),
    ("clippy", || cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])),
    ("build", || cargo(&["build", "--workspace", "--locked"])),
    ("tests", tests),
    ("tidy", tidy::run),
    ("build-ebpf --check", build_ebpf::check),
];

/// Runs every step.
pub fn run() -> Result<()> {
    let mut failed = Vec::new();
    for (name, step) in STEPS {
        println!("\n=== {name}");
        let began = Instant::now();
        let done = step();
        let seconds = began.elapsed().as_secs();
        match done {
            Ok(()) => println!("=== {name}: passed in {seconds} s"),
            Err(error) => {
                println!("=== {name}: failed after {seconds} s: {error:#}");
                failed.push(name);
            }
        }
    }
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    println!("\nall {} steps passed", STEPS.len());
    Ok(())
}

fn format() -> Result<()> {
    cargo(&["fmt", "--all", "--check"])?;
    // A workspace of its own, for its target's sake.
    cargo(&["fmt", "--manifest-path", "goat-ebpf/Cargo.toml", "--check"])
}

fn tests() -> Result<()> {
    if !has("go") {
        bail!("the tests build Go programs, and there is no `go` in PATH: https://go.dev/dl");
    }
    if has("cargo-nextest") {
        cargo(&["nextest", "run", "--workspace", "--locked", "--no-fail-fast", "--retries", "1"])?;
        // nextest leaves the examples in the documentation out.
        cargo(&["test", "--workspace", "--locked", "--doc"])
    } else {
        println!("cargo-nextest is not installed (`cargo install cargo-nextest --locked`): running cargo test");
        twice()
    }
}

/// Runs all tests, and what fails once more, alone: they attach to real processes, on a machine that may be busy with other
/// things. What needs it is named, and is a defect all the same.
fn twice() -> Result<()> {
    let mut all = command(&["test", "--workspace", "--locked", "--no-fail-fast"]);
    let mut running = all.stderr(Stdio::piped()).spawn().context("cannot run cargo")?;
    let mut failed = Vec::new();
    for line in BufReader::new(running.stderr.take().context("cargo has no stderr")?).lines() {
        let line = line.context("cannot read what cargo says")?;
        eprintln!("{line}");
        failed.extend(failed_target(&line).map(str::to_owned));
    }
    let status = running.wait().context("cargo has not ended")?;
    ensure!(status.success() || !failed.is_empty(), "`cargo test`: {status}");
    for target in &failed {
        println!("\n=== once more, alone: {target}");
        let target: Vec<&str> = target.split(' ').collect();
        cargo(&[&["test", "--locked"], &*target].concat())?;
    }
    for target in failed {
        println!("=== FLAKY: `cargo test {target}` failed, and passed when it was run once more");
    }
    Ok(())
}

/// The arguments that have cargo run a target's tests again, where it says that they failed.
fn failed_target(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("test failed, to rerun pass `")?;
    rest.strip_suffix('`')
}

fn cargo(arguments: &[&str]) -> Result<()> {
    let status = command(arguments).status().context("cannot run cargo")?;
    ensure!(status.success(), "`cargo {}`: {status}", arguments.join(" "));
    Ok(())
}

fn command(arguments: &[&str]) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // By hand the tests ask fewer Go releases and damage fewer binaries.
    cargo.current_dir(repository::root()).args(arguments).env("GOAT_TESTS", "all");
    cargo
}

fn has(program: &str) -> bool {
    // Any answer will do: `go --version` is an error of its own.
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_targets_are_those_that_cargo_names() {
        for (line, expected) in [
            ("error: test failed, to rerun pass `-p goat-tests --test session`", Some("-p goat-tests --test session")),
            ("error: test failed, to rerun pass `-p goat-userspace --lib`", Some("-p goat-userspace --lib")),
            ("error: 1 target failed:", None),
            ("error: could not compile `goat-tests` (test \"session\") due to 1 previous error", None),
        ] {
            assert_eq!(failed_target(line), expected, "{line}");
        }
    }
}
