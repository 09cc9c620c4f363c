//! What can be wrong with a comparison.

/// Why two revisions could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum Error {}
