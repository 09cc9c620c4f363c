//! What is probed: one process, or every process of an executable.

use std::{path::PathBuf, sync::Arc};

use super::{executable::Executable, process::Process};

/// Where the probes go.
#[derive(Clone)]
pub enum Target {
    /// One process, by its number in [`super::Options::proc`].
    Pid(u32),
    /// One process that is held already.
    Process(Arc<Process>),
    /// Every process that runs this file, those started later too.
    Exe(PathBuf),
    /// The same, for a file that is held already.
    File(Arc<Executable>),
}
