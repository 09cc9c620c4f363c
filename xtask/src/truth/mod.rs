//! `cargo xtask truth`: is what goat says ran what ran? Programs are built as released and once more by `go build -cover`, both
//! are driven with the same input, and goat's answer about each line is held against the counters of the block that it is in.

mod baseline;
mod counts;
mod disassembly;
pub(crate) mod document;
mod drive;
mod emulated;
mod goat;
mod judge;
mod oracle;
mod pgo;
mod place;
mod profile;
mod report;
mod service;
mod statements;
mod stripped;
mod subject;
mod subjects;
mod survive;
mod tables;
pub(crate) mod toolchain;
mod variants;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use crate::repository;
use disassembly::Disassembly;
use goat::Plan;
use judge::{Figures, Verdict};
use oracle::Oracle;
use place::Sources;
use profile::Homes;
use report::{Disagreement, ProgramReport, SubjectReport};
use subject::{PROFILE, Program, Subject, Tree, Variant};
use variants::Named;

pub(crate) use statements::run_tool;

/// Where figures are kept, from the repository's root.
const DOCUMENT: &str = "docs/accuracy.md";

/// What is to be judged, and how the result is shown.
#[derive(clap::Args, Clone)]
pub(crate) struct Args {
    /// What to judge; all of them if none is named: corpus, gofmt, vet, compile, httpbin
    subjects: Vec<String>,

    #[command(flatten)]
    own: subjects::Own,

    /// Only these programs of the subjects: a trap of the corpus
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,

    /// How the result is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,

    /// A flag for `go build`, of the released program and of the one with counters: `--build-flag=-gcflags=all=-l`
    #[arg(long, value_name = "FLAG", allow_hyphen_values = true)]
    build_flag: Vec<String>,

    /// A variable in the environment of `go`: `--env GOAMD64=v3`, `--env GOTOOLCHAIN=go1.25.5`
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<String>,

    /// Judge those of the subjects that are corpus or gofmt once more for each of several Go releases, flags and targets
    #[arg(long)]
    variants: bool,

    /// Judge these variants only, and nothing else: a part of their names
    #[arg(long, value_name = "NAME", allow_hyphen_values = true, requires = "variants")]
    variant: Vec<String>,

    /// Instead of judging anything: compare every instruction's line in DWARF and in pclntab of gofmt, vet and the compiler, or
    /// of those that are named
    #[arg(long, conflicts_with_all = ["variants", "survive"])]
    tables: bool,

    /// Instead of judging anything: run gofmt, vet and the compiler, or those that are named, with every probe in place from
    /// beginning to end and the collector always at work, and compare what they do with what they do without
    #[arg(long, conflicts_with = "variants")]
    survive: bool,

    /// Instead of judging anything: compare the plans for each subject's programs with those for the same programs stripped
    #[arg(long, conflicts_with_all = ["variants", "tables", "survive"])]
    stripped: bool,

    /// How often they have to, for --survive
    #[arg(long, value_name = "N", default_value_t = 20, requires = "survive")]
    runs: usize,

    /// Write the figures to docs/accuracy.md
    #[arg(long)]
    write: bool,

    /// Judge plans for arm64, of the corpus or of gofmt: an emulator, qemu-aarch64, says which sites are executed
    #[arg(long, conflicts_with_all = ["variants", "survive", "tables", "counts", "baseline", "write"])]
    arm64: bool,

    /// Judge an address-only mapping on the same inputs too
    #[arg(long)]
    baseline: bool,

    /// Compare counts too, at func granularity
    #[arg(long)]
    counts: bool,

    /// How many of the points that goat missed are shown with their machine code, per program
    #[arg(long, value_name = "N", default_value_t = 25)]
    details: usize,
}

impl Args {
    /// The document, as far as it has come: all of it takes long.
    /// Nothing, from the first subject on of which a program could not be judged: its figures would be too good. Variants that could
    /// not be judged are left out.
    fn write(&self, reports: &[SubjectReport], variants: &[SubjectReport]) -> Result<()> {
        let is_whole = |report: &&SubjectReport| report.failed.is_empty();
        if self.write && reports.iter().all(|report| is_whole(&report)) {
            let variants: Vec<_> = variants.iter().filter(is_whole).collect();
            document::write(&repository::root().join(DOCUMENT), reports, &variants)?;
        }
        Ok(())
    }

    fn show(&self, report: &SubjectReport) {
        if self.format == Format::Text {
            print!("{}", report::text(report));
        }
    }

