//! tests/fixtures/truth: a small program for each known trap of optimised code. A file `args` beside its main.go has a line of
//! arguments for each run.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::{
    repository,
    truth::{
        subject::{Drive, Program, Subject, Tree},
        toolchain,
    },
};

pub(super) fn make(dir: &Path) -> Result<Subject> {
    let repo = dir.join("repo");
    toolchain::copy_tree(&repository::root().join("tests/fixtures/truth"), &repo, &|_| true)?;
    toolchain::commit_all(&repo)?;
    let mut programs = Vec::new();
    let mut entries: Vec<PathBuf> = fs::read_dir(&repo)?.map(|e| Ok(e?.path())).collect::<Result<_>>()?;
    entries.sort();
    for path in entries.into_iter().filter(|path| path.join("main.go").exists()) {
        let name = path.file_name().context("a trap without a name")?.to_string_lossy().into_owned();
        let lines = fs::read_to_string(path.join("args")).unwrap_or_else(|_| "\n".to_owned());
        let args = |line: &str| line.split_whitespace().map(str::to_owned).collect();
        programs.push(Program {
            package: format!("./{name}"),
            dir: repo.clone(),
            packages: vec![format!("./{name}/...")],
            drives: lines.lines().map(|line| Drive::Run { args: args(line), dir: path.clone() }).collect(),
            name,
        });
    }
    let tree = Tree { root: repo.clone(), repo, old: "INIT".to_owned(), new: "HEAD".to_owned(), has_remarks: true };
    let about = "one small program for each known trap of optimised code".to_owned();
    Ok(Subject { name: "corpus".to_owned(), about, tree, programs, profiled: None })
}
