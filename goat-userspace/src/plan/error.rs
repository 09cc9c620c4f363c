//! What can go wrong between track points and a plan.

/// Why no plan could be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The binary's tables could not be read.
    #[error("cannot read the binary's functions")]
    Binary(#[from] crate::binary::Error),
    /// The sources are not those that the binary was built from.
    #[error("the binary was built from other sources: {evidence}")]
    OtherSources {
        /// What differs.
        evidence: String,
    },
    /// More sites than the counter map can hold.
    #[error(
        "the plan would have {sites} sites, more than the {max} that fit: use a coarser granularity (--granularity func) or ignore some directories"
    )]
    TooManySites {
        /// How many it would have.
        sites: usize,
        /// How many fit.
        max: usize,
    },
}
