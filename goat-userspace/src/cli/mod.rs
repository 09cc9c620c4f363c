//! The command line: one file per subcommand, and what they share. The only module that names clap.

mod args;
mod attach;
mod budget;
mod clean;
mod client;
mod completions;
mod config;
mod dependencies;
mod doctor;
mod duration;
mod go_files;
mod init;
mod inspect;
mod kept;
mod left_out;
mod listen;
mod live;
mod man;
mod memory;
mod merge;
mod observation;
mod patch;
mod pipeline;
mod place;
mod plan;
mod plan_source;
mod privileges;
mod progress;
mod reload;
mod report;
mod report_file;
mod revision;
mod run;
mod say;
mod serving;
mod settings;
mod state_dir;
mod status;
mod supervisor;
mod top;
mod track;
mod verify;
mod version;
mod waiting;

use std::{path::Path, process::ExitCode};

use clap::Parser;
use tracing_subscriber::EnvFilter;

use args::{Cli, Command};
use config::{Loaded, Word};

/// Runs the command line of this process. Status 0: done; 1: an error, printed; 2: not a command line of goat's. `run` and `verify` have their own.
pub fn main() -> ExitCode {
    // Prints help, version and usage errors by itself, with status 0, 0 and 2.
    let cli = Cli::parse();
    match dispatch(&cli) {
        Ok(status) => status,
        Err(error) => {
            say::error(&error);
            ExitCode::FAILURE
        }
    }
}

fn dispatch(cli: &Cli) -> anyhow::Result<ExitCode> {
    let loaded = match repository(&cli.command) {
        Some(repo) => settings::load(cli.config.as_deref(), repo)?,
        None => Loaded::default(),
    };
    log(cli.verbose.max(u8::from(loaded.config.verbose == Some(Word(true)))));
    for warning in &loaded.warnings {
        say::warning(warning);
    }
    if let (Some(path), [_, ..]) = (&loaded.path, &*loaded.without_effect) {
        let keys = loaded.without_effect.join(", ");
        say::note(&format!("{}: without effect, as goat rewrites no sources: {keys}", path.display()));
    }
    match &cli.command {
        Command::Init(args) => init::run(args, cli.config.as_deref()),
        Command::Plan(args) => plan::run(args, &loaded),
        Command::Attach(args) => attach::run(args, &loaded, cli.config.as_deref()),
        Command::Run(args) => run::run(args, &loaded),
        Command::Track(args) => track::run(args, &loaded),
        Command::Status(args) => status::run(args),
        Command::Top(args) => top::run(args),
        Command::Merge(args) => merge::run(args),
        Command::Patch(args) => patch::run(args),
        Command::Report(args) => report::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Clean(args) => clean::run(args, &loaded),
        Command::Doctor(args) => doctor::run(args),
        Command::Completions(args) => completions::run(args),
        Command::Man(args) => man::run(args),
        Command::Version(args) => version::run(args),
    }
}

/// Reads `text` as a goat.yaml, and what is wrong with it.
#[cfg(fuzzing)]
pub fn check_config(text: &str) {
    match config::parse(Path::new(config::FILE_NAME), text) {
        Ok(loaded) => drop(settings::Settings::merge(&args::ChangeArgs::default(), &loaded.config)),
        Err(error) => drop(error.to_string()),
    }
}

/// The directory whose goat.yaml the command obeys; `None` for a command that has no use for one.
fn repository(command: &Command) -> Option<&Path> {
    match command {
        Command::Plan(args) => Some(&args.change.repo),
        Command::Track(args) => Some(&args.change.repo),
        Command::Attach(args) => Some(&args.source.change.repo),
        Command::Run(args) => Some(&args.source.change.repo),
        Command::Clean(args) => Some(&args.repo),
        Command::Init(_)
        | Command::Inspect(_)
        | Command::Patch(_)
        | Command::Merge(_)
        | Command::Report(_)
        | Command::Status(_)
        | Command::Top(_)
        | Command::Verify(_)
        | Command::Doctor(_)
        | Command::Completions(_)
        | Command::Man(_)
        | Command::Version(_) => None,
    }
}

/// Sends logs to stderr: what GOAT_LOG says, else by `verbose`.
fn log(verbose: u8) {
    // What that library reports is an error of ours, and told as such.
    let level = match verbose {
        0 => "warn,rustls_platform_verifier=off",
        1 => "goat=info,warn,rustls_platform_verifier=off",
        2 => "goat=debug,warn",
        _ => "goat=trace,debug",
    };
    let filter = EnvFilter::try_from_env("GOAT_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(say::stderr_style().color)
        .without_time()
        .init();
}
