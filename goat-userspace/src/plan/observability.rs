//! Why a point is not observed. Design: three answers are never mixed up: not executed, cannot be observed, nothing to observe.

use serde::{Deserialize, Serialize};

/// Why no site can tell whether a point ran.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unobservable {
    /// The linker left the function out: nothing in the binary calls it.
    NotLinked,
    /// The compiler left no instruction for it.
    OptimisedOut,
    /// Its instructions run whether or not the branch that it stands in is taken.
    Speculated,
    /// Only instructions that the kernel does not probe.
    RefusedInstruction,
    /// The binary's line tables do not fit the source.
    SourceMismatch,
}

/// Why a point is not in question for this binary.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Excluded {
    /// A build constraint or file name keeps the file out of this build, or no package of the binary holds it.
    Excluded,
    /// It belongs to another main package only.
    OtherComponent,
}

impl Unobservable {
    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotLinked => "not-linked",
            Self::OptimisedOut => "optimised-out",
            Self::Speculated => "speculated",
            Self::RefusedInstruction => "refused-instruction",
            Self::SourceMismatch => "source-mismatch",
        }
    }

    /// The word in a sentence, for people.
    pub fn explain(self) -> &'static str {
        match self {
            Self::NotLinked => "the linker left the function out: nothing in the binary calls it",
            Self::OptimisedOut => "the compiler left no instruction for it",
            Self::Speculated => "its instructions run whether or not the branch is taken",
            Self::RefusedInstruction => "the kernel probes none of its instructions",
            Self::SourceMismatch => "the binary's line tables do not fit the source",
        }
    }

    /// What a reason's word means, if it is one of these.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::NotLinked, Self::OptimisedOut, Self::Speculated, Self::RefusedInstruction, Self::SourceMismatch]
            .into_iter()
            .find(|reason| reason.as_str() == word)
    }
}

impl Excluded {
    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Excluded => "excluded",
            Self::OtherComponent => "other-component",
        }
    }
}
