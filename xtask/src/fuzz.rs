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

/// How long each target runs, unless something else is asked for.
pub const SECONDS: u32 = 60;

const TARGETS: [&str; 7] = ["elf", "dwarf", "pclntab", "build-info", "plan", "state", "yaml"];

/// What cargo-fuzz passes on Linux, without a sanitizer.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing";

/// The longest input that is printed whole, in bytes; libFuzzer makes none that is longer than 4096 unless a seed is.
const MAX_PRINTED: usize = 64 << 10;

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
    let make = |name: &str, flags: &[&str]| {
        let path = source.join(name);
        let mut go = Command::new("go");
        go.current_dir(&source)
            .args(["build", "-buildvcs=false", "-trimpath"])
            .args(flags)
            .arg("-o")
            .arg(&path)
            .arg(".");
        go.env("CGO_ENABLED", "0").env_remove("GOFLAGS");
        let status = go.status().context("cannot run go")?;
        ensure!(status.success(), "go build: {status}");
        Ok(path)
    };
    // DWARF of the program alone: that of the runtime would take most of the time, and most of the patches.
    let whole = ["-ldflags=-compressdwarf=false", "-gcflags=all=-dwarf=false", "-gcflags=example.com/fuzz=-dwarf=true"];
    Ok(Bases { whole: make("whole", &whole)?, stripped: make("stripped", &["-ldflags=-s -w"])? })
}

fn build(root: &Path, dir: &Path) -> Result<()> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut cargo = Command::new(cargo);
    // Named, so that build scripts and macros are built without the flags.
    cargo
        .args(["build", "--release", "--locked", "--target", TRIPLE, "--manifest-path"])
        .arg(root.join("fuzz/Cargo.toml"));
    let status = cargo.env("CARGO_TARGET_DIR", dir).env("RUSTFLAGS", FLAGS).status().context("cannot run cargo")?;
    ensure!(
        status.success(),
        "cannot build the fuzz targets: {status} (if their lock file is out of date: cargo update --workspace --manifest-path fuzz/Cargo.toml)"
    );
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
            // An input takes milliseconds: what takes a minute hangs, also where the machine does other things besides.
            .args(["-timeout=60", "-rss_limit_mb=4096", "-print_final_stats=1"])
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
            print_inputs(&log)?;
        }
        Ok(status.success())
    }
}

/// The inputs that a run left, by what it said: where it ran, they may be gone before anybody looks.
fn print_inputs(log: &str) -> Result<()> {
    for path in log.lines().filter_map(|line| line.split_once("Test unit written to ")?.1.split_whitespace().next()) {
        let bytes = fs::read(path).with_context(|| format!("cannot read {path}"))?;
        println!("    {} bytes, {path}; `base64 -d` makes it of:", bytes.len());
        match bytes.len() {
            0..=MAX_PRINTED => println!("    {}", base64(&bytes)),
            _ => println!("    (too long to be printed)"),
        }
    }
    Ok(())
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().chain([&0, &0]).take(3).fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
        for digit in 0..4 {
            let is_there = digit <= group.len();
            let digit = DIGITS[(bits >> (18 - 6 * digit) & 63) as usize];
            text.push(char::from(if is_there { digit } else { b'=' }));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_crashed_is_printed_as_the_rfc_has_it() {
        for (bytes, expected) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(bytes.as_bytes()), expected);
        }
        assert_eq!(base64(&[0xff, 0xfe]), "//4=");
    }
}
