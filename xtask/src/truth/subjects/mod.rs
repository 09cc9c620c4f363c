//! The programs that the figures in docs/accuracy.md are of.

mod corpus;
mod distribution;
mod httpbin;
mod repository;

use std::path::Path;

use anyhow::{Result, bail};

use super::subject::{Subject, Variant};
pub(super) use distribution::small;
pub(super) use repository::Own;

/// The names that `cargo xtask truth` knows.
pub(super) const NAMES: [&str; 5] = ["corpus", "gofmt", "vet", "compile", "httpbin"];

/// Makes the subject `name`, its repository and whatever else it needs in `dir`. A Go release has commands of its own.
pub(super) fn make(name: &str, dir: &Path, variant: &Variant) -> Result<Subject> {
    match name {
        "corpus" => corpus::make(dir),
        "gofmt" => distribution::gofmt(dir, variant),
        "vet" => distribution::vet(dir, variant),
        "compile" => distribution::compile(dir, variant),
        "httpbin" => httpbin::make(dir),
        _ => bail!("no subject is called {name}: there are {}", NAMES.join(", ")),
    }
}
