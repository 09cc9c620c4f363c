//! The repository. Nothing else names git2.

use std::path::Path;

use super::{ChangeSet, Error, Options};

pub(super) fn between(_dir: &Path, _options: &Options) -> Result<ChangeSet, Error> {
    unreachable!()
}
