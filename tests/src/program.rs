//! Small Go programs of the tests' own, each a repository of two commits: the older one lacks the lines that end in a
//! marker.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, ensure};

use crate::{cache, go, plan::PlanArgs, shop, tool};

/// A program with its repository.
pub struct Program {
    /// At the newer commit, clean; the tag `old` is on the older.
    pub repo: PathBuf,
    /// Built from the newer commit.
    pub binary: PathBuf,
    /// main.go at the newer commit.
    pub source: String,
}

/// Makes the program of the fixture `name`, whose newer commit adds the lines with `marker` in them, or finds it made.
pub fn make(name: &str, marker: &str) -> Result<Program> {
    let fixture = cache::fixture(name);
    let source = fs::read_to_string(fixture.join("main.go")).with_context(|| format!("reading {name}/main.go"))?;
    ensure!(source.contains(marker), "{name}/main.go has no line with {marker:?}");
    let key = (go::version()?, cache::contents(&fixture)?, marker, 1);
    let dir = cache::directory(name, key, |dir| {
        let repo = dir.join("repo");
        fs::create_dir(&repo)?;
        tool::git(&repo, &["init", "-q", "-b", "main"])?;
        fs::copy(fixture.join("go.mod"), repo.join("go.mod"))?;
        let old: Vec<_> = source.lines().filter(|line| !line.contains(marker)).collect();
        fs::write(repo.join("main.go"), old.join("\n") + "\n")?;
        tool::commit(&repo, 1, "old")?;
        tool::git(&repo, &["tag", "old"])?;
        fs::write(repo.join("main.go"), &source)?;
        tool::commit(&repo, 2, "new")?;
        shop::build(&repo, ".", &dir.join(name), &[])
    })?;
    Ok(Program { repo: dir.join("repo"), binary: dir.join(name), source })
}

impl Program {
    /// A plan for the marked lines, one point a line.
    pub fn plan_args(&self) -> PlanArgs<'_> {
        PlanArgs { repo: &self.repo, old: "old", new: "HEAD", binary: &self.binary, granularity: "line", precision: 2 }
    }

    /// The marked lines: number and what stands behind the marker.
    pub fn marked<'a>(&'a self, marker: &'a str) -> impl Iterator<Item = (u32, &'a str)> {
        (1..).zip(self.source.lines()).filter_map(move |(number, line)| Some((number, line.split_once(marker)?.1)))
    }
}
