//! Does a program do what it does without probes while every site of it holds a breakpoint, each statement traps, the garbage
//! collector never rests and the scheduler interrupts goroutines wherever they are?

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use super::{
    Format, directory, document,
    goat::{self, Answer},
    oracle,
    subject::{Drive, Variant},
    subjects,
};

/// What a run left behind.
#[derive(PartialEq, Eq)]
struct Outcome {
    stdout: Vec<u8>,
    /// Without goat's own lines.
    stderr: String,
    code: Option<i32>,
    /// What it wrote to the file behind `-o`.
    file: Option<Vec<u8>>,
}

/// A program's runs.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct Survival {
    program: String,
    sites: usize,
    /// Points that ran at least once, and all hits on them, in one run.
    points: usize,
    hits: u64,
    /// Points without a probe in place.
    not_armed: usize,
    runs: usize,
    /// Runs that did something else than the program does without probes.
    different: usize,
    seconds_without: f64,
    seconds_with: f64,
}

/// Runs each of `commands` `runs` times, and fails if one of them does anything else than without probes.
pub(super) fn run(goat: &Path, commands: &[&str], runs: usize, format: Format, document: Option<&Path>) -> Result<()> {
    let mut all = Vec::new();
    for name in commands {
        let survival = survive(goat, name, runs).with_context(|| format!("running {name}"))?;
        if format == Format::Text {
            let Survival { sites, points, hits, different, not_armed, .. } = &survival;
            println!(
                "-- {name}: {sites} sites in place, {not_armed} points without; {points} points hit {hits} times a run"
            );
            println!(
                "   {} runs, {different} differ; a run took {:.2} s, {:.3} s without probes",
                survival.runs, survival.seconds_with, survival.seconds_without
            );
        }
        all.push(survival);
    }
    document::tell(&all, format, document, document::SURVIVAL, markdown)?;
    let different: usize = all.iter().map(|s| s.different).sum();
    ensure!(different == 0, "{different} runs did something else than without probes");
    ensure!(all.iter().all(|s| s.hits > 0 && s.not_armed == 0), "not every site was in place");
    Ok(())
}

fn markdown(all: &[Survival]) -> String {
    let mut text = String::from(
        "By `cargo xtask truth --survive`: every site's breakpoint in place from beginning to end, `GOGC=1`, asynchronous preemption on; \
         output, complaints, exit code and written files held against those of the program alone. gofmt formats the package errors and \
         files of its own, vet looks at errors, the compiler compiles it.\n\n\
         | | sites | points hit | hits a run | runs | that differ |\n| --- | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for s in all {
        let Survival { program, sites, points, hits, runs, different, .. } = s;
        let _ = writeln!(text, "| {program} | {sites} | {points} | {hits} | {runs} | {different} |");
    }
    text
}

fn survive(goat: &Path, name: &str, runs: usize) -> Result<Survival> {
    let (dir, _lock) = directory(&format!("survive-{name}"))?;
    let variant = Variant::default();
    let subject = subjects::small(name, &dir, &variant)?;
    let program = subject.programs.first().context("no program")?;
    oracle::release(&subject.programs, &variant, &dir.join("released"))?;
    let binary = dir.join("released").join(&program.name);
    let plan = goat::plan(goat, &subject.tree, &binary, "line", &dir.join("work"))?;

    let mut survival = Survival { program: name.to_owned(), sites: plan.summary.sites, runs, ..Survival::default() };
    let report = dir.join("report.json");
    for drive in &program.drives {
        let start = Instant::now();
        let expected = outcome(&mut command(&binary, None, drive)?, drive)?;
        survival.seconds_without += start.elapsed().as_secs_f64();
        ensure!(expected == outcome(&mut command(&binary, None, drive)?, drive)?, "its own runs differ");
        let mut spent = Duration::ZERO;
        for run in 0..runs {
            let start = Instant::now();
            let mut probed = command(&binary, Some((goat, &plan.path, &report)), drive)?;
            survival.different += usize::from(outcome(&mut probed, drive)? != expected);
            spent += start.elapsed();
            let answer = Answer::read(&report)?;
            survival.not_armed = survival.not_armed.max(answer.not_armed);
            if run == 0 {
                survival.hits += answer.counts.values().sum::<u64>();
                survival.points += answer.counts.values().filter(|count| **count > 0).count();
            }
        }
        survival.seconds_with += spent.as_secs_f64() / runs.max(1) as f64;
    }
    Ok(survival)
}

/// The drive's command, under goat with a plan and a report if they are given.
fn command(binary: &Path, probes: Option<(&Path, &Path, &Path)>, drive: &Drive) -> Result<Command> {
    let Drive::Run { args, dir } = drive else { anyhow::bail!("only a program that ends by itself can be compared") };
    let mut command = match probes {
        None => Command::new(binary),
        Some((goat, plan, report)) => {
            let mut run = goat::clean(goat);
            run.args(["run", "--data-type", "count", "--max-overhead", "off", "--plan"])
                .arg(plan)
                .arg("--report")
                .arg(report);
            run.arg("--").arg(binary);
            run
        }
    };
    // The compiler's own threads, as `go build` has it use them.
    command.args(args.iter().map(|arg| if arg == "-c=1" { "-c=4" } else { arg })).current_dir(dir);
    // Asynchronous preemption is on unless GODEBUG says otherwise.
    command.env("GOGC", "1").env_remove("GODEBUG").env_remove("GOMAXPROCS").env_remove("GOMEMLIMIT");
    Ok(command)
}

fn outcome(command: &mut Command, drive: &Drive) -> Result<Outcome> {
    let file = output_file(drive);
    if let Some(file) = &file {
        let _ = fs::remove_file(file);
    }
    let out = command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {command:?}"))?;
    let stderr = String::from_utf8_lossy(&out.stderr);
    let is_goats = |line: &&str| ["goat: ", "warning: ", "note: "].iter().any(|start| line.starts_with(start));
    let stderr = stderr.split_inclusive('\n').filter(|line| !is_goats(line)).collect();
    let file =
        file.map(|file| fs::read(&file).with_context(|| format!("it wrote no {}", file.display()))).transpose()?;
    Ok(Outcome { stdout: out.stdout, stderr, code: out.status.code(), file })
}

fn output_file(drive: &Drive) -> Option<PathBuf> {
    let Drive::Run { args, dir } = drive else { return None };
    args.iter().position(|arg| arg == "-o").and_then(|at| args.get(at + 1)).map(|file| dir.join(file))
}
