//! goat, as the bench starts and ends it.

use std::{
    fs,
    io::{BufRead, BufReader, Lines},
    path::{Path, PathBuf},
    process::{ChildStderr, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use super::process::{CpuClock, Running};
use crate::truth::toolchain;

/// What a plan of every changed line takes.
const EVERY_LINE: [&str; 5] = ["--granularity", "line", "--diff-precision", "2", "--allow-mismatch"];

/// The command, and what it takes.
pub(super) struct Goat {
    binary: PathBuf,
    args: Vec<String>,
    /// Whether it keeps counts from run to run.
    pub(super) has_state: bool,
}

/// What kind of counting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mode {
    Bool,
    Count,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Count => "count",
        }
    }
}

impl Goat {
    pub(super) fn new(binary: PathBuf, args: &[String]) -> Result<Self> {
        let mut goat = Self { binary, args: args.to_vec(), has_state: false };
        let help = toolchain::output(goat.command().args(["attach", "--help"]))?;
        goat.has_state = help.contains("--no-state");
        Ok(goat)
    }

    /// goat with the environment that decides on its answers left out.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GOAT_")) {
            command.env_remove(name);
        }
        command.env_remove("RUST_LOG");
        command
    }

    /// Plans every line of the change, and says how many sites there are.
    pub(super) fn plan(&self, repo: &Path, old: &str, binary: &Path, plan: &Path) -> Result<usize> {
        let mut command = self.command();
        command.args(["plan", "--format", "json"]).args(EVERY_LINE);
        command.args(["--old", old, "--repo"]).arg(repo).arg("--binary").arg(binary).arg("-o").arg(plan);
        let json: serde_json::Value = serde_json::from_str(&toolchain::output(&mut command)?)?;
        let sites = json["summary"]["sites"].as_u64().context("the plan does not say how many sites it has")?;
        ensure!(sites > 0, "the plan has no sites");
        Ok(usize::try_from(sites)?)
    }

    /// `goat attach`, or `run`, up to the target.
    fn observe(&self, what: &str, plan: &Path, mode: Mode, state: Option<&Path>) -> Command {
        let mut command = self.command();
        command.arg(what).arg("--plan").arg(plan).args(["--data-type", mode.name()]).args(&self.args);
        match state {
            Some(dir) if self.has_state => drop(command.arg("--state").arg(dir)),
            None if self.has_state && what == "attach" => drop(command.arg("--no-state")),
            _ => {}
        }
        command
    }

    /// Begins to attach to process `pid`.
    pub(super) fn attach(&self, pid: u32, plan: &Path, mode: Mode) -> Result<Attached> {
        let mut command = self.observe("attach", plan, mode, None);
        Attached::start(command.args(["--listen", "127.0.0.1:0", "--pid", &pid.to_string()]))
    }

    /// The same, without a plan: goat makes it.
    pub(super) fn attach_planning(&self, pid: u32, repo: &Path, old: &str) -> Result<Attached> {
        let mut command = self.command();
        command.arg("attach").args(EVERY_LINE).args(["--old", old, "--repo"]).arg(repo).args(&self.args);
        if self.has_state {
            command.arg("--no-state");
        }
        Attached::start(command.args(["--listen", "127.0.0.1:0", "--pid", &pid.to_string()]))
    }

    /// Begins to attach to every process of `exe`.
    pub(super) fn attach_all(&self, exe: &Path, plan: &Path) -> Result<Attached> {
        let mut command = self.observe("attach", plan, Mode::Bool, None);
        Attached::start(command.args(["--listen", "127.0.0.1:0", "--exe"]).arg(exe))
    }

    /// `goat run`, up to the command.
    pub(super) fn run(&self, plan: &Path, state: Option<&Path>) -> Command {
        let mut command = self.observe("run", plan, Mode::Bool, state);
        command.arg("--report").arg(plan.with_extension("report.json"));
        command
    }
}

/// A goat that observes.
pub(super) struct Attached {
    process: Running,
    lines: Option<Lines<BufReader<ChildStderr>>>,
    /// What it said when the probes were in place.
    pub(super) said: String,
}

impl Attached {
    fn start(command: &mut Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let errors = BufReader::new(child.stderr.take().context("no standard error")?);
        Ok(Self { process: Running(child), lines: Some(errors.lines()), said: String::new() })
    }

    /// Waits until it serves.
    pub(super) fn ready(&mut self) -> Result<()> {
        let mut lines = self.lines.take().context("asked once")?;
        for line in lines.by_ref().map_while(Result::ok) {
            if line.contains("serving ") {
                // It is read on, so that goat never waits for a reader.
                thread::spawn(move || lines.for_each(drop));
                return Ok(());
            }
            self.said += &line;
            self.said.push('\n');
        }
        bail!("goat attach: {}\n{}", self.process.0.wait()?, self.said)
    }

    /// Its CPU time.
    pub(super) fn clock(&self) -> Result<CpuClock> {
        CpuClock::of(self.process.pid())
    }

    /// What /proc/PID/status says of its memory by that name, in MiB.
    pub(super) fn memory(&self, name: &str) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.pid()))?;
        let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kib = value.and_then(|value| value.trim().strip_suffix(" kB")?.parse::<f64>().ok());
        Ok(kib.with_context(|| format!("no {name}"))? / 1024.0)
    }

    /// Ends it in good order, and says how long that took.
    pub(super) fn end(mut self) -> Result<Duration> {
        let started = Instant::now();
        // SAFETY: takes no pointer; the child has not been waited for, so that the number is still its own.
        unsafe { libc::kill(libc::pid_t::try_from(self.process.pid())?, libc::SIGTERM) };
        let status = self.process.0.wait()?;
        ensure!(status.success(), "goat attach: {status}");
        Ok(started.elapsed())
    }
}
