//! What the harness judges goat on: Go programs, the repository that holds their sources, and how each is driven.

use std::{path::PathBuf, process::Command};

use anyhow::Result;

use super::toolchain;

/// Programs from one tree of sources.
pub(super) struct Subject {
    /// What reports call it.
    pub(super) name: String,
    /// What people should know of it, for the document.
    pub(super) about: String,
    /// Where goat finds the sources.
    pub(super) tree: Tree,
    /// Built and driven one after the other.
    pub(super) programs: Vec<Program>,
    /// What makes the only program write a profile of itself to the file `PROFILE`, if it can.
    pub(super) profiled: Option<Drive>,
}

/// Sources in git.
pub(super) struct Tree {
    /// The repository for goat.
    pub(super) repo: PathBuf,
    /// The old side: a revision, or `INIT` for none.
    pub(super) old: String,
    /// The new side, which `root` has checked out.
    pub(super) new: String,
    /// The directory that the programs are built from: its files have the repository's paths.
    pub(super) root: PathBuf,
    /// Whether lines end in `// not reached` or `// either way` where a profile's block does not tell.
    pub(super) has_remarks: bool,
}

/// Stands among a variant's flags for the one that names a profile for the compiler to be guided by.
pub(super) const PROFILE: &str = "-pgo=PROFILE";

/// A main package.
pub(super) struct Program {
    /// What `go build` calls the file that it makes of it.
    pub(super) name: String,
    /// What `go build` calls the package, in `dir`.
    pub(super) package: String,
    /// Where `go build` is run.
    pub(super) dir: PathBuf,
    /// What is judged, as `go list` has it.
    pub(super) packages: Vec<String>,
    /// Run one after the other.
    pub(super) drives: Vec<Drive>,
}

/// How both builds differ from those of the installed Go release with its own defaults.
#[derive(Clone, Default)]
pub(super) struct Variant {
    /// Flags for `go build`: `-gcflags=all=-l`.
    pub(super) flags: Vec<String>,
    /// Environment of `go`: `GOAMD64=v3`, `GOTOOLCHAIN=go1.25.5`.
    pub(super) env: Vec<(String, String)>,
}

impl Variant {
    /// `go`, in the variant's environment.
    pub(super) fn go(&self) -> Command {
        let mut go = toolchain::go();
        go.envs(self.env.iter().map(|(name, value)| (name, value)));
        go
    }

    /// GOROOT of its release.
    pub(super) fn root(&self) -> Result<PathBuf> {
        Ok(PathBuf::from(toolchain::output(self.go().args(["env", "GOROOT"]))?.trim()))
    }
}

/// One way to run a program.
#[derive(Clone)]
pub(super) enum Drive {
    /// The program with arguments, to its end.
    Run {
        /// Its arguments.
        args: Vec<String>,
        /// Where it runs.
        dir: PathBuf,
    },
    /// A shell script that runs the program, `$BINARY`, as often as it likes and waits for its end.
    Script {
        /// The script.
        path: PathBuf,
        /// Where it runs.
        dir: PathBuf,
    },
    /// A server: started, sent requests, ended by SIGTERM.
    Service {
        /// Its arguments; `PORT` stands for a free port.
        args: Vec<String>,
        /// One each: method, path, and `Header: value` and `body=...` between `|`.
        requests: Vec<String>,
    },
}
