//! Whether a count says how often, or only whether.

use serde::{Deserialize, Serialize};

/// goat.yaml's `dataType`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataType {
    /// A count is 0 or 1; a site may be disarmed once it was hit.
    #[default]
    Bool,
    /// A count is the number of executions.
    Count,
}
