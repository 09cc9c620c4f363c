//! How finely a change is observed.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The original's four granularities.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Granularity {
    /// Each changed line with a statement.
    Line,
    /// Each run of changed lines within one scope; comments and blank lines do not break it.
    #[default]
    Patch,
    /// Each innermost scope that holds a change.
    Scope,
    /// Each function, or closure at top level, that holds one.
    Func,
}

impl Granularity {
    /// All of them, finest first.
    pub const ALL: [Self; 4] = [Self::Line, Self::Patch, Self::Scope, Self::Func];

    /// The word that users write.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Patch => "patch",
            Self::Scope => "scope",
            Self::Func => "func",
        }
    }
}

impl fmt::Display for Granularity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Granularity {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|g| g.as_str() == word)
            .ok_or_else(|| format!("unknown granularity {word:?}: use line, patch, scope or func"))
    }
}
