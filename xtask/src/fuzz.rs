//! `cargo xtask fuzz`: builds the targets of `fuzz/` for libFuzzer and runs each for a while.
//!
//! As cargo-fuzz does, but with the stable compiler: LLVM's coverage pass is one of its options, and what memory sanitizers
//! look for can't happen in safe Rust.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command},
    thread,
};

use anyhow::{Context, Result, bail, ensure};

use crate::repository;

const TARGETS: [&str; 7] = ["elf", "dwarf", "pclntab", "build-info", "plan", "state", "yaml"];

/// What cargo-fuzz passes on Linux, without a sanitizer.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing";

const TRIPLE: &str =
    if cfg!(target_arch = "aarch64") { "aarch64-unknown-linux-gnu" } else { "x86_64-unknown-linux-gnu" };

/// A program with a closure, a generic function and inlined calls, and as little else as Go allows.
const PROGRAM: &str = r#"package main

type list[T any] struct {
	next  *list[T]
	value T
}

func (l *list[T]) each(f func(T)) {
	for ; l != nil; l = l.next {
		f(l.value)
	}
}

func twice(n int) int { return n + n }

func main() {
	l := &list[int]{value: 1}
	l = &list[int]{l, 2}
	sum := 0
	defer func() { println(sum) }()
	l.each(func(n int) { sum += twice(n) })
}
"#;

/// Builds, and runs `targets` (all if there are none), as many beside one another as there are processors.
pub fn run(seconds: u32, targets: &[String]) -> Result<()> {
    let targets = match targets {
        [] => TARGETS.to_vec(),
        some => some.iter().map(String::as_str).collect(),
    };
    if let Some(unknown) = targets.iter().find(|target| !TARGETS.contains(target)) {
        bail!("there is no target {unknown}: {}", TARGETS.join(", "));
    }
    let root = repository::root();
    let dir = root.join("target/fuzz");
    let bases = bases(&dir)?;
    build(&root, &dir)?;
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    let mut crashed = Vec::new();
    for some in targets.chunks(jobs) {
        let runs: Vec<_> =
            some.iter().map(|target| Run::start(&root, &dir, target, seconds, &bases)).collect::<Result<_>>()?;
        for run in runs {
            let target = run.target;
            if !run.finish()? {
                crashed.push(target);
            }
        }
    }
    ensure!(crashed.is_empty(), "{} crashed; the inputs are in {}", crashed.join(", "), dir.join("found").display());
    Ok(())
}

/// What the inputs are patches of: with DWARF, and without.
struct Bases {
    whole: PathBuf,
    stripped: PathBuf,
}

fn bases(dir: &Path) -> Result<Bases> {
    let source = dir.join("base");
    fs::create_dir_all(&source)?;
    fs::write(source.join("main.go"), PROGRAM)?;
    fs::write(source.join("go.mod"), "module example.com/fuzz\n\ngo 1.21\n")?;
    let make = |name: &str, flags: &str| {
        let path = source.join(name);
        let mut go = Command::new("go");
        go.current_dir(&source)
            .args(["build", "-buildvcs=false", "-trimpath"])
            .arg(flags)
            .arg("-o")
            .arg(&path)
            .arg(".");
        go.env("CGO_ENABLED", "0").env_remove("GOFLAGS");
        let status = go.status().context("cannot run go")?;
        ensure!(status.success(), "go build: {status}");
        Ok(path)
    };
    Ok(Bases { whole: make("whole", "-ldflags=-compressdwarf=false")?, stripped: make("stripped", "-ldflags=-s -w")? })
}

fn build(root: &Path, dir: &Path) -> Result<()> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut cargo = Command::new(cargo);
    // Named, so that build scripts and macros are built without the flags.
    cargo
        .args(["build", "--release", "--locked", "--target", TRIPLE, "--manifest-path"])
        .arg(root.join("fuzz/Cargo.toml"));
    let status = cargo.env("CARGO_TARGET_DIR", dir).env("RUSTFLAGS", FLAGS).status().context("cannot run cargo")?;
    ensure!(status.success(), "cannot build the fuzz targets: {status}");
    Ok(())
}

/// A target at work.
struct Run<'a> {
    target: &'a str,
    log: PathBuf,
    child: Child,
}

impl<'a> Run<'a> {
    fn start(root: &Path, dir: &Path, target: &'a str, seconds: u32, bases: &Bases) -> Result<Self> {
        let (corpus, found) = (dir.join("corpus").join(target), dir.join("found").join(target));
        fs::create_dir_all(&corpus)?;
        fs::create_dir_all(&found)?;
        // Kept with the sources: what once crashed, and what is worth to begin with.
        let seeds = root.join("fuzz/seeds").join(target);
        fs::create_dir_all(&seeds)?;
        let base = if target == "pclntab" { &bases.stripped } else { &bases.whole };
        let log = dir.join(format!("{target}.log"));
        let child = Command::new(dir.join(TRIPLE).join("release").join(target))
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-artifact_prefix={}/", found.display()))
            .args(["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"])
            .arg(&corpus)
            .arg(&seeds)
            .env("GOAT_FUZZ_BASE", base)
            .stdout(fs::File::create(dir.join(format!("{target}.out")))?)
            .stderr(fs::File::create(&log)?)
            .spawn()
            .with_context(|| format!("cannot run {target}"))?;
        Ok(Self { target, log, child })
    }

    /// Waits; whether nothing crashed.
    fn finish(mut self) -> Result<bool> {
        let status = self.child.wait()?;
        let log = String::from_utf8_lossy(&fs::read(&self.log)?).into_owned();
        let value = |name: &str| log.lines().find_map(|line| line.strip_prefix(name)).map_or("?", str::trim).to_owned();
        let coverage = log.lines().rev().find_map(|line| line.split_once(" cov: ")?.1.split(' ').next());
        println!(
            "{:<12}{} inputs, {} a second, {} edges: {}",
            self.target,
            value("stat::number_of_executed_units:"),
            value("stat::average_exec_per_sec:"),
            coverage.unwrap_or("?"),
            if status.success() { "no crash" } else { "CRASHED" },
        );
        if !status.success() {
            let tail: Vec<&str> = log.lines().rev().take(30).collect();
            tail.iter().rev().for_each(|line| println!("    {line}"));
        }
        Ok(status.success())
    }
}
