//! goat answers one question about a canary: has every line that this release changed really run in production?
//!
//! Each arrow of the pipeline is one function, each value owned, printable and comparable:
//!
//! ```text
//! revisions            --diff::between-->  ChangeSet
//! new side's sources   --source::index-->  SourceIndex
//! both                 --track::select-->  TrackPoints
//! ELF file             --binary::open-->   Binary
//! code bytes           --cfg::build-->     Cfg
//! points and binary    --plan::resolve-->  ProbePlan
//! plan and target      --session::attach-> Session
//! plan and counts      --report::new-->    Report
//! ```

pub mod addr;
pub mod binary;
pub mod cfg;
pub mod cli;
pub mod counts;
mod data_type;
pub mod diff;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod http;
pub mod lines;
mod parallel;
pub mod paths;
pub mod plan;
pub mod report;
pub mod session;
pub mod source;
pub mod state;
pub mod status;
pub mod style;
mod timed;
pub mod track;

pub use data_type::DataType;
