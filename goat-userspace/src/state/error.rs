//! Why counts could not be read from disk or kept there.

use std::{io, path::PathBuf};

use super::file::{MAX_FILE, VERSION};
use crate::plan;

/// Why a state could not be read or kept.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum Error {
    #[error("can't make the state directory {path}")]
    Directory { path: PathBuf, source: io::Error },
    #[error("can't lock the state {path}")]
    Lock { path: PathBuf, source: io::Error },
    #[error("{count} goats keep a state of this plan in {dir} already (--state DIR takes another directory)")]
    Crowded { dir: PathBuf, count: usize },
    #[error("{path} is in use by a running goat")]
    InUse { path: PathBuf },
    #[error("can't read the state {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} is no state that goat can use")]
    Content { path: PathBuf, source: ContentError },
    #[error("can't write the state {path}")]
    Write { path: PathBuf, source: io::Error },
    #[error("can't put {path} aside, which is no state that goat can use")]
    Aside { path: PathBuf, source: io::Error },
    #[error("can't keep the plan beside its state")]
    Plan(#[from] plan::FileError),
    #[error("the plan can't be told from others")]
    Digest(#[source] plan::ContentError),
    #[error("no plan with the digest {digest} is beside {path} (give the plan with --plan FILE)")]
    NoPlan { path: PathBuf, digest: plan::Digest },
}

/// What is wrong with the bytes of a state file.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum ContentError {
    #[error("not a state of goat: it does not begin with \"GOATSTAT\"")]
    NotAState,
    #[error("the state has format {found}, this goat reads {VERSION}: use the goat that wrote it")]
    Version { found: u32 },
    #[error("the state is torn: {found} of {expected} bytes are there")]
    Torn { found: u64, expected: u64 },
    #[error("the state is damaged: its checksum is {found:#010x}, not {expected:#010x}")]
    Checksum { found: u32, expected: u32 },
    #[error("the state has {size} bytes, more than the {MAX_FILE} that goat reads")]
    TooLarge { size: u64 },
    #[error("the state can't be decoded: {0}")]
    Decode(String),
    #[error("the state does not hold together: {0}")]
    Invalid(&'static str),
    #[error("the state is of another plan: its digest is {found}, and this plan's {expected}")]
    OtherPlan { found: plan::Digest, expected: plan::Digest },
    #[error("the state has {found} sites, and its plan {expected}")]
    Sites { found: usize, expected: usize },
    #[error("the state says {0}, as its name does not")]
    DataType(&'static str),
}
