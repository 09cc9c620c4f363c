//! The plan as a file, `*.goatplan`: a magic number, a version, a checksum, and the plan, compressed.

use std::path::Path;

use super::ProbePlan;

/// Why a plan file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {}

/// Reads the plan at `path`.
pub fn read(_path: &Path) -> Result<ProbePlan, Error> {
    unreachable!()
}

/// Writes `plan` to `path`, all of it or nothing.
pub fn write(_path: &Path, _plan: &ProbePlan) -> Result<(), Error> {
    unreachable!()
}
