//! Binaries for arm64, built here by Go's own cross compiler, up to the plan. No such machine is needed for that, and what a probe
//! there would do is not tried.

mod decoding;
mod listing;
mod plans;
