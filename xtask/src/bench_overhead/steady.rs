//! The server at steady state, in all its variants side by side.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Result, ensure};
use clap::ValueEnum as _;
use serde::Serialize;

use super::{
    load::Second,
    observer::{Attached, Goat, Mode},
    process::CpuClock,
    server::{Server, WARM},
    statistics::Estimate,
    subject::Subject,
    text_pages, turns, variants,
};

/// Seconds under load after goat has begun, before steady state is measured.
const SETTLE: usize = 8;

/// The table of steady states.
#[derive(Serialize)]
pub(super) struct Steady {
    pub(super) about: String,
    pub(super) sites: usize,
    pub(super) statements: usize,
    /// Of the unprobed server, in microseconds.
    pub(super) cpu_us: f64,
    /// Of the unprobed server, requests per second.
    pub(super) throughput: f64,
    pub(super) rows: Vec<Row>,
}

/// A variant beside the unprobed server, as ratios.
#[derive(Serialize)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) throughput: Estimate,
    pub(super) cpu: Estimate,
    pub(super) errors: u64,
    /// CPU that goat itself used, as a share of one core; `None` where there is no goat.
    pub(super) goat: Option<f64>,
}

struct Variant {
    which: Which,
    name: &'static str,
    binary: PathBuf,
}

/// What stands beside the unprobed server.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Which {
    /// It itself
    Again,
    /// goat with dataType bool
    Bool,
    /// goat with dataType count
    Count,
    /// No probe, but the pages of text that `bool` has made private are private here, too
    Private,
    /// go build -cover -covermode=atomic
    Cover,
    /// An atomic store per changed statement
    Store,
    /// An atomic add per changed statement
    Add,
}

impl Which {
    /// With goat.
    fn mode(self) -> Option<Mode> {
        match self {
            Self::Bool => Some(Mode::Bool),
            Self::Count => Some(Mode::Count),
            _ => None,
        }
    }
}

/// A server, and the goat that is at it.
struct Observed {
    server: Server,
    goat: Option<Attached>,
}

/// All variants beside one another, each started anew `blocks` times, taking turns `rounds` times in each block.
pub(super) fn measure(
    subject: &Subject,
    goat: &Goat,
    (plan, sites): &(PathBuf, usize),
    wanted: &[Which],
    (blocks, rounds): (usize, usize),
    dir: &Path,
) -> Result<Steady> {
    let (variants, statements) = build(subject, wanted, dir)?;
    let mut seconds: Vec<Vec<Second>> = vec![Vec::new(); variants.len()];
    let mut goats: Vec<Vec<f64>> = vec![Vec::new(); variants.len()];
    for block in 0..blocks {
        eprintln!("server: block {} of {blocks}", block + 1);
        let mut servers: Vec<Observed> = Vec::new();
        let mut private = Vec::new();
        for variant in &variants {
            let server = Server::start(subject, &variant.binary)?;
            server.seconds(WARM)?;
            let mut attached = None;
            if let Some(mode) = variant.which.mode() {
                attached.insert(goat.attach(server.pid(), plan, mode)?).ready()?;
                server.seconds(SETTLE)?;
            }
            match variant.which {
                Which::Bool => private = text_pages::private(server.pid())?,
                Which::Private => text_pages::make_private(server.pid(), &private)?,
                _ => {}
            }
            servers.push(Observed { server, goat: attached });
        }
        let clocks: Vec<Option<CpuClock>> =
            servers.iter().map(|s| s.goat.as_ref().map(Attached::clock).transpose()).collect::<Result<_>>()?;
        let mut spent = vec![Duration::ZERO; variants.len()];
        for round in 0..rounds {
            for index in turns::order(round, variants.len()) {
                let before = clocks[index].map(CpuClock::now).transpose()?;
                seconds[index].push(servers[index].server.second()?);
                if let (Some(before), Some(clock)) = (before, clocks[index]) {
                    spent[index] += clock.now()?.saturating_sub(before);
                }
            }
        }
        for (index, server) in servers.into_iter().enumerate() {
            if let Some(goat) = server.goat {
                goats[index].push(spent[index].as_secs_f64() / rounds as f64);
                goat.end()?;
            }
        }
    }
    let plain = &seconds[0];
    let row = |(index, variant): (usize, &Variant)| {
        let own = &seconds[index];
        let pairs = || own.iter().zip(plain);
        Row {
            name: variant.name,
            throughput: Estimate::of(pairs().map(|(own, plain)| own.throughput / plain.throughput)),
            cpu: Estimate::of(pairs().map(|(own, plain)| own.cpu_us / plain.cpu_us)),
            errors: own.iter().map(|s| s.errors).sum(),
            goat: variant.which.mode().map(|_| Estimate::of(goats[index].iter().copied()).median),
        }
    };
    Ok(Steady {
        about: subject.about.clone(),
        sites: *sites,
        statements,
        cpu_us: Estimate::of(plain.iter().map(|s| s.cpu_us)).median,
        throughput: Estimate::of(plain.iter().map(|s| s.throughput)).median,
        rows: variants.iter().enumerate().skip(1).map(row).collect(),
    })
}

/// The unprobed server first, and how many statements have a call.
fn build(subject: &Subject, wanted: &[Which], dir: &Path) -> Result<(Vec<Variant>, usize)> {
    let mut variants = vec![Variant { which: Which::Again, name: "unprobed", binary: subject.binary.clone() }];
    let mut statements = 0;
    ensure!(
        wanted.contains(&Which::Bool) || !wanted.contains(&Which::Private),
        "which pages are made private is seen at `bool`: measure both"
    );
    for which in Which::value_variants().iter().copied().filter(|which| wanted.contains(which)) {
        let mut rewritten = |name: &str, call| -> Result<PathBuf> {
            let binary = dir.join(name);
            statements = variants::rewritten(subject, call, dir, &binary)?;
            fs::remove_dir_all(dir.join("rewritten"))?;
            Ok(binary)
        };
        let plain = || subject.binary.clone();
        let (name, binary) = match which {
            Which::Again => ("unprobed, once more", plain()),
            Which::Bool => ("goat, `bool`", plain()),
            Which::Count => ("goat, `count`", plain()),
            Which::Private => ("no goat, the same pages of text private", plain()),
            Which::Cover => {
                let binary = dir.join("cover");
                variants::build(&subject.repo, &subject.package, &["-cover", "-covermode=atomic"], &binary)?;
                ("`go build -cover -covermode=atomic`", binary)
            }
            Which::Store => ("an atomic store per changed statement", rewritten("store", "Store(1)")?),
            Which::Add => ("an atomic add per changed statement", rewritten("add", "Add(1)")?),
        };
        variants.push(Variant { which, name, binary });
    }
    Ok((variants, statements))
}
