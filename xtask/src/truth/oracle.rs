//! The oracle: the program as `go build -cover` makes it, driven as the released one is. What its runs disagree on is not judged.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::{
    drive::{self, Heard},
    goat::Plan,
    place::FirstLines,
    profile::{Homes, Profile},
    statements::Marks,
    subject::{Program, Tree},
    toolchain,
};

/// How often each program is driven with counters: two runs that differ tell what depends on timing.
pub(super) const RUNS: usize = 2;

/// What the oracle has seen.
pub(super) struct Oracle {
    /// One for each run, with the same blocks.
    pub(super) runs: Vec<Profile>,
    /// What the drives of the first run said.
    pub(super) heard: Vec<Heard>,
    /// Where statements were moved by.
    pub(super) marks: Marks,
}

/// Builds `program` as released, to `to`.
pub(super) fn release(program: &Program, to: &Path) -> Result<()> {
    let mut go = toolchain::go();
    go.current_dir(&program.dir).args(["build", "-buildvcs=false"]).args(&program.flags);
    toolchain::output(go.arg("-o").arg(to).arg(&program.package)).map(drop)
}

/// Builds and drives the instrumented program in `dir`.
pub(super) fn ask(tree: &Tree, program: &Program, plan: &Plan, dir: &Path) -> Result<Oracle> {
    let homes = Homes::find(&program.dir, &tree.root, &program.packages)?;
    let marks = marks(tree, plan);
    let binary = dir.join("oracle");
    build(program, &homes, &marks, &binary, dir)?;
    let mut oracle = Oracle { runs: Vec::new(), heard: Vec::new(), marks };
    for run in 0..RUNS {
        let data = dir.join(format!("counters{run}"));
        let _ = fs::remove_dir_all(&data);
        fs::create_dir_all(&data).with_context(|| format!("cannot make {}", data.display()))?;
        for drive in &program.drives {
            let heard = drive::bare(&binary, drive, &mut |command| {
                command.env("GOCOVERDIR", &data);
            })?;
            if run == 0 {
                oracle.heard.push(heard);
            }
        }
        oracle.runs.push(Profile::read(&data, &homes)?);
    }
    Ok(oracle)
}

fn marks(tree: &Tree, plan: &Plan) -> Marks {
    let mut marks = Marks::default();
    let first = FirstLines::of(&plan.points);
    let mut last: Option<(PathBuf, String)> = None;
    for point in plan.points.iter().filter(|p| p.kind == "statement" || p.kind == "header") {
        let path = tree.root.join(&point.file);
        if last.as_ref().is_none_or(|(file, _)| *file != path) {
            let text = fs::read_to_string(&path).unwrap_or_default();
            last = Some((path.clone(), text));
        }
        if let Some((path, text)) = &last {
            let line = text.lines().nth(point.line as usize - 1).unwrap_or("");
            if first.begins_line(line, point) {
                marks.add(path, text, point.line);
            }
        }
    }
    marks
}

fn build(program: &Program, homes: &Homes, marks: &Marks, to: &Path, dir: &Path) -> Result<()> {
    let packages: Vec<&str> = homes.packages().collect();
    let go = |toolexec: Option<String>| -> Command {
        let mut go = toolchain::go();
        go.current_dir(&program.dir).args(["build", "-buildvcs=false", "-cover", "-covermode=count"]);
        go.args(&program.flags).args(toolexec).arg(format!("-coverpkg={}", packages.join(",")));
        go.arg("-o").arg(to).arg(&program.package);
        go
    };
    toolchain::output(&mut go(Some(marks.toolexec(&dir.join("marks.json"))?))).map(drop)
}
