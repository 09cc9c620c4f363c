//! A server of the sample plan, for the tests of what answers.

use std::{sync::Arc, time::UNIX_EPOCH};

use http_body_util::BodyExt;
use tower::ServiceExt;

use super::{Options, Snapshot, Source};
use crate::{
    DataType,
    counts::Counts,
    plan::{ProbePlan, sample},
    report,
    status::{ProbeStates, Status},
};

/// Of the binary's two points that can be observed, one has run.
pub(super) struct Sample(Arc<ProbePlan>);

/// What was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) kind: String,
    pub(super) headers: axum::http::HeaderMap,
    pub(super) body: String,
}

impl Sample {
    pub(super) fn new() -> Self {
        Self(Arc::new(sample::plan()))
    }

    /// The same with `hits` at `slot`.
    pub(super) fn with_hits(&self, slot: usize, hits: u64) -> Snapshot {
        let mut counts = Counts::none(self.0.sites.len(), UNIX_EPOCH);
        counts.slots[0].hits = 1;
        counts.slots[slot].hits = hits;
        let report = report::new(&self.0, &counts, DataType::Bool);
        let status = Status { probes: ProbeStates::of(&counts), ..Status::default() };
        Snapshot { report, plan: Arc::clone(&self.0), status }
    }
}

impl Source for Sample {
    fn snapshot(&self) -> Snapshot {
        self.with_hits(0, 1)
    }

    fn is_ready(&self) -> bool {
        true
    }
}

/// Status, media type and body of what is answered to `GET uri`.
pub(super) fn get(uri: &str) -> (u16, String, String) {
    let Answer { status, kind, body, .. } = ask(Options::default(), uri, &[]);
    (status, kind, body)
}

/// What a server with `options` answers to `GET uri`. Of events, which have no end, the first is the body.
pub(super) fn ask(options: Options, uri: &str, headers: &[(&str, &str)]) -> Answer {
    request(options, "GET", uri, headers)
}

pub(super) fn request(options: Options, method: &str, uri: &str, headers: &[(&str, &str)]) -> Answer {
    let router = super::router(Arc::new(Sample::new()), options);
    let request = axum::http::Request::builder().method(method).uri(uri);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let response = router.oneshot(request.body(axum::body::Body::empty()).unwrap()).await.unwrap();
        let (parts, mut body) = response.into_parts();
        let header = |name: &str| parts.headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        let kind = header("content-type");
        let body = if kind == "text/event-stream" {
            body.frame().await.unwrap().unwrap().into_data().unwrap()
        } else {
            body.collect().await.unwrap().to_bytes()
        };
        let body = String::from_utf8(body.to_vec()).unwrap();
        Answer { status: parts.status.as_u16(), kind, headers: parts.headers, body }
    })
}
