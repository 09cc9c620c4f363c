//! `/status`: what is traced, by which goat, with how many probes in which state, at what cost, and how much of the change has
//! run.

use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::Response,
};
use serde::Serialize;

use super::{
    App, Snapshot, content,
    problem::problem,
    tracing_json::{self, Overhead, Probes, Target},
};
use crate::{
    DataType,
    report::{Points, rfc3339},
    status::Status,
};

/// Grows when a field changes its meaning or goes; a new field is no reason.
const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    schema_version: u32,
    goat: Goat<'a>,
    name: &'a str,
    version: &'a str,
    components: Vec<&'a str>,
    data_type: DataType,
    taken: String,
    coverage: Coverage,
    backend: Option<&'a str>,
    targets: Vec<Target<'a>>,
    probes: Probes,
    overhead: Option<Overhead>,
    state: Option<Kept>,
}

#[derive(Serialize)]
struct Goat<'a> {
    version: &'a str,
    pid: u32,
    started: Option<String>,
}

/// Of the binary's own component, where goat knows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Coverage {
    total: usize,
    covered: usize,
    covered_rate: usize,
    not_executed: usize,
    not_armed: usize,
    unobservable: usize,
    excluded: usize,
}

#[derive(Serialize)]
struct Kept {
    file: Option<String>,
    saved: Option<String>,
    failure: Option<String>,
}

pub(super) async fn answer(State(app): State<App>, Query(query): Query<Vec<(String, String)>>) -> Response {
    if let Some((other, _)) = query.first() {
        return problem(StatusCode::BAD_REQUEST, &format!("no parameter {other:?}: there is none"));
    }
    let Snapshot { report, status, .. } = app.source.snapshot();
    match report.points("") {
        Ok(points) => content(StatusCode::OK, "application/json", render(&status, &points)),
        Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

fn render(status: &Status, points: &Points<'_>) -> String {
    let (report, totals) = (points.report, points.totals());
    let Status { started, backend, probes, overhead, kept, .. } = status;
    let answer = Answer {
        schema_version: SCHEMA_VERSION,
        goat: Goat { version: env!("CARGO_PKG_VERSION"), pid: std::process::id(), started: started.map(rfc3339) },
        name: &report.name,
        version: &report.version,
        components: points.components.iter().map(|component| &*component.name).collect(),
        data_type: report.data_type,
        taken: rfc3339(report.taken),
        coverage: Coverage {
            total: totals.total,
            covered: totals.covered,
            covered_rate: totals.rate(),
            not_executed: totals.not_executed,
            not_armed: totals.not_armed,
            unobservable: totals.unobservable,
            excluded: totals.excluded,
        },
        backend: backend.as_deref(),
        targets: tracing_json::targets(status),
        probes: (*probes).into(),
        overhead: overhead.map(Into::into),
        state: kept.as_ref().map(|kept| Kept {
            file: kept.path.as_ref().map(|path| path.display().to_string()),
            saved: kept.saved.map(rfc3339),
            failure: kept.failure.clone(),
        }),
    };
    serde_json::to_string(&answer).expect("the view has string keys only and fails at nothing")
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use serde_json::{Value, json};

    use super::*;
    use crate::{counts::Counts, http::sample::get, plan::sample, report, status};

    #[test]
    fn it_says_what_is_traced_and_how_much_has_run() {
        let (status, kind, body) = get("/status");
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &*kind), (200, "application/json"));
        let check = |pointer: &str, expected: Value| assert_eq!(answer.pointer(pointer), Some(&expected), "{pointer}");
        check("/goat/version", json!(env!("CARGO_PKG_VERSION")));
        check("/name", json!("shop"));
        check("/components", json!(["cmd/shopd"]));
        check("/dataType", json!("bool"));
        check("/coverage/total", json!(2));
        check("/coverage/coveredRate", json!(50));
        check("/probes/pending", json!(3));
        check("/targets", json!([]));
        check("/state", json!(null));
        assert_eq!(get("/status?x=1").0, 400);
    }

    #[test]
    fn targets_cost_and_state_are_told() {
        let report = report::new(&sample::plan(), &Counts::none(3, UNIX_EPOCH), DataType::Count);
        let status = Status {
            targets: vec![status::TargetStatus {
                pid: 42,
                exe: "/srv/shopd".into(),
                build_id: Some("a/b".into()),
                since: UNIX_EPOCH,
                up: true,
                probed: true,
            }],
            overhead: Some(status::Overhead { ratio: 0.002, budget: 0.01, hits_per_second: 12.5, waiting: 7 }),
            kept: Some(status::Kept {
                path: Some("/var/lib/goat/x.goatstate".into()),
                saved: Some(UNIX_EPOCH),
                failure: Some("no space left".into()),
            }),
            ..Status::default()
        };
        let answer: Value = serde_json::from_str(&render(&status, &report.points("").unwrap())).unwrap();
        let check = |pointer: &str, expected: Value| assert_eq!(answer.pointer(pointer), Some(&expected), "{pointer}");
        check("/targets/0/pid", json!(42));
        check("/targets/0/buildId", json!("a/b"));
        check("/overhead/hitsPerSecond", json!(12.5));
        check("/overhead/waiting", json!(7));
        check("/state/saved", json!("1970-01-01T00:00:00.000Z"));
        check("/state/failure", json!("no space left"));
    }
}
