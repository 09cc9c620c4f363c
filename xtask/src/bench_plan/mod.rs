//! `cargo xtask bench plan`: what making a plan takes, of time and of memory, for large binaries and long histories.

mod history;
mod measure;
mod subject;

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use crate::{bench_overhead::Machine, marked, repository, truth::toolchain};
use history::Size;
use measure::{Runs, runs};
use subject::{Named, Subject};

/// The made-up history by default.
const LARGE: Size = Size { commits: 100_000, files: 20_000, changed: 1_000 };

/// What is measured.
#[derive(clap::Args, Clone)]
pub(crate) struct Args {
    /// A repository with all of its history, two of its commits, and the package of a command: DIR,OLD,NEW,PACKAGE
    #[arg(long, value_name = "DIR,OLD,NEW,PACKAGE")]
    subject: Vec<Named>,

    /// Leave the made-up history out
    #[arg(long)]
    no_generated: bool,

    /// How often each is run; the median counts
    #[arg(long, value_name = "N", default_value_t = 9)]
    runs: usize,

    /// Time this shell command, too, where the new side is checked out, with OLD, NEW and PRECISION in its environment: another
    /// tool's diff, to stand beside
    #[arg(long, value_name = "COMMAND")]
    beside: Option<String>,

    /// Put the tables into docs/performance.md
    #[arg(long)]
    write: bool,
}

/// One line of the table.
struct Row {
    subject: String,
    binary: &'static str,
    megabytes: f64,
    precision: u8,
    files: usize,
    points: usize,
    sites: u64,
    whole: Runs,
    /// Of the run that was the median.
    parts: Parts,
    beside: Option<Duration>,
}

/// What a plan's parts took, as `GOAT_LOG=goat::timed=info` has it.
struct Parts {
    diff: Duration,
    sources: Duration,
    /// Opening it, and reading the functions of changed files.
    binary: Duration,
    /// Decoding them and choosing sites.
    sites: Duration,
}

/// Measures.
pub(crate) fn run(args: &Args) -> Result<()> {
    let machine = Machine::look()?;
    let root = repository::root();
    let dir = root.join("target/bench-plan");
    fs::create_dir_all(&dir)?;
    let goat = build(&root)?;
    let mut rows = Vec::new();
    let generated = (!args.no_generated).then(|| Subject::generated(&dir, LARGE));
    let named = args.subject.iter().map(|named| Subject::named(&dir, named));
    for subject in generated.into_iter().chain(named) {
        measure(args, &goat, &subject?, &dir, &mut rows)?;
    }
    ensure!(!rows.is_empty(), "there is nothing to measure: name a --subject, or leave --no-generated out");
    let tables = format!("`{}`\n\n{}\n\n{}", said(args), machine.text(), table(&rows));
    println!("{tables}");
    if args.write {
        marked::write("plan", &tables)?;
    }
    Ok(())
}

fn build(root: &Path) -> Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut cargo = Command::new(cargo);
    cargo.current_dir(root).args([
        "build",
        "--quiet",
        "--release",
        "--locked",
        "-p",
        "goat-userspace",
        "--bin",
        "goat",
    ]);
    ensure!(cargo.status().context("cannot run cargo")?.success(), "cannot build goat");
    // This program stands in the same target directory, under the profile that it was built with.
    let target =
        env::current_exe()?.parent().and_then(Path::parent).context("no target directory")?.join("release/goat");
    Ok(target)
}

