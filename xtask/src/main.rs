//! goat's own chores: one file per chore, each with a `run`.

mod bench_attach;
mod bench_overhead;
mod build_ebpf;
mod ci;
mod demo;
mod repository;
mod tidy;
mod truth;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

/// goat's own chores
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Watch a small service's release with goat, from building it to the lines that ran
    ///
    /// Needs Linux, Go and git, and root (or sudo) to attach.
    Demo {
        /// End after the second round instead of waiting for Ctrl-C
        #[arg(long)]
        once: bool,
    },
    /// Check everything that must hold before a change is merged
    Ci,
    /// Check the sources as text: which module may name which, and how long files are
    Tidy,
    /// Rebuild the eBPF object that goat embeds
    BuildEbpf {
        /// Only check that the committed object is what the sources give
        #[arg(long)]
        check: bool,
    },
    /// Measure what goat costs
    Bench {
        #[command(subcommand)]
        what: Bench,
    },
    /// Hold goat's answers against the Go toolchain's own coverage (needs root)
    Truth(truth::Args),
    /// `go build -toolexec` of `truth`
    #[command(hide = true)]
    CoverStatements {
        marks: PathBuf,
        tool: PathBuf,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

#[derive(Subcommand)]
enum Bench {
    /// Time what goat's own sessions cost: attaching, disarming, detaching (needs root)
    Attach,
    /// Compare a server and a job under goat with unprobed ones and with counters in the program (needs root, wrk)
    Overhead(Box<bench_overhead::Args>),
}

fn main() -> ExitCode {
    let done = match Cli::parse().chore {
        Chore::Demo { once } => demo::run(once),
        Chore::Ci => ci::run(),
        Chore::Tidy => tidy::run(),
        Chore::BuildEbpf { check: false } => build_ebpf::run(),
        Chore::BuildEbpf { check: true } => build_ebpf::check(),
        Chore::Bench { what: Bench::Attach } => bench_attach::run(),
        Chore::Bench { what: Bench::Overhead(args) } => bench_overhead::run(&args),
        Chore::Truth(args) => truth::run(&args),
        Chore::CoverStatements { marks, tool, args } => return tool_status(truth::run_tool(&marks, &tool, &args)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Without the backtrace that a `Result` from here would print.
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn tool_status(done: anyhow::Result<ExitCode>) -> ExitCode {
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
