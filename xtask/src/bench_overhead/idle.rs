//! goat itself, while nothing new is hit: what it takes to attach, and what it uses.

use std::{
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde::Serialize;

use super::{
    job::Gofmt,
    observer::{Goat, Mode},
    process::Running,
};

/// How long it is watched.
const WATCHED: Duration = Duration::from_secs(10);
/// How long it may take to calm down.
const SETTLE: Duration = Duration::from_secs(2);

/// A goat that waits.
#[derive(Serialize)]
pub(super) struct Idle {
    pub(super) sites: usize,
    /// goat's own words.
    pub(super) said: String,
    /// From SIGTERM to its end, in milliseconds.
    pub(super) end_ms: f64,
    /// In MiB.
    pub(super) resident: f64,
    /// As a share of one core.
    pub(super) cpu: f64,
}

/// Attaches to a gofmt that waits for its input, with fewer and with more sites.
pub(super) fn measure(gofmt: &Gofmt, goat: &Goat, dir: &Path) -> Result<Vec<Idle>> {
    let whole = dir.join("whole");
    gofmt.whole(&whole)?;
    let mut measured = Vec::new();
    for repo in [&gofmt.repo, &whole] {
        let plan = dir.join("idle.goatplan");
        let sites = goat.plan(repo, "INIT", &gofmt.binary, &plan)?;
        let mut command = Command::new(&gofmt.binary);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let target = Running(command.spawn().with_context(|| format!("cannot run {command:?}"))?);
        let mut attached = goat.attach(target.pid(), &plan, Mode::Bool)?;
        attached.ready()?;
        thread::sleep(SETTLE);
        let clock = attached.clock()?;
        let (before, started) = (clock.now()?, Instant::now());
        thread::sleep(WATCHED);
        let cpu = clock.now()?.saturating_sub(before).as_secs_f64() / started.elapsed().as_secs_f64();
        let resident = attached.resident()?;
        let said = attached.said.lines().find(|line| line.contains(" sites for ")).unwrap_or_default().to_owned();
        let end_ms = attached.end()?.as_secs_f64() * 1e3;
        measured.push(Idle { sites, said, end_ms, resident, cpu });
    }
    Ok(measured)
}
