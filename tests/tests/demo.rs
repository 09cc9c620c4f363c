//! The demonstration that the README sends people to.

use std::process::Command;

use anyhow::{Result, ensure};
use goat_tests::{kernel, process::Process};

#[test]
fn the_demo_shows_both_rounds_and_ends() -> Result<()> {
    if kernel::is_missing() {
        return Ok(());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut demo = Command::new(cargo);
    demo.current_dir(env!("CARGO_MANIFEST_DIR")).args(["run", "-q", "-p", "xtask", "--", "demo", "--once"]);
    let out = Process::run(&mut demo)?.succeeded()?;
    for round in ["round 1", "round 2"] {
        ensure!(out.stdout.to_lowercase().contains(round), "{round} is not shown: {}", out.stdout);
    }
    Ok(())
}
