//! A program outlives being probed all over: gofmt with a breakpoint on every site for as long as it runs, the garbage collector
//! always at work and goroutines interrupted anywhere, does what it does without.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use goat_tests::{goat, kernel, process::Process};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Survival {
    sites: usize,
    hits: u64,
    not_armed: usize,
    runs: usize,
    different: usize,
}

#[test]
fn gofmt_does_what_it_does_with_every_site_in_place() -> Result<()> {
    if kernel::is_missing() {
        return Ok(());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the crate lies in the repository")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut xtask = Command::new(cargo);
    xtask.current_dir(root).env("GOAT_BIN", goat::binary()?);
    xtask.args(["run", "--quiet", "--package", "xtask", "--", "truth", "gofmt", "--survive"]);
    let outcome = Process::run(xtask.args(["--runs", "3", "--format", "json"]))?;
    let found: Vec<Survival> = serde_json::from_str(&outcome.stdout).with_context(|| outcome.stderr.clone())?;
    let [gofmt] = &found[..] else { anyhow::bail!("{} programs were run", found.len()) };

    ensure!(gofmt.sites > 5000 && gofmt.hits > 100_000, "{} sites were hit {} times", gofmt.sites, gofmt.hits);
    assert_eq!((gofmt.runs, gofmt.different, gofmt.not_armed), (3, 0, 0));
    Ok(())
}
