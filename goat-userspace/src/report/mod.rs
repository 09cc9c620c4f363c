//! A plan and what its sites have counted in, the answer that people and scripts read out.

mod coverage;
pub mod html;
pub mod json;
pub mod prometheus;
mod selection;
pub mod text;
mod time;

pub use coverage::{ComponentReport, Item, Report, State, Totals, new};
pub use selection::{Order, UnknownComponent};
pub use time::rfc3339;
