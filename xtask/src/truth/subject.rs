//! What the harness judges goat on: Go programs, the repository that holds their sources, and how each is driven.

use std::path::PathBuf;

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
}

/// A main package.
pub(super) struct Program {
    /// What reports call it.
    pub(super) name: String,
    /// What `go build` calls it, in `dir`.
    pub(super) package: String,
    /// Where `go build` is run.
    pub(super) dir: PathBuf,
    /// Flags for both builds: `-gcflags=all=-l`.
    pub(super) flags: Vec<String>,
    /// What is judged, as `go list` has it.
    pub(super) packages: Vec<String>,
    /// Run one after the other.
    pub(super) drives: Vec<Drive>,
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
}

impl Drive {
    /// The program without arguments.
    pub(super) fn plain(dir: PathBuf) -> Self {
        Self::Run { args: Vec::new(), dir }
    }
}
