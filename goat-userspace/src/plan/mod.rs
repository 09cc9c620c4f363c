//! Track points and a binary in, the addresses to probe out; or, for a point, why it can't be observed.

mod file;
mod observability;
mod probe_plan;
mod resolve;
mod sites;

pub use file::{Error as FileError, read, write};
pub use observability::{Excluded, Unobservable};
pub use probe_plan::{
    AppInfo, Component, Condition, Instance, PlanFile, Point, ProbeClass, ProbePlan, Site, Slot, SourceLine, Status,
    Summary,
};
pub use resolve::{Error, Inputs, json, resolve, text};
