//! The tracing's own state as JSON: targets, probes, cost.

use std::time::SystemTime;

use serde::Serialize;

use crate::{report::rfc3339, status::Status};

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
struct Target<'a> {
    pid: u32,
    exe: std::borrow::Cow<'a, str>,
    build_id: Option<&'a str>,
    since: String,
    up: bool,
    probed: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Probes {
    pending: usize,
    armed: usize,
    disarmed: usize,
    throttled: usize,
    not_armed: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Overhead {
    ratio: f64,
    budget: f64,
    hits_per_second: f64,
    waiting: usize,
}

pub(super) fn view(status: &Status, taken: SystemTime) -> View<'_> {
    let probes = status.probes;
    View {
        taken: rfc3339(taken),
        started: status.started.map(rfc3339),
        backend: status.backend.as_deref(),
        targets: status
            .targets
            .iter()
            .map(|target| Target {
                pid: target.pid,
                exe: target.exe.to_string_lossy(),
                build_id: target.build_id.as_deref(),
                since: rfc3339(target.since),
                up: target.up,
                probed: target.probed,
            })
            .collect(),
        probes: Probes {
            pending: probes.pending,
            armed: probes.armed,
            disarmed: probes.disarmed,
            throttled: probes.throttled,
            not_armed: probes.not_armed,
        },
        overhead: status.overhead.map(|overhead| Overhead {
            ratio: overhead.ratio,
            budget: overhead.budget,
            hits_per_second: overhead.hits_per_second,
            waiting: overhead.waiting,
        }),
    }
}
