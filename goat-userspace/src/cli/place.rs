//! Where `attach` looks for what it observes: the processes of a selection, or a file and whatever is at its path later.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::args::TargetArgs;
use crate::session::{Error, Executable, Finder, Proc, Process, Selection, Version};

/// A place to look at again and again.
pub(super) enum Place {
    Processes(Finder),
    File(Named),
}

/// A file by its path.
pub(super) struct Named {
    path: PathBuf,
    /// What was at the path when it was looked at last.
    version: Option<Version>,
}

impl Place {
    /// What the command line names.
    pub(super) fn open(args: &TargetArgs, proc: &Proc) -> Result<Self, Error> {
        let selection = match args {
            TargetArgs { exe: Some(path), .. } => {
                let read = |source| Error::Read { path: path.clone(), source };
                let path = path.canonicalize().map_err(read)?;
                return Ok(Self::File(Named { path, version: None }));
            }
            TargetArgs { container: Some(id), .. } => Selection::Container(id.clone()),
            TargetArgs { cgroup: Some(path), .. } => Selection::Cgroup(path.clone()),
            TargetArgs { pid, .. } => Selection::Pids(pid.clone()),
        };
        Finder::open(&selection, proc).map(Self::Processes)
    }
}

impl Named {
    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file at the path, if it is not the one that was there when it was looked at last. While there is none, nothing.
    pub(super) fn look(&mut self) -> Option<Arc<Executable>> {
        let now = Version::at(&self.path).ok()?;
        if self.version.is_some_and(|before| before.is_content_of(&now)) {
            return None;
        }
        let executable = Executable::open(&self.path).ok()?;
        self.version = Some(executable.version());
        Some(Arc::new(executable))
    }

    /// Forgets what was there: the next look finds it new.
    pub(super) fn forget(&mut self) {
        self.version = None;
    }
}

/// The binaries that `process` may be told by: the file that it runs, as goat can open it.
pub(super) fn binary(proc: &Proc, process: &Process) -> PathBuf {
    proc.file(process.pid(), "exe")
}
