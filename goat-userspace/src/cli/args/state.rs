//! Where counts are kept, how goat is asked how it does, and what is removed.

use std::path::PathBuf;

use clap::Args;

use super::{Format, TrustArgs};
use crate::cli::client;

/// Where counts are kept.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "State")]
pub(in crate::cli) struct StateArgs {
    /// Keep counts in this directory, and go on from what is there [default: /var/lib/goat for root, else goat in
    /// $XDG_STATE_HOME]
    #[arg(long, value_name = "DIR", env = "GOAT_STATE")]
    pub(in crate::cli) state: Option<PathBuf>,

    /// Begin at 0 and keep nothing
    #[arg(long, env = "GOAT_NO_STATE", value_parser = clap::builder::FalseyValueParser::new())]
    pub(in crate::cli) no_state: bool,
}

/// Show what a running goat traces, by which probes, and at what cost
///
/// Example: goat status --url http://10.0.0.7:57005
#[derive(Args, Debug)]
pub(in crate::cli) struct StatusArgs {
    /// The running goat
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:57005", value_parser = client::base)]
    pub(in crate::cli) url: String,

    #[command(flatten)]
    pub(in crate::cli) trust: TrustArgs,

    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(in crate::cli) format: Format,
}

/// Watch a running goat on the whole screen: what has run, file by file and point by point
///
/// Asks once a second, and goes on asking while goat is not there; ? shows the keys. Where stdout is no terminal, prints what
/// there is and ends. NO_COLOR leaves colours out; GOAT_TOKEN is sent where goat asks for a token.
///
/// Example: goat top --url http://10.0.0.7:57005
#[derive(Args, Debug)]
pub(in crate::cli) struct TopArgs {
    /// The running goat
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:57005", value_parser = client::base)]
    pub(in crate::cli) url: String,

    #[command(flatten)]
    pub(in crate::cli) trust: TrustArgs,
}

/// Remove plan files and kept counts, and name blocks that the original tool left in sources
///
/// Removes each *.goatplan that goat can read from the directory of goat.yaml (or of --repo), and the states in the state
/// directory, with their plans. A state that a running goat writes to is left alone. Never touches a source.
#[derive(Args, Debug)]
pub(in crate::cli) struct CleanArgs {
    /// A directory of the repository
    #[arg(long, value_name = "DIR", default_value = ".", env = "GOAT_REPO")]
    pub(in crate::cli) repo: PathBuf,

    #[command(flatten)]
    pub(in crate::cli) state: CleanStateArgs,

    /// Only say what would be removed
    #[arg(short = 'n', long)]
    pub(in crate::cli) dry_run: bool,
}

/// Which counts are removed.
#[derive(Args, Debug)]
pub(in crate::cli) struct CleanStateArgs {
    /// Where counts are kept [default: as of `goat attach`]
    #[arg(long, value_name = "DIR", env = "GOAT_STATE")]
    state: Option<PathBuf>,

    /// Leave kept counts alone
    #[arg(long, env = "GOAT_NO_STATE", value_parser = clap::builder::FalseyValueParser::new())]
    no_state: bool,
}

impl CleanStateArgs {
    /// As `attach` has them.
    pub(in crate::cli) fn as_attach(&self) -> StateArgs {
        StateArgs { state: self.state.clone(), no_state: self.no_state }
    }
}