    /// The named commands of the Go distribution, or all of them.
    fn distribution(&self) -> Result<Vec<&'static str>> {
        const COMMANDS: [&str; 3] = ["gofmt", "vet", "compile"];
        let unknown = self.subjects.iter().find(|name| !COMMANDS.contains(&&***name));
        ensure!(unknown.is_none(), "only gofmt, vet and compile can be asked for");
        let wanted = |name: &&str| self.subjects.is_empty() || self.subjects.iter().any(|s| s == name);
        Ok(COMMANDS.into_iter().filter(wanted).collect())
    }

    fn environment(&self) -> Result<Vec<(String, String)>> {
        let pair = |pair: &String| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.env.iter().map(|env| pair(env).with_context(|| format!("{env:?} is not NAME=VALUE"))).collect()
    }
}

#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq)]
enum Format {
    Text,
    Json,
}

/// Judges, prints, and fails if a line that did not run was called covered.
pub(crate) fn run(args: &Args) -> Result<()> {
    let path = repository::root().join(DOCUMENT);
    let document = args.write.then_some(&*path);
    if args.tables {
        return tables::run(&args.distribution()?, args.format, document);
    }
    let goat = goat::binary()?;
    if args.survive {
        return survive::run(&goat, &args.distribution()?, args.runs, args.format, document);
    }
    if args.arm64 {
        emulated::check()?;
    }
    let names: Vec<&str> = match &args.subjects[..] {
        [] if args.own.is_given() => vec!["own"],
        [] if args.arm64 => vec!["corpus"],
        [] => subjects::NAMES.to_vec(),
        names => names.iter().map(String::as_str).collect(),
    };
    if args.stripped {
        let make = |name: &str, dir: &Path| match name {
            "own" => args.own.make(dir),
            _ => subjects::make(name, dir, &Variant::default()),
        };
        return stripped::run(&goat, &names, &make, args.format, document);
    }
    let variant = Variant { flags: args.build_flag.clone(), env: args.environment()? };
    let mut reports = Vec::new();
    for name in names.iter().filter(|_| args.variant.is_empty()) {
        let report = judge_named(args, &goat, &variant, name)?;
        args.show(&report);
        reports.push(report);
        args.write(&reports, &[])?;
    }
    let mut variants = Vec::new();
    let lines_only = Args { baseline: false, counts: false, ..args.clone() };
    let wanted = |named: &&Named| {
        args.variants && (args.variant.is_empty() || args.variant.iter().any(|part| named.name.contains(part)))
    };
    for name in variants::SUBJECTS.iter().filter(|name| names.contains(name)) {
        for named in variants::ALL.iter().filter(wanted) {
            let mut report = judge_named(&lines_only, &goat, &named.variant(), name).unwrap_or_else(|error| {
                eprintln!("error: {name}, {}: {error:#}", named.name);
                SubjectReport { failed: vec![named.name.to_owned()], ..SubjectReport::default() }
            });
            report.name = format!("{name}, {}", named.name);
            args.show(&report);
            variants.push(report);
            args.write(&reports, &variants)?;
        }
    }
    if args.format == Format::Json {
        println!("{}", report::json(&reports)?);
    }
    let all = || reports.iter().chain(&variants);
    let failed: usize = all().map(|r| r.failed.len()).sum();
    let wrong: usize = all().map(|r| r.total().falsely_covered).sum();
    ensure!(failed == 0, "{failed} programs could not be judged");
    ensure!(wrong == 0, "{wrong} lines that did not run were called covered");
    Ok(())
}

/// An empty directory, and what keeps others from it: the tests and a person may ask at the same time.
fn directory(name: &str) -> Result<(PathBuf, fs::File)> {
    let dir = repository::root().join("target/tmp/truth").join(name);
    fs::create_dir_all(dir.parent().context("the directory has a parent")?)?;
    let lock = fs::File::create(dir.with_extension("lock"))?;
    lock.lock().with_context(|| format!("cannot lock {}", dir.display()))?;
    if dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
    }
    Ok((dir, lock))
}

fn judge_named(args: &Args, goat: &Path, variant: &Variant, name: &str) -> Result<SubjectReport> {
    let (dir, _lock) = directory(name)?;
    let mut subject = match name {
        "own" => args.own.make(&dir)?,
        // The emulator takes a thousand times as long.
        "gofmt" | "vet" | "compile" if args.arm64 => subjects::small(name, &dir, variant)?,
        _ => subjects::make(name, &dir, variant)?,
    };
    subject.programs.retain(|p| args.only.is_empty() || args.only.contains(&p.name));
    judge_subject(args, goat, variant, subject, &dir).with_context(|| format!("judging {name}"))
}

