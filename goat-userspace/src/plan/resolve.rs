//! (to come)

use super::{AppInfo, ProbePlan};
use crate::{
    binary::Binary,
    diff::ChangeSet,
    source::SourceIndex,
    track::{Granularity, TrackPoints},
};

/// Everything that a plan is made of.
#[expect(missing_docs, reason = "to come")]
pub struct Inputs<'a> {
    pub changes: &'a ChangeSet,
    pub sources: &'a SourceIndex,
    pub points: &'a TrackPoints,
    pub binary: &'a Binary,
    pub app: AppInfo,
    pub granularity: Granularity,
    pub precision: u8,
    pub main_entries: Option<Vec<String>>,
    pub warnings: Vec<String>,
}

/// Why no plan could be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {}

/// Finds each point's sites.
pub fn resolve(_inputs: &Inputs<'_>) -> Result<ProbePlan, Error> {
    unreachable!()
}