fn measure(args: &Args, goat: &Path, subject: &Subject, dir: &Path, rows: &mut Vec<Row>) -> Result<()> {
    let plan = dir.join("bench.goatplan");
    for precision in [2, 1] {
        let beside = match &args.beside {
            Some(command) => match runs(args.runs.min(3), || beside(command, subject, precision)) {
                Ok(runs) => Some(runs.wall),
                // It may not be able to do what goat does, or not within the time that its command allows it.
                Err(error) => {
                    eprintln!("{}, precision {precision}: {error:#}", subject.name);
                    None
                }
            },
            None => None,
        };
        for (binary, path) in [("stripped", &subject.stripped), ("DWARF", &subject.whole)] {
            let command = || {
                let mut goat = Command::new(goat);
                goat.args(["plan", "--granularity", "line", "--diff-precision", &precision.to_string(), "--repo"]);
                goat.arg(&subject.repository)
                    .args(["--old", &subject.old, "--new", &subject.new, "--binary"])
                    .arg(path);
                goat.arg("--output").arg(&plan).args(["--format", "json"]);
                // Settings of the user's environment.
                env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GOAT_")).for_each(|(name, _)| {
                    goat.env_remove(name);
                });
                goat.env("GOAT_LOG", "goat::timed=info");
                goat
            };
            let whole = runs(args.runs, command)?;
            let shown = toolchain::output(&mut command())?;
            let shown: serde_json::Value = serde_json::from_str(&shown).context("goat plan wrote no JSON")?;
            let list = |name: &str| shown[name].as_array().map(Vec::as_slice).unwrap_or_default();
            let files: BTreeSet<_> =
                list("points").iter().chain(list("noCode")).filter_map(|one| one["file"].as_str()).collect();
            let row = Row {
                subject: subject.name.clone(),
                binary,
                megabytes: fs::metadata(path)?.len() as f64 / 1e6,
                precision,
                files: files.len(),
                points: list("points").len(),
                sites: shown["summary"]["sites"].as_u64().unwrap_or_default(),
                parts: parts(&whole.said)?,
                whole,
                beside,
            };
            println!("{}", line(&row));
            rows.push(row);
        }
    }
    Ok(())
}

fn beside(command: &str, subject: &Subject, precision: u8) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).current_dir(&subject.repository);
    shell.envs([("OLD", &subject.old), ("NEW", &subject.new), ("PRECISION", &precision.to_string())]);
    shell
}

/// Reads ` INFO goat::timed: compared ms=12.5` lines.
fn parts(log: &str) -> Result<Parts> {
    let took: BTreeMap<&str, f64> = log
        .lines()
        .filter_map(|line| {
            let (what, ms) = line.split_once("goat::timed: ")?.1.split_once(" ms=")?;
            Some((what, ms.trim().parse().ok()?))
        })
        .collect();
    let part = |names: &[&str]| {
        let ms = names.iter().map(|name| took.get(name).copied().with_context(|| format!("goat said no {name:?}")));
        ms.sum::<Result<f64>>().map(|ms| Duration::from_secs_f64(ms / 1e3))
    };
    let functions = part(&["functions read"])?;
    Ok(Parts {
        diff: part(&["revisions compared"])?,
        sources: part(&["sources read"])?,
        binary: part(&["binary opened", "file names read"])? + functions,
        sites: part(&["sites chosen"])?.saturating_sub(functions),
    })
}

/// The command that made the tables.
fn said(args: &Args) -> String {
    let mut text = "cargo xtask bench plan".to_owned();
    for Named { .. } in &args.subject {
        text += " --subject DIR,OLD,NEW,PACKAGE";
    }
    text
}

fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| history | binary | MB | precision | files | points | sites | whole plan | CPU | memory | diff | sources | binary | sites | beside |\n\
         | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for row in rows {
        let _ = writeln!(text, "{}", line(row));
    }
    text
}

fn line(row: &Row) -> String {
    let Row { subject, binary, megabytes, precision, files, points, sites, whole, parts, beside } = row;
    let ms = |time: Duration| format!("{:.0} ms", time.as_secs_f64() * 1e3);
    let beside = beside.map(ms).unwrap_or_default();
    format!(
        "| {subject} | {binary} | {megabytes:.0} | {precision} | {files} | {points} | {sites} | {} | {} | {:.0} MiB | {} | {} | {} | {} | {beside} |",
        ms(whole.wall),
        ms(whole.cpu),
        whole.memory as f64 / f64::from(1 << 20),
        ms(parts.diff),
        ms(parts.sources),
        ms(parts.binary),
        ms(parts.sites),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_read_from_what_goat_says() {
        let log: String = [
            ("binary opened", 1.5),
            ("revisions compared", 2.5),
            ("sources read", 3.0),
            ("file names read", 0.5),
            ("functions read", 2.0),
            ("sites chosen", 6.5),
        ]
        .map(|(what, ms)| format!(" INFO goat::timed: {what} ms={ms}\nwarning: x\n"))
        .concat();
        let found = parts(&log).unwrap();
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        assert_eq!((ms(found.diff), ms(found.sources), ms(found.binary), ms(found.sites)), (2.5, 3.0, 4.0, 4.5));
        assert!(parts("").is_err());
    }
}
