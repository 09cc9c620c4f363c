//! `cargo xtask bench attach`: attach and detach times, measured on this machine.

use std::{env, process::Command};

use anyhow::{Context, Result, ensure};

/// Builds and runs the bench, which needs the privileges that attaching needs.
pub fn run() -> Result<()> {
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["run", "--quiet", "--release", "--package", "goat-tests", "--example", "bench_attach"])
        .status()
        .context("running cargo")?;
    ensure!(status.success(), "the bench failed");
    Ok(())
}
