//! A program that computes: gofmt, with a site in every block of its own packages and of go/....

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum as _;
use serde::Serialize;

use super::{
    observer::Goat,
    process::{self, CpuClock, Running},
    statistics::Estimate,
    turns, variants,
};
use crate::truth::toolchain;

/// gofmt's own packages, and those of go/... that it is made of.
const PACKAGES: [&str; 9] = [
    "cmd/gofmt",
    "go/ast",
    "go/build/constraint",
    "go/doc/comment",
    "go/parser",
    "go/printer",
    "go/scanner",
    "go/token",
    "internal/diff",
];

/// How often a running program's clock is looked at. The last look decides: the error is 1 ms of some seconds.
const LOOK: Duration = Duration::from_millis(1);

/// gofmt, and a repository in which all of it is new.
pub(super) struct Gofmt {
    pub(super) repo: PathBuf,
    pub(super) binary: PathBuf,
    /// GOROOT/src.
    src: PathBuf,
}

impl Gofmt {
    /// Builds it.
    pub(super) fn make(dir: &Path) -> Result<Self> {
        let src = toolchain::root()?.join("src");
        let (repo, binary) = (dir.join("repo"), dir.join("gofmt-plain"));
        for package in PACKAGES {
            copy(&src, package, &repo)?;
        }
        finish(&src, &repo)?;
        variants::build(&src.join("cmd"), "cmd/gofmt", &["-buildvcs=false"], &binary)?;
        Ok(Self { repo, binary, src })
    }

    /// The same binary in a repository in which more is new, for some 12 000 sites.
    pub(super) fn whole(&self, repo: &Path) -> Result<()> {
        let list =
            toolchain::output(toolchain::go().current_dir(self.src.join("cmd")).args(["list", "-deps", "cmd/gofmt"]))?;
        let is_left_out = |package: &str| {
            let root = package.split('/').next().unwrap_or_default();
            package.contains("runtime") || ["vendor", "internal", "syscall", "reflect", "os", "io"].contains(&root)
        };
        for package in list.lines().filter(|package| !is_left_out(package) && self.src.join(package).is_dir()) {
            copy(&self.src, package, repo)?;
        }
        finish(&self.src, repo)
    }
}

fn copy(src: &Path, package: &str, repo: &Path) -> Result<()> {
    for entry in fs::read_dir(src.join(package)).with_context(|| format!("this Go release has no {package}"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".go") && !name.ends_with("_test.go") {
            toolchain::copy_file(&path, &repo.join("src").join(package).join(name))?;
        }
    }
    Ok(())
}

fn finish(src: &Path, repo: &Path) -> Result<()> {
    for module in ["go.mod", "cmd/go.mod"] {
        toolchain::copy_file(&src.join(module), &repo.join("src").join(module))?;
    }
    // The commands are a module of their own.
    fs::write(repo.join("goat.yaml"), "appName: gofmt\nskipNestedModules: false\n")?;
    toolchain::commit_all(repo)
}

/// The table of runs.
#[derive(Serialize)]
pub(super) struct Job {
    pub(super) sites: usize,
    pub(super) input: Vec<String>,
    /// CPU time of the unprobed run, in seconds.
    pub(super) cpu: f64,
    pub(super) rows: Vec<Row>,
}

/// A variant beside the unprobed run, as ratios.
#[derive(Serialize)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) cpu: Estimate,
    pub(super) wall: Estimate,
}

/// A run.
struct Run {
    cpu: f64,
    wall: f64,
    /// It is not 0: part of the input does not parse, by intent.
    code: Option<i32>,
    output: Vec<u8>,
}

/// What stands beside the unprobed run.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Which {
    /// It itself
    Again,
    /// By `goat run`, which knows nothing of it
    First,
    /// While goat observes every process of the file, and has seen one
    Kept,
    /// By `goat run`, after another with the same state
    Second,
    /// go build -cover -covermode=set
    Set,
    /// go build -cover -covermode=count
    Count,
    /// go build -cover -covermode=atomic
    Atomic,
}

struct Variant {
    which: Which,
    name: &'static str,
    binary: PathBuf,
}

/// The unprobed program first.
fn build(gofmt: &Gofmt, goat: &Goat, wanted: &[Which], dir: &Path) -> Result<Vec<Variant>> {
    let plain = || gofmt.binary.clone();
    let covered = |mode: &str| -> Result<PathBuf> {
        let to = dir.join(format!("gofmt-{mode}"));
        let packages = format!("-coverpkg={}", PACKAGES.join(","));
        let flags = ["-buildvcs=false", "-cover", &format!("-covermode={mode}"), &packages];
        variants::build(&gofmt.src.join("cmd"), "cmd/gofmt", &flags, &to)?;
        Ok(to)
    };
    let mut variants = vec![Variant { which: Which::Again, name: "unprobed", binary: plain() }];
    for which in Which::value_variants().iter().copied().filter(|which| wanted.contains(which)) {
        let (name, binary) = match which {
            Which::Again => ("unprobed, once more", plain()),
            Which::First => ("goat, the first run", plain()),
            Which::Kept => ("goat, a run of a file that it observes, with what it has seen disarmed", plain()),
            Which::Second if !goat.has_state => continue,
            Which::Second => ("goat, a second run with the first one's state", plain()),
            Which::Set => ("`go build -cover -covermode=set`", covered("set")?),
            Which::Count => ("`go build -cover -covermode=count`", covered("count")?),
            Which::Atomic => ("`go build -cover -covermode=atomic`", covered("atomic")?),
        };
        variants.push(Variant { which, name, binary });
    }
    Ok(variants)
}

