//! Which build a process runs, read once per file.

use std::{collections::HashMap, sync::Arc};

use crate::{
    binary::Identity,
    session::{Executable, Proc, Process, Version},
};

/// How many files are remembered.
const MAX_FILES: usize = 4_096;

/// What is known of files.
#[derive(Default)]
pub(super) struct Builds {
    known: HashMap<Version, Option<Arc<Identity>>>,
}

impl Builds {
    /// What the file that `process` runs says of itself; `None` if it is no binary that says anything, or can't be read.
    pub(super) fn of(&mut self, proc: &Proc, process: &Process) -> Option<Arc<Identity>> {
        let version = Version::at(&proc.file(process.pid(), "exe")).ok()?;
        if let Some(known) = self.known.get(&version) {
            return known.clone();
        }
        let executable = Executable::of(process).ok()?;
        let identity = executable.identity().ok().map(Arc::new);
        if self.known.len() >= MAX_FILES {
            self.known.clear();
        }
        self.known.insert(executable.version(), identity.clone());
        identity
    }
}
