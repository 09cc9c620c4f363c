//! `cargo xtask truth`: is what goat says ran what ran? Programs are built as released and once more by `go build -cover`, both
//! are driven with the same input, and goat's answer about each line is held against the counters of the block that it is in.

mod baseline;
mod counts;
mod disassembly;
mod document;
mod drive;
mod goat;
mod judge;
mod oracle;
mod place;
mod profile;
mod report;
mod service;
mod statements;
mod subject;
mod subjects;
pub(crate) mod toolchain;
mod variants;

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};

use crate::repository;
use disassembly::Disassembly;
use goat::Plan;
use judge::{Figures, Verdict};
use oracle::Oracle;
use place::Sources;
use profile::Homes;
use report::{Disagreement, ProgramReport, SubjectReport};
use subject::{Program, Subject, Tree, Variant};

pub(crate) use statements::run_tool;

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

    /// Judge the corpus once more for each of several Go releases, flags and targets
    #[arg(long)]
    variants: bool,

    /// Write the figures to docs/accuracy.md
    #[arg(long)]
    write: bool,

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
    fn write(&self, reports: &[SubjectReport], variants: &[SubjectReport]) -> Result<()> {
        if self.write {
            document::write(&repository::root().join("docs/accuracy.md"), reports, variants)?;
        }
        Ok(())
    }

    fn show(&self, report: &SubjectReport) {
        if self.format == Format::Text {
            print!("{}", report::text(report));
        }
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
    let goat = goat::binary()?;
    let names: Vec<&str> = match &args.subjects[..] {
        [] if args.own.is_given() => vec!["own"],
        [] => subjects::NAMES.to_vec(),
        names => names.iter().map(String::as_str).collect(),
    };
    let variant = Variant { flags: args.build_flag.clone(), env: args.environment()? };
    let mut reports = Vec::new();
    for name in names {
        let report = judge_named(args, &goat, &variant, name)?;
        args.show(&report);
        reports.push(report);
        args.write(&reports, &[])?;
    }
    let mut variants = Vec::new();
    let lines_only = Args { baseline: false, counts: false, ..args.clone() };
    for named in variants::ALL.iter().filter(|_| args.variants) {
        let mut report = judge_named(&lines_only, &goat, &named.variant(), "corpus")?;
        report.name = named.name.to_owned();
        args.show(&report);
        variants.push(report);
        args.write(&reports, &variants)?;
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

fn judge_named(args: &Args, goat: &Path, variant: &Variant, name: &str) -> Result<SubjectReport> {
    let dir = repository::root().join("target/tmp/truth").join(name);
    // The test and a person may ask at the same time.
    fs::create_dir_all(dir.parent().context("the directory has a parent")?)?;
    let lock = fs::File::create(dir.with_extension("lock"))?;
    lock.lock().with_context(|| format!("cannot lock {}", dir.display()))?;
    if dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
    }
    let mut subject = if name == "own" { args.own.make(&dir)? } else { subjects::make(name, &dir)? };
    subject.programs.retain(|p| args.only.is_empty() || args.only.contains(&p.name));
    judge_subject(args, goat, variant, subject, &dir).with_context(|| format!("judging {name}"))
}

fn judge_subject(args: &Args, goat: &Path, variant: &Variant, subject: Subject, dir: &Path) -> Result<SubjectReport> {
    let Subject { name, about, tree, programs } = subject;
    let programs = oracle::in_the_build(programs, variant)?;
    let (released, instrumented) = (dir.join("released"), dir.join("instrumented"));
    let mut report = SubjectReport { name, about, programs: Vec::new(), failed: Vec::new() };
    // One program that fails is no reason to know nothing of the others.
    let mut fail = |program: &Program, error: anyhow::Error| {
        eprintln!("error: {}: {error:#}", program.name);
        report.failed.push(program.name.clone());
    };

    oracle::release(&programs, variant, &released)?;
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
    let (answer, changed_output) = goat::drive_all(case.goat, &plan.path, case.binary, case.program, &case.oracle)?;
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