/// All variants in turn, `rounds` times.
pub(super) fn measure(
    gofmt: &Gofmt,
    goat: &Goat,
    wanted: &[Which],
    input: &[String],
    rounds: usize,
    dir: &Path,
) -> Result<Job> {
    let plan = dir.join("gofmt.goatplan");
    let sites = goat.plan(&gofmt.repo, "INIT", &gofmt.binary, &plan)?;
    let variants = build(gofmt, goat, wanted, dir)?;
    let mut runs: Vec<Vec<Run>> = variants.iter().map(|_| Vec::new()).collect();
    for round in 0..rounds {
        eprintln!("job: round {} of {rounds}", round + 1);
        for index in turns::order(round, variants.len()) {
            let run = one(gofmt, goat, &variants[index], &plan, input, dir)?;
            ensure!(
                runs[0].first().is_none_or(|first| (&first.output, first.code) == (&run.output, run.code)),
                "{}: the program said something else",
                variants[index].name
            );
            runs[index].push(run);
        }
    }
    let row = |(index, variant): (usize, &Variant)| {
        let pairs = || runs[index].iter().zip(&runs[0]);
        Row {
            name: variant.name,
            cpu: Estimate::of(pairs().map(|(own, plain)| own.cpu / plain.cpu)),
            wall: Estimate::of(pairs().map(|(own, plain)| own.wall / plain.wall)),
        }
    };
    Ok(Job {
        sites,
        input: input.to_vec(),
        cpu: Estimate::of(runs[0].iter().map(|run| run.cpu)).median,
        rows: variants.iter().enumerate().skip(1).map(row).collect(),
    })
}

fn one(gofmt: &Gofmt, goat: &Goat, variant: &Variant, plan: &Path, input: &[String], dir: &Path) -> Result<Run> {
    let prepare = |command: &mut Command| {
        command.arg("-l").args(input).current_dir(&gofmt.src);
        command.env("GOMAXPROCS", process::cpus().to_string());
        // Where counters of a covered program go.
        command.env("GOCOVERDIR", dir);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    };
    let alone = |binary: &Path| {
        let mut command = Command::new(binary);
        prepare(&mut command);
        alone(&mut command)
    };
    let by_goat = |state: Option<&Path>| {
        let mut command = goat.run(plan, state);
        command.arg("--").arg(&gofmt.binary);
        prepare(&mut command);
        observed(&mut command)
    };
    match variant.which {
        Which::Again | Which::Set | Which::Count | Which::Atomic => alone(&variant.binary),
        Which::First => by_goat(None),
        Which::Second => {
            let state = tempfile::tempdir_in(dir)?;
            by_goat(Some(state.path()))?;
            by_goat(Some(state.path()))
        }
        Which::Kept => {
            let mut attached = goat.attach_all(&gofmt.binary, plan)?;
            attached.ready()?;
            alone(&gofmt.binary)?;
            let run = alone(&gofmt.binary)?;
            attached.end()?;
            Ok(run)
        }
    }
}

/// Runs `command` and measures it, looking at its clock as in [`observed`].
fn alone(command: &mut Command) -> Result<Run> {
    let started = Instant::now();
    let mut running = Running(command.spawn().with_context(|| format!("cannot run {command:?}"))?);
    let mut stdout = running.0.stdout.take().context("no standard output")?;
    let reader = thread::spawn(move || {
        let mut output = Vec::new();
        stdout.read_to_end(&mut output).map(|_| output)
    });
    let cpu = until_ended(running.pid())?;
    let wall = started.elapsed().as_secs_f64();
    let code = running.0.wait()?.code();
    let output = reader.join().map_err(|_| anyhow::anyhow!("the reader panicked"))??;
    Ok(Run { cpu, wall, code, output })
}

/// Runs `goat run`, and measures its command from the moment at which the probes are in place.
fn observed(command: &mut Command) -> Result<Run> {
    let mut running = Running(command.spawn().with_context(|| format!("cannot run {command:?}"))?);
    let mut stdout = running.0.stdout.take().context("no standard output")?;
    let reader = thread::spawn(move || {
        let mut output = Vec::new();
        stdout.read_to_end(&mut output).map(|_| output)
    });
    let mut said = String::new();
    let mut lines = BufReader::new(running.0.stderr.take().context("no standard error")?).lines();
    for line in lines.by_ref().map_while(Result::ok) {
        said += &line;
        said.push('\n');
        if line.contains(" sites for ") {
            break;
        }
    }
    let started = Instant::now();
    thread::spawn(move || lines.for_each(drop));
    let goat = running.pid();
    let child = fs::read_to_string(format!("/proc/{goat}/task/{goat}/children")).unwrap_or_default();
    let child = child.split_whitespace().next().with_context(|| format!("goat run has no command: {said}"))?.parse()?;
    let cpu = until_ended(child)?;
    let wall = started.elapsed().as_secs_f64();
    let code = running.0.wait()?.code();
    let output = reader.join().map_err(|_| anyhow::anyhow!("the reader panicked"))??;
    Ok(Run { cpu, wall, code, output })
}

/// Waits until process `pid` has exited, and says how much CPU time it took, in seconds.
fn until_ended(pid: u32) -> Result<f64> {
    let clock = CpuClock::of(pid)?;
    let mut cpu = Duration::ZERO;
    let stat = format!("/proc/{pid}/stat");
    while let Some(now) = clock.read() {
        cpu = now;
        // A child that no one has waited for yet is still there, and its clock stands.
        let is_zombie =
            fs::read_to_string(&stat).is_ok_and(|s| s.rsplit(") ").next().is_some_and(|s| s.starts_with('Z')));
        if is_zombie {
            break;
        }
        thread::sleep(LOOK);
    }
    Ok(cpu.as_secs_f64())
}