fn judge_subject(args: &Args, goat: &Path, variant: &Variant, subject: Subject, dir: &Path) -> Result<SubjectReport> {
    let Subject { name, about, tree, programs, profiled } = subject;
    let programs = oracle::in_the_build(programs, variant)?;
    let guided;
    let variant = if variant.flags.iter().any(|flag| flag == PROFILE) {
        guided = pgo::guided(variant, &programs, profiled.as_ref(), dir)?;
        &guided
    } else {
        variant
    };
    let (released, instrumented) = (dir.join("released"), dir.join("instrumented"));
    let mut report = SubjectReport { name, about, programs: Vec::new(), failed: Vec::new() };
    // One program that fails is no reason to know nothing of the others.
    let mut fail = |program: &Program, error: anyhow::Error| {
        eprintln!("error: {}: {error:#}", program.name);
        report.failed.push(program.name.clone());
    };

    let target = if args.arm64 { &emulated::variant(variant) } else { variant };
    oracle::release(&programs, target, &released)?;
    let mut plans = Vec::new();
    for program in &programs {
        let work = dir.join("work").join(&program.name);
        match goat::plan(goat, &tree, &released.join(&program.name), "line", &work) {
            Ok(plan) => plans.push((program, plan, work)),
            Err(error) => fail(program, error),
        }
    }
    let points = plans.iter().flat_map(|(_, plan, _)| &plan.points);
    let sources = Sources::read(&tree.root, points.filter(|p| !p.is_excluded()))?;
    let marks = oracle::marks(&sources, plans.iter().map(|(_, plan, _)| plan));
    let Some(first) = programs.first() else { return Ok(report) };
    let packages: Vec<&str> = programs.iter().flat_map(|p| &p.packages).map(String::as_str).collect();
    let homes = Homes::find(variant, &first.dir, &tree.root, &packages)?;
    oracle::instrument(&tree, &programs, variant, &homes, &marks, &instrumented)?;

    for (program, plan, work) in &plans {
        let binary = instrumented.join(&program.name);
        let judged = oracle::ask(program, &homes, &marks, &binary, work).and_then(|oracle| {
            let case =
                Case { goat, tree: &tree, program, binary: &released.join(&program.name), sources: &sources, oracle };
            judge_program(args, &case, plan, work)
        });
        match judged {
            Ok(judged) => report.programs.push(judged),
            Err(error) => fail(program, error),
        }
    }
    Ok(report)
}

/// A program, built and with what the oracle says of it.
struct Case<'a> {
    goat: &'a Path,
    tree: &'a Tree,
    program: &'a Program,
    /// As released.
    binary: &'a Path,
    sources: &'a Sources,
    oracle: Oracle<'a>,
}

fn judge_program(args: &Args, case: &Case<'_>, plan: &Plan, dir: &Path) -> Result<ProgramReport> {
    let (answer, changed_output) = if args.arm64 {
        emulated::drive_all(plan, case.binary, case.program, &case.oracle.heard)?
    } else {
        goat::drive_all(case.goat, &plan.path, case.binary, case.program, &case.oracle)?
    };
    let judged = judge::judge(case, plan, &answer);
    let mut figures = Figures::of(&judged);
    (figures.sites, figures.emulated) = (plan.summary.sites, plan.summary.emulated);
    figures.not_armed = answer.not_armed;

    let mut disassembly = Disassembly::new(case.binary);
    let mut details = args.details;
    let mut report = ProgramReport::new(case.program.name.clone(), figures, changed_output);
    if args.baseline {
        report.baseline = Some(baseline::figures(case, plan)?);
    }
    if args.counts {
        report.counts = Some(counts::compare(case, dir)?);
    }
    for one in &judged {
        let shown = match one.verdict {
            Verdict::FalselyCovered => true,
            Verdict::Missed if details > 0 => {
                details -= 1;
                true
            }
            _ => false,
        };
        let mut code = String::new();
        if shown {
            let mut names: Vec<String> = one.point.sites.iter().map(|s| s.function.clone()).collect();
            names.dedup();
            code = disassembly.around(one.point, &names);
        }
        let source = case.sources.line(&one.point.file, one.point.line).trim().to_owned();
        report.add(Disagreement::new(one, source, code));
    }
    Ok(report)
}
