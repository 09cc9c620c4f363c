//! The same program judged with an address-only mapping: what goat is measured against.

use std::{env, path::Path, process::Command};

use anyhow::Result;

use super::{
    goat::{self, Answer, Plan},
    judge::{self, Figures},
    oracle::Oracle,
    place::Sources,
    subject::{Program, Tree},
    toolchain,
};
use crate::repository;

/// The figures of the mapping for the points of `plan`.
pub(super) fn figures(
    goat: &Path,
    tree: &Tree,
    program: &Program,
    binary: &Path,
    sources: &Sources,
    plan: &Plan,
    oracle: &Oracle,
) -> Result<Figures> {
    let path = plan.path.with_file_name("address-only.goatplan");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(repository::root());
    cargo.args(["run", "--quiet", "--package", "goat-tests", "--example", "address_only", "--"]);
    let example = toolchain::output(cargo.arg(&plan.path).arg(binary).arg(&path))?;
    let (sites, emulated) = example.trim().split_once(' ').unwrap_or(("0", "0"));
    let mut answer = Answer::default();
    for drive in &program.drives {
        answer.add(goat::observe(goat, &path, binary, drive, "bool")?.0);
    }
    let mut figures = Figures::of(&judge::judge(tree, sources, plan, &answer, oracle));
    (figures.sites, figures.emulated) = (sites.parse()?, emulated.parse()?);
    figures.not_armed = answer.not_armed;
    Ok(figures)
}
