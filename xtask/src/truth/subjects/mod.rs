//! The programs that the figures in docs/accuracy.md are of.

mod corpus;
mod distribution;
mod httpbin;
mod repository;

use std::path::Path;

use anyhow::{Result, bail};

use super::subject::Subject;
pub(super) use repository::Own;

/// The names that `cargo xtask truth` knows.
pub(super) const NAMES: [&str; 5] = ["corpus", "gofmt", "vet", "compile", "httpbin"];

/// Makes the subject `name`, its repository and whatever else it needs in `dir`.
pub(super) fn make(name: &str, dir: &Path) -> Result<Subject> {
    match name {
        "corpus" => corpus::make(dir),
        "gofmt" => distribution::gofmt(dir),
        "vet" => distribution::vet(dir),
        "compile" => distribution::compile(dir),
        "httpbin" => httpbin::make(dir),
        _ => bail!("no subject is called {name}: there are {}", NAMES.join(", ")),
    }
}
