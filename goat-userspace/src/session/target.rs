//! What is probed: one process, or every process of an executable.

use std::path::PathBuf;

/// Where the probes go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// One process.
    Pid(u32),
    /// Every process that runs this file, those started later too.
    Exe(PathBuf),
}
