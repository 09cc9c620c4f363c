//! What is planned for: a history with two sides, and a command of it, built as released with and without debug information.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    str::FromStr,
};

use anyhow::{Context, Result, anyhow};

use super::history::{self, Size};
use crate::truth::toolchain;

/// A repository of the user's: `DIR,OLD,NEW,PACKAGE`.
#[derive(Clone, Debug)]
pub(super) struct Named {
    repository: PathBuf,
    old: String,
    new: String,
    package: String,
}

impl FromStr for Named {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let [repository, old, new, package] = text.split(',').collect::<Vec<_>>()[..] else {
            return Err(anyhow!("give DIR,OLD,NEW,PACKAGE, as /src/shop,v1.0.0,v1.1.0,./cmd/shopd"));
        };
        let [old, new, package] = [old, new, package].map(str::to_owned);
        Ok(Self { repository: repository.into(), old, new, package })
    }
}

/// Ready to be planned for.
pub(super) struct Subject {
    pub(super) name: String,
    /// Where the new side is checked out.
    pub(super) repository: PathBuf,
    pub(super) old: String,
    pub(super) new: String,
    /// Built with `-ldflags="-s -w"`.
    pub(super) stripped: PathBuf,
    /// Built without.
    pub(super) whole: PathBuf,
}

impl Subject {
    /// A made-up history.
    pub(super) fn generated(dir: &Path, size: Size) -> Result<Self> {
        let repository = history::generate(dir, size)?;
        let Size { commits, files, .. } = size;
        let name = format!("made up, {commits} commits, {files} files");
        Self::build(name, &repository, ("old", "new"), "./cmd/c0", dir)
    }

    /// A clone of the named repository, which is not touched.
    pub(super) fn named(dir: &Path, named: &Named) -> Result<Self> {
        let Named { repository, old, new, package } = named;
        let clone = dir.join(format!("{}-{new}", name_of(repository)));
        let git = |args: &[&str]| {
            let mut git = Command::new("git");
            git.envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_SYSTEM", "/dev/null")]).args(args);
            git.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
            toolchain::output(&mut git).map(drop)
        };
        let paths = [repository, &clone].map(|path| path.to_string_lossy().into_owned());
        if !clone.exists() {
            git(&["-c", "safe.directory=*", "clone", "-q", "--no-checkout", &paths[0], &paths[1]])?;
        }
        git(&["-C", &paths[1], "checkout", "-q", "-f", "--detach", new])?;
        let name = format!("{} {old}..{new}", name_of(repository));
        Self::build(name, &clone, (old, new), package, dir)
    }

    fn build(name: String, repository: &Path, (old, new): (&str, &str), package: &str, dir: &Path) -> Result<Self> {
        let built = |kind: &str, flags: &str| -> Result<PathBuf> {
            let path = dir.join(format!("{}.{kind}", name_of(repository)));
            let mut go = toolchain::go();
            go.current_dir(repository).args(["build", "-buildvcs=false", "-trimpath", flags, "-o"]);
            toolchain::output(go.arg(&path).arg(package))?;
            Ok(path)
        };
        Ok(Self {
            stripped: built("stripped", "-ldflags=-s -w")?,
            whole: built("whole", "-ldflags=")?,
            name,
            repository: fs::canonicalize(repository).context("the repository is gone")?,
            old: old.to_owned(),
            new: new.to_owned(),
        })
    }
}

/// What a directory is called; that of a bare repository, what it is of.
fn name_of(repository: &Path) -> String {
    let mut names = repository.components().rev().map(|part| part.as_os_str().to_string_lossy());
    let name = names.next().unwrap_or_default();
    let name = if name.as_ref() == ".git" { names.next().unwrap_or_default() } else { name };
    name.trim_end_matches(".git").to_owned()
}
