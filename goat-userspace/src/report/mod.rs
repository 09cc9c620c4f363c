//! A plan and what its sites have counted in, the answer that people and scripts read out: one format a file.

pub mod badge;
mod carried;
pub mod cobertura;
pub mod cover_profile;
mod coverage;
mod estimate;
mod format;
pub mod github;
pub mod html;
mod import_path;
pub mod json;
pub mod junit;
pub mod lcov;
mod line_hits;
pub mod markdown;
pub mod merge;
mod points;
pub mod prometheus;
#[cfg(test)]
mod properties;
pub mod read;
pub mod sarif;
mod selection;
pub mod text;
mod time;
mod verdict;
pub mod verdict_json;
mod xml;

pub use carried::{Carried, carry};
pub use coverage::{ComponentReport, Item, Report, State, Totals, new};
pub use estimate::{Estimate, inexact};
pub use format::{Format, FormatError};
pub use points::Points;
pub use selection::{Listed, Order, UnknownComponent, UnknownState};
pub use time::{instant, rfc3339};
pub use verdict::{Decision, Gate, Limit, Percent, Verdict};
