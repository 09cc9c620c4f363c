//! The server under load: at steady state, and in the seconds after goat has begun.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use serde::Serialize;

use super::{
    load::{self, Second},
    observer::{Attached, Goat, Mode},
    process::{CpuClock, Running},
    statistics::Estimate,
    subject::Subject,
    variants,
};

/// How long the server may take to listen.
const PATIENCE: Duration = Duration::from_secs(60);
/// Seconds under load before anything is measured.
const WARM: usize = 3;
/// Seconds under load after goat has begun, before steady state is measured.
const SETTLE: usize = 8;
/// Seconds of the arming phase that are shown before and after goat begins.
const BEFORE: usize = 5;
const AFTER: usize = 12;

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
    pub(super) name: String,
    pub(super) throughput: Estimate,
    pub(super) cpu: Estimate,
    pub(super) errors: u64,
    /// CPU that goat itself used, as a share of one core; `None` where there is no goat.
    pub(super) goat: Option<f64>,
}

struct Variant {
    name: String,
    binary: PathBuf,
    mode: Option<Mode>,
}

/// A server that is up, and perhaps observed.
struct Server {
    process: Running,
    url: String,
    clock: CpuClock,
    goat: Option<Attached>,
}

impl Server {
    fn start(subject: &Subject, binary: &Path) -> Result<Self> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut process = Running::start(&mut subject.command(binary, port))?;
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            ensure!(process.0.try_wait()?.is_none(), "the server ended before it listened");
            ensure!(Instant::now() < deadline, "the server does not listen on port {port}");
            thread::sleep(Duration::from_millis(10));
        }
        let clock = CpuClock::of(process.pid())?;
        Ok(Self { process, url: format!("http://127.0.0.1:{port}{}", subject.path), clock, goat: None })
    }

    fn second(&self) -> Result<Second> {
        load::second(&self.url, self.clock)
    }

    fn seconds(&self, n: usize) -> Result<Vec<Second>> {
        (0..n).map(|_| self.second()).collect()
    }
}

