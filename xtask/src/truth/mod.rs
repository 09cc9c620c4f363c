//! `cargo xtask truth`: is what goat says ran what ran? Programs are built as released and once more by `go build -cover`, both
//! are driven with the same input, and goat's answer about each line is held against the counters of the block that it is in.

mod disassembly;
mod drive;
mod goat;
mod judge;
mod oracle;
mod place;
mod profile;
mod report;
mod statements;
mod subject;
mod subjects;
mod toolchain;

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};

use crate::repository;
use judge::{Figures, Verdict};
use report::{Disagreement, ProgramReport, SubjectReport};
use subject::{Program, Tree};

pub(crate) use statements::run_tool;

/// What is to be judged, and how the result is shown.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to judge; all of them if none is named: corpus, gofmt
    subjects: Vec<String>,

    /// Only these programs of the subjects: a trap of the corpus
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,

    /// How the result is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,

    /// Disagreements shown with their machine code, per program
    #[arg(long, value_name = "N", default_value_t = 25)]
    details: usize,
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
        [] => subjects::NAMES.to_vec(),
        names => names.iter().map(String::as_str).collect(),
    };
    let mut reports = Vec::new();
    for name in names {
        let dir = repository::root().join("target/tmp/truth").join(name);
        if dir.exists() {
            fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
        }
        let mut subject = subjects::make(name, &dir)?;
        subject.programs.retain(|p| args.only.is_empty() || args.only.contains(&p.name));
        let mut report = SubjectReport { name: subject.name, about: subject.about, programs: Vec::new() };
        for program in &subject.programs {
            let work = dir.join("work").join(&program.name);
            let judged = judge_program(args, &goat, &subject.tree, program, &work);
            report.programs.push(judged.with_context(|| format!("{name}: {}", program.name))?);
        }
        if args.format == Format::Text {
            print!("{}", report::text(&report));
        }
        reports.push(report);
    }
    if args.format == Format::Json {
        println!("{}", report::json(&reports)?);
    }
    let wrong: usize = reports.iter().map(|r| r.total().falsely_covered).sum();
    ensure!(wrong == 0, "{wrong} lines that did not run were called covered");
    Ok(())
}

fn judge_program(args: &Args, goat: &Path, tree: &Tree, program: &Program, dir: &Path) -> Result<ProgramReport> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let binary = dir.join(&program.name);
    oracle::release(program, &binary)?;
    let plan = goat::plan(goat, tree, &binary, "line", dir)?;
    let oracle = oracle::ask(tree, program, &plan, dir)?;

    let mut answer = goat::Answer::default();
    let mut changed_output = 0;
    for (drive, bare) in program.drives.iter().zip(&oracle.heard) {
        let (seen, heard) = goat::observe(goat, &plan.path, &binary, drive, "bool")?;
        answer.add(seen);
        changed_output += usize::from(heard != *bare);
    }

    let sources = place::Sources::read(&tree.root, plan.points.iter().filter(|p| !p.is_excluded()))?;
    let judged = judge::judge(&tree.root, &sources, &plan, &answer, &oracle);
    let mut figures = Figures::of(&judged);
    (figures.sites, figures.emulated) = (plan.summary.sites, plan.summary.emulated);
    figures.not_armed = answer.not_armed;

    let mut disassembly = disassembly::Disassembly::new(&binary);
    let mut details = args.details;
    let mut report = ProgramReport::new(program.name.clone(), figures, changed_output);
    for one in &judged {
        let wrong = matches!(one.verdict, Verdict::FalselyCovered | Verdict::Missed);
        let code = if wrong && details > 0 {
            details -= 1;
            let mut names: Vec<String> = one.point.sites.iter().map(|s| s.function.clone()).collect();
            names.dedup();
            disassembly.around(one.point, &names)?
        } else {
            String::new()
        };
        let source = sources.line(&one.point.file, one.point.line).trim().to_owned();
        report.add(Disagreement::new(one, source, code));
    }
    Ok(report)
}
