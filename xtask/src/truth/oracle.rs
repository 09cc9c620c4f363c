//! The oracle: the program as `go build -cover` makes it, driven as the released one is. What its runs disagree on is not judged.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use super::{
    drive::{self, Heard},
    goat::Plan,
    place::{FirstLines, Sources},
    profile::{Homes, Profile},
    statements::Marks,
    subject::{Program, Tree, Variant},
    toolchain,
};

/// How often each program is driven with counters: two runs that differ tell what depends on timing.
const RUNS: usize = 2;

/// What the oracle has seen.
pub(super) struct Oracle<'a> {
    /// One for each run, with the same blocks.
    pub(super) runs: Vec<Profile>,
    /// What the drives of the first run said.
    pub(super) heard: Vec<Heard>,
    /// Where statements were moved by.
    pub(super) marks: &'a Marks,
}

/// Those of `programs` that have files in this build: a constraint may keep one out of an older release's.
pub(super) fn in_the_build(programs: Vec<Program>, variant: &Variant) -> Result<Vec<Program>> {
    let Some(first) = programs.first() else { return Ok(programs) };
    let mut go = variant.go();
    go.current_dir(&first.dir).args(["list", "-e", "-f", "{{len .GoFiles}}"]).args(programs.iter().map(|p| &p.package));
    let files = toolchain::output(&mut go)?;
    // One line each, in the order asked for.
    Ok(programs.into_iter().zip(files.lines()).filter(|(_, files)| *files != "0").map(|(program, _)| program).collect())
}

/// Builds `programs` as released, into `dir`.
pub(super) fn release(programs: &[Program], variant: &Variant, dir: &Path) -> Result<()> {
    build(programs, variant, &[], dir)
}

/// Builds them with counters for each statement that `marks` names: atomic ones, since goroutines lose increments of others.
pub(super) fn instrument(
    tree: &Tree,
    programs: &[Program],
    variant: &Variant,
    homes: &Homes,
    marks: &Marks,
    dir: &Path,
) -> Result<()> {
    let packages: Vec<&str> = homes.packages().collect();
    let coverpkg = format!("-coverpkg={}", packages.join(","));
    let toolexec = marks.toolexec(&tree.root, &dir.with_extension("marks.json"))?;
    build(programs, variant, &["-cover", "-covermode=atomic", &coverpkg, &toolexec], dir)
}

/// All at once, which is faster; what does not build that way is built alone, and is missing if it can't be.
fn build(programs: &[Program], variant: &Variant, flags: &[&str], dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let go = |programs: &[Program]| -> Result<()> {
        let Some(first) = programs.first() else { return Ok(()) };
        let mut go = variant.go();
        go.current_dir(&first.dir).args(["build", "-buildvcs=false"]).args(&variant.flags).args(flags);
        go.arg("-o").arg(dir).args(programs.iter().map(|p| &p.package));
        toolchain::output(&mut go).map(drop)
    };
    let Err(together) = go(programs) else { return Ok(()) };
    if programs.len() == 1 {
        return Err(together);
    }
    for program in programs {
        if let Err(error) = go(std::slice::from_ref(program)) {
            eprintln!("{}: {error:#}", program.name);
        }
    }
    Ok(())
}

/// The statements of `plans` that can have a counter of their own.
pub(super) fn marks<'a>(sources: &Sources, plans: impl Iterator<Item = &'a Plan>) -> Marks {
    let mut marks = Marks::default();
    for plan in plans {
        let first = FirstLines::of(&plan.points);
        let statements = plan.points.iter().filter(|p| p.kind == "statement" || p.kind == "header");
        for point in statements.filter(|p| !p.is_excluded() && first.begins_line(sources, p)) {
            marks.add(&point.file, sources.lines(&point.file), point.line);
        }
    }
    marks
}

/// Drives the instrumented program `binary`.
pub(super) fn ask<'a>(
    program: &Program,
    homes: &Homes,
    marks: &'a Marks,
    binary: &Path,
    dir: &Path,
) -> Result<Oracle<'a>> {
    let mut oracle = Oracle { runs: Vec::new(), heard: Vec::new(), marks };
    for run in 0..RUNS {
        let data = dir.join(format!("counters{run}"));
        fs::create_dir_all(&data).with_context(|| format!("cannot make {}", data.display()))?;
        for drive in &program.drives {
            let heard = drive::bare(binary, drive, &mut |command| {
                command.env("GOCOVERDIR", &data);
            })?;
            if run == 0 {
                oracle.heard.push(heard);
            }
        }
        oracle.runs.push(Profile::read(&data, homes)?);
    }
    Ok(oracle)
}
