//! The server in the seconds after goat has begun.

use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;

use super::{
    load::Second,
    observer::{Goat, Mode},
    server::{Server, WARM},
    statistics::Estimate,
    subject::Subject,
};

/// Seconds that are shown before and after goat begins.
const BEFORE: usize = 5;
const AFTER: usize = 12;

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
pub(super) fn measure(
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
        let mut attached = goat.attach(server.pid(), plan, Mode::Bool)?;
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
