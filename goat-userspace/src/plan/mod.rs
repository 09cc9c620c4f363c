//! Track points and a binary in, the addresses to probe out; or, for a point, why it can't be observed.

mod compiled;
mod copy;
mod entries;
mod error;
mod file;
mod observability;
mod placement;
mod probe_plan;
mod resolve;
mod sites;

pub use error::Error;
pub use file::{Error as FileError, read, write};
pub use observability::{Excluded, Unobservable};
pub use probe_plan::{
    AppInfo, Blind, Component, Condition, Instance, PlanFile, Point, ProbeClass, ProbePlan, Site, Slot, SourceLine,
    Status, Summary,
};
pub use resolve::{Inputs, resolve};
