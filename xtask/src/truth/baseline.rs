//! The same program judged with an address-only mapping: what goat is measured against.

use anyhow::Result;

use super::{
    Case,
    goat::{self, Plan},
    judge::{self, Figures},
    toolchain,
};

/// The figures of the mapping for the points of `plan`.
pub(super) fn figures(case: &Case<'_>, plan: &Plan) -> Result<Figures> {
    let path = plan.path.with_file_name("address-only.goatplan");
    let example = toolchain::example("address_only", &[plan.path.as_path(), case.binary, &path], "")?;
    let (sites, emulated) = example.trim().split_once(' ').unwrap_or(("0", "0"));
    let (answer, _) = goat::drive_all(case.goat, &path, case.binary, case.program, &case.oracle)?;
    let mut figures = Figures::of(&judge::judge(case, plan, &answer));
    (figures.sites, figures.emulated) = (sites.parse()?, emulated.parse()?);
    figures.not_armed = answer.not_armed;
    Ok(figures)
}
