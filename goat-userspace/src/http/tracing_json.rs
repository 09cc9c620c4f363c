//! The tracing's own state as JSON: targets, probes, cost.

use std::time::SystemTime;

use serde::Serialize;

use crate::{
    report::rfc3339,
    status::{self, Status},
};

/// [`Status`] for scripts and for the page.
#[derive(Serialize)]
pub(super) struct View<'a> {
    taken: String,
    started: Option<String>,
    backend: Option<&'a str>,
    targets: Vec<Target<'a>>,
    probes: Probes,
    overhead: Option<Overhead>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Target<'a> {
    pid: u32,
    exe: std::borrow::Cow<'a, str>,
    build_id: Option<&'a str>,
    since: String,
    up: bool,
    probed: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Probes {
    pending: usize,
    armed: usize,
    disarmed: usize,
    throttled: usize,
    not_armed: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Overhead {
    ratio: f64,
    budget: f64,
    hits_per_second: f64,
    waiting: usize,
}

pub(super) fn view(status: &Status, taken: SystemTime) -> View<'_> {
    View {
        taken: rfc3339(taken),
        started: status.started.map(rfc3339),
        backend: status.backend.as_deref(),
        targets: targets(status),
        probes: status.probes.into(),
        overhead: status.overhead.map(Into::into),
    }
}

pub(super) fn targets(status: &Status) -> Vec<Target<'_>> {
    let targets = status.targets.iter().map(|target| Target {
        pid: target.pid,
        exe: target.exe.to_string_lossy(),
        build_id: target.build_id.as_deref(),
        since: rfc3339(target.since),
        up: target.up,
        probed: target.probed,
    });
    targets.collect()
}

impl From<status::ProbeStates> for Probes {
    fn from(probes: status::ProbeStates) -> Self {
        let status::ProbeStates { pending, armed, disarmed, throttled, not_armed, .. } = probes;
        Self { pending, armed, disarmed, throttled, not_armed }
    }
}

impl From<status::Overhead> for Overhead {
    fn from(overhead: status::Overhead) -> Self {
        let status::Overhead { ratio, budget, hits_per_second, waiting } = overhead;
        Self { ratio, budget, hits_per_second, waiting }
    }
}
