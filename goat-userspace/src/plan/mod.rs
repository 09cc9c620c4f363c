//! Track points and a binary in, the addresses to probe out; or, for a point, why it can't be observed.

mod absent;
mod agreement;
mod check;
mod compiled;
mod completion;
mod condition_sides;
mod control;
mod copies;
mod copy;
mod decision;
mod entries;
mod error;
mod every_way;
mod file;
mod finder;
mod function_entry;
mod gathered;
mod header;
mod json;
mod observability;
mod operands;
mod placement;
mod probe_plan;
mod resolve;
#[cfg(test)]
pub(crate) mod sample;
mod sites;
mod succession;
mod surroundings;
mod text;
mod wrapper;

pub use crate::cfg::{Condition, ProbeClass};
pub use crate::diff::Dependency;
pub use check::Invalid;
pub use error::Error;
#[cfg(fuzzing)]
pub use file::decode_body;
pub use file::{ContentError, Digest, Error as FileError, decode, digest, encode, read, write};
pub use json::json;
pub use observability::{Excluded, Unobservable};
pub use probe_plan::{
    AppInfo, Blind, Component, Fallback, FaultEntry, Instance, PlanFile, Point, ProbePlan, Site, Slot, SourceLine,
    Status, Summary,
};
pub use resolve::{Inputs, resolve};
pub use succession::common_points;
pub use text::text;
