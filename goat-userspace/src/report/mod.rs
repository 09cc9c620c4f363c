//! A plan and what its sites have counted in, the answer that people and scripts read out.

mod coverage;
pub mod json;
pub mod prometheus;

pub use coverage::{ComponentReport, Item, Report, State, Totals, new};

/// The report for people.
pub fn text(_report: &Report) -> String {
    unreachable!()
}
