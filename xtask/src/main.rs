//! goat's own chores: one file per chore, each with a `run`.

mod bench_attach;
mod bench_http;
mod bench_overhead;
mod bench_plan;
mod build_ebpf;
mod ci;
mod demo;
mod fuzz;
mod lines;
mod marked;
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
    /// Read broken files for a while, one target after the other; what crashes is kept in target/fuzz/found
    Fuzz {
        /// How long each target runs
        #[arg(long, default_value_t = fuzz::SECONDS)]
        seconds: u32,
        /// Only these; without any, all of them
        targets: Vec<String>,
    },
    /// Measure what goat costs
    Bench {
        #[command(subcommand)]
        what: Bench,
    },
    /// Hold goat's answers against the Go toolchain's own coverage (needs root)
    Truth(truth::Args),
    /// Hold the changed lines against git's on many pairs of commits of a real history
    Lines(lines::Args),
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
    /// Time plans for large binaries and long histories, and measure their memory
    Plan(Box<bench_plan::Args>),
    /// Time goat's answers, a browser's first paint, and what a service notices of many who ask (needs root)
    Http {
        /// Put the tables into docs/performance.md
        #[arg(long)]
        write: bool,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().chore {
        Chore::Demo { once } => demo::run(once),
        Chore::Ci => ci::run(),
        Chore::Tidy => tidy::run(),
        Chore::BuildEbpf { check: false } => build_ebpf::run(),
        Chore::BuildEbpf { check: true } => build_ebpf::check(),
        Chore::Fuzz { seconds, targets } => fuzz::run(seconds, &targets),
        Chore::Bench { what: Bench::Attach } => bench_attach::run(),
        Chore::Bench { what: Bench::Overhead(args) } => bench_overhead::run(&args),
        Chore::Bench { what: Bench::Plan(args) } => bench_plan::run(&args),
        Chore::Bench { what: Bench::Http { write } } => bench_http::run(write),
        Chore::Truth(args) => truth::run(&args),
        Chore::Lines(args) => lines::run(&args),
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
