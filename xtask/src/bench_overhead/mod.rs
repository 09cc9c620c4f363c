//! `cargo xtask bench overhead`: what goat costs a real server and a real job, beside what counters in the program cost. All
//! variants take turns within one run, so that what else the machine does falls on each of them alike.

mod arming;
mod document;
mod idle;
mod job;
mod load;
mod machine;
mod observer;
mod plot;
mod process;
mod rotated;
mod server;
mod statistics;
mod steady;
mod subject;
mod text_pages;
mod turns;
mod variants;

use std::{env, fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::{repository, truth::toolchain};
pub(crate) use machine::Machine;

/// What is measured, and for how long.
#[derive(clap::Args, Clone)]
pub(crate) struct Args {
    #[command(flatten)]
    subject: subject::Choice,

    /// Only these parts
    #[arg(long, value_name = "PART", value_delimiter = ',', default_values = ["rotated", "server", "arming", "job", "idle"])]
    only: Vec<Part>,

    /// How often every variant is started anew
    #[arg(long, value_name = "N", default_value_t = 5)]
    blocks: usize,

    /// What stands beside the unprobed server
    #[arg(long, value_name = "VARIANT", value_delimiter = ',', default_values = ["again", "bool", "count", "private", "cover", "store", "add"])]
    variant: Vec<steady::Which>,

    /// How often the variants take turns in a block: each time for a second
    #[arg(long, value_name = "N", default_value_t = 20)]
    rounds: usize,

    /// How often the servers that goat visits one after the other are started anew
    #[arg(long, value_name = "N", default_value_t = 4)]
    rotated_blocks: usize,

    /// How often they take turns while goat is at one of them: each time for a second
    #[arg(long, value_name = "N", default_value_t = 6)]
    rotated_rounds: usize,

    /// What stands beside the unprobed job
    #[arg(long, value_name = "VARIANT", value_delimiter = ',', default_values = ["again", "first", "kept", "second", "set", "count", "atomic"])]
    job_variant: Vec<job::Which>,

    /// How often the job's variants take turns
    #[arg(long, value_name = "N", default_value_t = 15)]
    job_rounds: usize,

    /// What the job looks at, below GOROOT/src
    #[arg(long, value_name = "DIR", value_delimiter = ',', default_values = ["cmd/compile", "cmd/go", "cmd/link", "cmd/internal", "net", "go", "crypto", "internal"])]
    job_input: Vec<String>,

    /// An option for `goat attach` and `goat run`: `--goat-arg=--max-overhead=1%`
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    goat_arg: Vec<String>,

    /// Write the tables to docs/performance.md, and the plot to docs/overhead-arming.svg
    #[arg(long)]
    write: bool,

    /// Write all figures to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    /// goat on one of several servers after the other
    Rotated,
    /// Servers side by side
    Server,
    /// A server in the seconds after goat has begun
    Arming,
    /// A program that computes
    Job,
    /// goat itself, with nothing to do
    Idle,
}

/// All figures.
#[derive(Serialize)]
struct Results {
    command: String,
    machine: Machine,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rotated: Vec<steady::Row>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<steady::Steady>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arming: Option<arming::Arming>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<job::Job>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    idle: Vec<idle::Idle>,
}

/// Measures, and shows the tables.
pub(crate) fn run(args: &Args) -> Result<()> {
    // SAFETY: takes no pointer.
    ensure!(unsafe { libc::geteuid() } == 0, "attaching takes root");
    let wants = |part| args.only.contains(&part);
    let dir = tempfile::tempdir()?;
    let goat = observer::Goat::new(binary()?, &args.goat_arg)?;
    let mut results = Results {
        command: command(),
        machine: Machine::look()?,
        rotated: Vec::new(),
        server: None,
        arming: None,
        job: None,
        idle: Vec::new(),
    };
    if [Part::Rotated, Part::Server, Part::Arming].into_iter().any(wants) {
        let subject = subject::Subject::make(&args.subject, &dir.path().join("subject"))?;
        let plan = subject.plan(&goat, dir.path())?;
        if wants(Part::Rotated) {
            results.rotated = rotated::measure(&subject, &goat, &plan, (args.rotated_blocks, args.rotated_rounds))?;
        }
        if wants(Part::Server) {
            results.server =
                Some(steady::measure(&subject, &goat, &plan, &args.variant, (args.blocks, args.rounds), dir.path())?);
        }
        if wants(Part::Arming) {
            results.arming = Some(arming::measure(&subject, &goat, &plan, args.blocks)?);
        }
    }
    if wants(Part::Job) || wants(Part::Idle) {
        let gofmt = job::Gofmt::make(&dir.path().join("gofmt"))?;
        if wants(Part::Job) {
            results.job =
                Some(job::measure(&gofmt, &goat, &args.job_variant, &args.job_input, args.job_rounds, dir.path())?);
        }
        if wants(Part::Idle) {
            results.idle = idle::measure(&gofmt, &goat, dir.path())?;
        }
    }
    let text = document::text(&results);
    print!("{text}");
    if let Some(path) = &args.json {
        fs::write(path, serde_json::to_string_pretty(&results)? + "\n")
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    if args.write {
        document::write(&repository::root().join("docs"), &text, results.arming.as_ref())?;
    }
    Ok(())
}

/// goat with optimisation, or the one that `GOAT_BIN` names.
fn binary() -> Result<PathBuf> {
    if let Some(path) = env::var_os("GOAT_BIN") {
        return Ok(PathBuf::from(path));
    }
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(repository::root()).args(["build", "--quiet", "--release", "--package", "goat-userspace"]);
    toolchain::output(cargo.args(["--bin", "goat"]))?;
    let debug = env::current_exe().context("cannot find this program")?;
    let target = debug.ancestors().nth(2).context("this program is in no target directory")?;
    Ok(target.join("release/goat"))
}

/// As it was typed, for the document.
fn command() -> String {
    let args: Vec<String> = env::args().skip(1).collect();
    format!("cargo xtask {}", args.join(" "))
}
