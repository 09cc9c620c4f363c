//! `cargo xtask bench http`: what answering costs, measured on this machine.

use std::{env, process::Command};

use anyhow::{Context, Result, ensure};

use crate::marked;

/// Builds and runs the bench, which needs the privileges that attaching needs; `write` puts its tables into docs/performance.md.
pub fn run(write: bool) -> Result<()> {
    let out = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["run", "--quiet", "--release", "--package", "goat-tests", "--example", "bench_http"])
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("running cargo")?;
    ensure!(out.status.success(), "the bench failed");
    let tables = String::from_utf8(out.stdout).context("the bench wrote no text")?;
    print!("{tables}");
    if write {
        marked::write("http", &tables)?;
    }
    Ok(())
}
