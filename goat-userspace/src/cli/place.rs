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
    /// The last that [`Named::look`] gave.
    version: Option<Version>,
    /// What was at the path when it was looked at last.
    seen: Option<Version>,
}

impl Place {
    /// What the command line names.
    pub(super) fn open(args: &TargetArgs, proc: &Proc) -> Result<Self, Error> {
        let selection = match args {
            TargetArgs { exe: Some(path), .. } => {
                let read = |source| Error::Read { path: path.clone(), source };
                let path = path.canonicalize().map_err(read)?;
                return Ok(Self::File(Named { path, version: None, seen: None }));
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

    /// The file at the path, if it is not the one that this gave last. While there is none, nothing; nor while a file that was
    /// there is being written over.
    pub(super) fn look(&mut self) -> Option<Arc<Executable>> {
        let now = Version::at(&self.path).ok()?;
        let written_over = self.seen.replace(now).is_some_and(|seen| seen != now && seen.is_same_file(&now));
        if written_over || self.version.is_some_and(|before| before.is_content_of(&now)) {
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_new_file_is_seen_at_once_and_one_that_is_written_over_when_it_is_at_rest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let mut named = Named { path: path.clone(), version: None, seen: None };
        let mut check = |what: &str, expected: [bool; 3]| {
            assert_eq!([(); 3].map(|()| named.look().is_some()), expected, "{what}");
        };
        check("nothing there", [false; 3]);
        fs::write(&path, "one").unwrap();
        check("a file", [true, false, false]);
        fs::write(dir.path().join("new"), "two").unwrap();
        fs::rename(dir.path().join("new"), &path).unwrap();
        check("another by rename", [true, false, false]);
        fs::write(&path, "three").unwrap();
        check("the same written over", [false, true, false]);
        fs::remove_file(&path).unwrap();
        check("nothing there any more", [false; 3]);
    }
}
