//! goat under judgement: its plan for a program, and its answer after a drive. Seen from outside, by its JSON.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::{
    drive::{self, Heard},
    oracle::Oracle,
    subject::{Drive, Program, Tree},
    toolchain,
};
use crate::repository;

/// The goat of this tree, or the one that `GOAT_BIN` names.
pub(super) fn binary() -> Result<PathBuf> {
    if let Some(path) = env::var_os("GOAT_BIN") {
        return Ok(PathBuf::from(path));
    }
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(repository::root()).args(["build", "--quiet", "--package", "goat-userspace", "--bin", "goat"]);
    toolchain::output(&mut cargo)?;
    // cargo puts this program and goat side by side, wherever its target directory is.
    let goat = env::current_exe().context("cannot find this program")?.with_file_name("goat");
    ensure!(goat.is_file(), "there is no {}", goat.display());
    Ok(goat)
}

/// What `goat plan --format json` says.
#[derive(Deserialize)]
pub(super) struct Plan {
    pub(super) points: Vec<Point>,
    pub(super) summary: Summary,
    /// The same as a file.
    #[serde(skip)]
    pub(super) path: PathBuf,
}

/// A track point.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Point {
    pub(super) id: u32,
    pub(super) file: String,
    pub(super) line: u32,
    pub(super) end_line: u32,
    pub(super) function: String,
    /// `statement`, `part`, `header`, `branch` or `function`.
    pub(super) kind: String,
    pub(super) observable: bool,
    pub(super) reason: Option<String>,
    pub(super) sites: Vec<Site>,
    /// Copies of it in which goat can't tell whether it ran.
    #[serde(default)]
    pub(super) blind: Vec<serde::de::IgnoredAny>,
}

impl Point {
    /// Why it is not observed, in one word.
    pub(super) fn reason(&self) -> &str {
        let reason = self.reason.as_deref().unwrap_or("");
        reason.split(':').next().unwrap_or(reason)
    }

    /// Whether it is not in question for this program.
    pub(super) fn is_excluded(&self) -> bool {
        matches!(self.reason(), "excluded" | "other-component" | "no-code")
    }
}

/// An address that is probed.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Site {
    pub(super) address: String,
    pub(super) function: String,
    pub(super) inlined: bool,
    pub(super) class: String,
    pub(super) condition: Option<u8>,
}

/// The plan in numbers.
#[derive(Clone, Deserialize)]
pub(super) struct Summary {
    pub(super) sites: usize,
    pub(super) emulated: usize,
}

/// Plans for `binary`, at `granularity`, into `dir`.
pub(super) fn plan(goat: &Path, tree: &Tree, binary: &Path, granularity: &str, dir: &Path) -> Result<Plan> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let path = dir.join(format!("{granularity}.goatplan"));
    let json = plan_json(goat, tree, binary, granularity, Some(&path))?;
    let plan: Plan = serde_json::from_str(&json).context("goat plan wrote no plan")?;
    Ok(Plan { path, ..plan })
}

/// The plan as goat prints it, and as a file too where a `path` is given.
pub(super) fn plan_json(
    goat: &Path,
    tree: &Tree,
    binary: &Path,
    granularity: &str,
    path: Option<&Path>,
) -> Result<String> {
    let mut command = clean(goat);
    command.args(["plan", "--format", "json", "--old", &tree.old, "--new", &tree.new, "--granularity", granularity]);
    // By diff where there is an old side: what is judged is the mapping.
    command.args(["--diff-precision", "2", "--allow-mismatch", "--repo"]).arg(&tree.repo);
    command.arg("--binary").arg(binary);
    if let Some(path) = path {
        command.arg("-o").arg(path);
    }
    toolchain::output(&mut command)
}

/// `goat` with the environment that decides on its answers left out.
pub(super) fn clean(goat: &Path) -> Command {
    let mut command = Command::new(goat);
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GOAT_")) {
        command.env_remove(name);
    }
    command.env_remove("RUST_LOG");
    command
}

/// What goat says after drives.
#[derive(Default)]
pub(super) struct Answer {
    /// By id, of the points that were observed: how often they ran, or whether.
    pub(super) counts: BTreeMap<u32, u64>,
    /// Those of them that may have run more often, as goat says.
    pub(super) at_least: BTreeSet<u32>,
    /// Points of which goat does not know, since no probe of theirs was in place.
    pub(super) not_armed: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    results: Vec<Component>,
    no_component: Vec<Item>,
}

