//! Whom goat takes for the goat that it asks.

use std::path::PathBuf;

use clap::Args;

/// What a goat that serves HTTPS is held against.
#[derive(Args, Debug, Default)]
pub(in crate::cli) struct TrustArgs {
    /// Trust the certificates in this PEM file instead of the system's, where the URL begins with https
    #[arg(long, value_name = "FILE", env = "GOAT_CA")]
    pub(in crate::cli) ca: Option<PathBuf>,
}
