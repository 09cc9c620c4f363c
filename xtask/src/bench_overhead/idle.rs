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
    /// Whether it made the plan itself, just before.
    pub(super) planned: bool,
    /// goat's own words.
    pub(super) said: String,
    /// From SIGTERM to its end, in milliseconds.
    pub(super) end_ms: f64,
    /// In MiB: all of it, and without the pages of goat's own file and libraries, which the page cache holds in any case.
    pub(super) resident: f64,
    pub(super) anonymous: f64,
    /// As a share of one core.
    pub(super) cpu: f64,
}

/// Attaches to a gofmt that waits for its input, with fewer and with more sites, and with a plan that goat makes itself.
pub(super) fn measure(gofmt: &Gofmt, goat: &Goat, dir: &Path) -> Result<Vec<Idle>> {
    let whole = dir.join("whole");
    gofmt.whole(&whole)?;
    let mut measured = Vec::new();
    for (repo, planned) in [(&gofmt.repo, false), (&whole, false), (&whole, true)] {
        let plan = dir.join("idle.goatplan");
        let sites = goat.plan(repo, "INIT", &gofmt.binary, &plan)?;
        let mut command = Command::new(&gofmt.binary);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let target = Running(command.spawn().with_context(|| format!("cannot run {command:?}"))?);
        let mut attached = match planned {
            true => goat.attach_planning(target.pid(), repo, "INIT")?,
            false => goat.attach(target.pid(), &plan, Mode::Bool)?,
        };
        attached.ready()?;
        thread::sleep(SETTLE);
        let clock = attached.clock()?;
        let (before, started) = (clock.now()?, Instant::now());
        thread::sleep(WATCHED);
        let cpu = clock.now()?.saturating_sub(before).as_secs_f64() / started.elapsed().as_secs_f64();
        let (resident, anonymous) = (attached.memory("VmRSS")?, attached.memory("RssAnon")?);
        let said = attached.said.lines().find(|line| line.contains(" sites for ")).unwrap_or_default().to_owned();
        let end_ms = attached.end()?.as_secs_f64() * 1e3;
        measured.push(Idle { sites, planned, said, end_ms, resident, anonymous, cpu });
    }
    Ok(measured)
}
