//! `cargo xtask ci`: everything that must hold before a change is merged. Each step runs even if one before it failed.

use std::{
    env,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{build_ebpf, fuzz, repository, tidy};

/// A check, and its name in what is printed.
type Step = (&'static str, fn() -> Result<()>);

const STEPS: [Step; 7] = [
    ("format", format),
    ("clippy", || cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])),
    ("build", || cargo(&["build", "--workspace", "--locked"])),
    ("tests", tests),
    ("tidy", tidy::run),
    ("build-ebpf --check", build_ebpf::check),
    ("fuzz", || fuzz::run(fuzz::SECONDS, &[])),
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
        cargo(&["nextest", "run", "--workspace", "--locked", "--no-fail-fast"])?;
        // nextest leaves the examples in the documentation out.
        cargo(&["test", "--workspace", "--locked", "--doc"])
    } else {
        println!("cargo-nextest is not installed (`cargo install cargo-nextest --locked`): running cargo test");
        cargo(&["test", "--workspace", "--locked", "--no-fail-fast"])
    }
}

fn cargo(arguments: &[&str]) -> Result<()> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut cargo = Command::new(cargo);
    cargo.current_dir(repository::root()).args(arguments);
    // By hand the tests ask fewer Go releases and damage fewer binaries.
    let status = cargo.env("GOAT_TESTS", "all").status().context("cannot run cargo")?;
    ensure!(status.success(), "`cargo {}`: {status}", arguments.join(" "));
    Ok(())
}

fn has(program: &str) -> bool {
    // Any answer will do: `go --version` is an error of its own.
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}