/// All variants beside one another, each started anew `blocks` times, taking turns `rounds` times in each block.
pub(super) fn steady(
    subject: &Subject,
    goat: &Goat,
    (plan, sites): &(PathBuf, usize),
    blocks: usize,
    rounds: usize,
    dir: &Path,
) -> Result<Steady> {
    let (variants, statements) = build(subject, dir)?;
    let mut seconds: Vec<Vec<Second>> = vec![Vec::new(); variants.len()];
    let mut goats: Vec<Vec<f64>> = vec![Vec::new(); variants.len()];
    for block in 0..blocks {
        eprintln!("server: block {} of {blocks}", block + 1);
        let mut servers = Vec::new();
        for variant in &variants {
            let mut server = Server::start(subject, &variant.binary)?;
            server.seconds(WARM)?;
            if let Some(mode) = variant.mode {
                let mut attached = goat.attach(server.process.pid(), plan, mode)?;
                attached.ready()?;
                server.goat = Some(attached);
                server.seconds(SETTLE)?;
            }
            servers.push(server);
        }
        let clocks: Vec<Option<CpuClock>> =
            servers.iter().map(|s| s.goat.as_ref().map(Attached::clock).transpose()).collect::<Result<_>>()?;
        let mut spent = vec![Duration::ZERO; variants.len()];
        for round in 0..rounds {
            for step in 0..variants.len() {
                // Each begins in turn, there and back: what follows what changes from round to round.
                let turn = (step + round) % variants.len();
                let index = if round % 2 == 0 { turn } else { variants.len() - 1 - turn };
                let before = clocks[index].map(CpuClock::now).transpose()?;
                seconds[index].push(servers[index].second()?);
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
            name: variant.name.clone(),
            throughput: Estimate::of(pairs().map(|(own, plain)| own.throughput / plain.throughput)),
            cpu: Estimate::of(pairs().map(|(own, plain)| own.cpu_us / plain.cpu_us)),
            errors: own.iter().map(|s| s.errors).sum(),
            goat: variant.mode.map(|_| Estimate::of(goats[index].iter().copied()).median),
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
fn build(subject: &Subject, dir: &Path) -> Result<(Vec<Variant>, usize)> {
    let variant = |name: &str, binary: &Path, mode| Variant { name: name.to_owned(), binary: binary.to_owned(), mode };
    let plain = &subject.binary;
    let binary = |name: &str| dir.join(name);
    let (cover, store, add) = (binary("cover"), binary("store"), binary("add"));
    variants::build(&subject.repo, &subject.package, &["-cover", "-covermode=atomic"], &cover)?;
    let statements = variants::rewritten(subject, "Store(1)", dir, &store)?;
    variants::rewritten(subject, "Add(1)", dir, &add)?;
    fs::remove_dir_all(dir.join("rewritten"))?;
    let variants = vec![
        variant("unprobed", plain, None),
        variant("unprobed, once more", plain, None),
        variant("goat, `bool`", plain, Some(Mode::Bool)),
        variant("goat, `count`", plain, Some(Mode::Count)),
        variant("`go build -cover -covermode=atomic`", &cover, None),
        variant("an atomic store per changed statement", &store, None),
        variant("an atomic add per changed statement", &add, None),
    ];
    Ok((variants, statements))
}

/// What the server spends per request from second to second.
#[derive(Serialize)]
pub(super) struct Arming {
    /// The second that goat begins in is 0.
    pub(super) first: i32,
    /// CPU time per request as a ratio to the same server's before, one estimate a second.
    pub(super) probed: Vec<Estimate>,
    /// The same without goat.
    pub(super) unprobed: Vec<Estimate>,
    /// Throughput in the same way.
    pub(super) throughput: Vec<Estimate>,
    /// CPU that goat used in the whole phase, in seconds.
    pub(super) goat_cpu: f64,
    pub(super) errors: u64,
    pub(super) sites: usize,
}

/// The first seconds of goat on a busy server, `blocks` times, each time a new server and one without goat after it.
pub(super) fn arming(
    subject: &Subject,
    goat: &Goat,
    (plan, sites): &(PathBuf, usize),
    blocks: usize,
) -> Result<Arming> {
    let (mut probed, mut unprobed, mut spent) = (Vec::new(), Vec::new(), Vec::new());
    for block in 0..blocks {
        eprintln!("arming: block {} of {blocks}", block + 1);
        let server = Server::start(subject, &subject.binary)?;
        server.seconds(WARM)?;
        let mut seconds = server.seconds(BEFORE)?;
        let mut attached = goat.attach(server.process.pid(), plan, Mode::Bool)?;
        seconds.extend(server.seconds(AFTER)?);
        probed.push(seconds);
        attached.ready()?;
        spent.push(attached.clock()?.now()?.as_secs_f64());
        attached.end()?;

        let server = Server::start(subject, &subject.binary)?;
        server.seconds(WARM)?;
        unprobed.push(server.seconds(BEFORE + AFTER)?);
    }
    let cpu = |second: &Second| second.cpu_us;
    Ok(Arming {
        first: -(BEFORE as i32),
        probed: ratios(&probed, cpu),
        unprobed: ratios(&unprobed, cpu),
        throughput: ratios(&probed, |second| second.throughput),
        goat_cpu: Estimate::of(spent).median,
        errors: probed.iter().flatten().map(|s| s.errors).sum(),
        sites: *sites,
    })
}

/// By second, over all blocks: the figure beside the median of the block's seconds before.
fn ratios(blocks: &[Vec<Second>], figure: impl Fn(&Second) -> f64) -> Vec<Estimate> {
    let relative: Vec<Vec<f64>> = blocks
        .iter()
        .map(|seconds| {
            let before = Estimate::of(seconds[..BEFORE].iter().map(&figure)).median;
            seconds.iter().map(|second| figure(second) / before).collect()
        })
        .collect();
    (0..BEFORE + AFTER).map(|at| Estimate::of(relative.iter().map(|block| block[at]))).collect()
}
