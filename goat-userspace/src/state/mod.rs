//! Counts on disk: what a plan's sites have counted outlives goat and its targets.
//!
//! A directory holds, for each plan and data type, a state file and beside it the plan, so that a report needs nothing else.
//! A [`Store`] is the right to write one state file; a [`Keeper`] writes it while probes are in place. [`file`](encode) is the
//! layout, and pure; so is [`State::with`], which joins what was counted before with what is being counted.

mod error;
mod file;
mod keeper;
mod list;
mod name;
mod record;
mod replace;
mod store;

pub use error::{ContentError, Error};
#[cfg(fuzzing)]
pub use file::decode_body;
pub use file::{decode, encode};
pub use keeper::{INTERVAL, Keeper};
pub use list::{Found, claim, kept_plans, list, plan_of, put_aside, read, stray_plans};
pub use record::{Carried, State};
pub use store::{Opened, Refused, Store};

use replace::replace;