#[derive(Deserialize)]
struct Component {
    metrics: Metrics,
}

#[derive(Deserialize)]
struct Metrics {
    items: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    id: u32,
    count: u64,
    state: String,
    at_least: bool,
}

impl Answer {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("goat wrote no {}", path.display()))?;
        let report: Report = serde_json::from_str(&text).context("goat wrote no report")?;
        let mut answer = Self::default();
        let items = report.results.into_iter().flat_map(|c| c.metrics.items).chain(report.no_component);
        for item in items {
            if item.at_least {
                answer.at_least.insert(item.id);
            }
            match &*item.state {
                "covered" => *answer.counts.entry(item.id).or_default() = item.count.max(1),
                "not-executed" => *answer.counts.entry(item.id).or_default() += 0,
                "not-armed" => answer.not_armed += 1,
                _ => {}
            }
        }
        Ok(answer)
    }

    /// Takes in what was seen in another drive.
    pub(super) fn add(&mut self, other: Self) {
        for (id, count) in other.counts {
            *self.counts.entry(id).or_default() += count;
        }
        self.at_least.extend(other.at_least);
        self.not_armed = self.not_armed.max(other.not_armed);
    }
}

/// Every drive of a program, for its points' answers, and in how many of them it said something else than without probes.
pub(super) fn drive_all(
    goat: &Path,
    plan: &Path,
    binary: &Path,
    program: &Program,
    oracle: &Oracle<'_>,
) -> Result<(Answer, usize)> {
    let (mut answer, mut changed) = (Answer::default(), 0);
    for (drive, bare) in program.drives.iter().zip(&oracle.heard) {
        let (seen, heard) = observe(goat, plan, binary, drive, "bool")?;
        answer.add(seen);
        changed += usize::from(heard != *bare);
    }
    Ok((answer, changed))
}

/// Drives `binary` with the probes of `plan`.
pub(super) fn observe(
    goat: &Path,
    plan: &Path,
    binary: &Path,
    drive: &Drive,
    data_type: &str,
) -> Result<(Answer, Heard)> {
    let report = plan.with_extension("report.json");
    let observation = |command: &mut Command| {
        // The mapping is judged: nothing is to be taken out for its cost.
        command
            .args(["--data-type", data_type, "--max-overhead", "off", "--plan"])
            .arg(plan)
            .arg("--report")
            .arg(&report);
    };
    let heard = match drive {
        Drive::Run { args, dir } => {
            let mut run = clean(goat);
            run.arg("run");
            observation(&mut run);
            drive::to_the_end(run.arg("--").arg(binary).args(args).current_dir(dir))?
        }
        Drive::Script { .. } | Drive::Service { .. } => {
            let mut attach = clean(goat);
            attach.args(["attach", "--no-state", "--listen", "127.0.0.1:0", "--exe"]).arg(binary);
            observation(&mut attach);
            let attached = Attached::start(&mut attach)?;
            let heard = drive::bare(binary, drive, &mut |_| {})?;
            attached.end()?;
            heard
        }
    };
    Ok((Answer::read(&report)?, heard))
}

/// `goat attach`, up to the end of a script.
struct Attached {
    child: Child,
}

impl Attached {
    fn start(command: &mut Command) -> Result<Self> {
        let mut child = command.stdout(Stdio::null()).stdin(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let errors = BufReader::new(child.stderr.take().context("no standard error")?);
        let mut said = String::new();
        let mut lines = errors.lines().map_while(Result::ok);
        for line in lines.by_ref() {
            if line.contains("serving ") {
                // It is read on, so that goat never waits for a reader.
                std::thread::spawn(move || lines.for_each(drop));
                return Ok(Self { child });
            }
            said += &line;
            said.push('\n');
        }
        bail!("goat attach: {}\n{said}", child.wait()?)
    }

    fn end(mut self) -> Result<()> {
        let pid = libc::pid_t::try_from(self.child.id())?;
        // SAFETY: kill has no memory preconditions; the child has not been waited for, so that the number is still its own.
        unsafe { libc::kill(pid, libc::SIGTERM) };
        let status = self.child.wait()?;
        ensure!(status.success(), "goat attach: {status}");
        Ok(())
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
