//! (to come)

use std::process::{Child, Command};

use super::Error;

/// A process that stands before its first instruction.
pub struct Stopped {}

/// Starts `command` and stops it before its first instruction.
pub fn stopped(_command: &mut Command) -> Result<Stopped, Error> {
    unreachable!()
}

impl Stopped {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        unreachable!()
    }

    /// Lets it run.
    pub fn resume(self) -> Result<Child, Error> {
        unreachable!()
    }
}
