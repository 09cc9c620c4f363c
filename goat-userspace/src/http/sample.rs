//! A server of the sample plan, for the tests of what answers.

use std::{sync::Arc, time::UNIX_EPOCH};

use http_body_util::BodyExt;
use tower::ServiceExt;

use super::{Snapshot, Source};
use crate::{
    DataType,
    counts::Counts,
    plan::{ProbePlan, sample},
    report,
    status::{ProbeStates, Status},
};

struct Sample(Arc<ProbePlan>);

impl Source for Sample {
    fn snapshot(&self) -> Snapshot {
        let mut counts = Counts::none(self.0.sites.len(), UNIX_EPOCH);
        counts.slots[0].hits = 1;
        let report = report::new(&self.0, &counts, DataType::Bool);
        let status = Status { probes: ProbeStates::of(&counts), ..Status::default() };
        Snapshot { report, plan: Arc::clone(&self.0), status }
    }

    fn is_ready(&self) -> bool {
        true
    }
}

/// Status, media type and body of what is answered to `GET uri`. Of the binary's two points that can be observed, one has run.
pub(super) fn get(uri: &str) -> (u16, String, String) {
    let router = super::router(Arc::new(Sample(Arc::new(sample::plan()))), None);
    let request = axum::http::Request::builder().uri(uri).body(axum::body::Body::empty()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let response = router.oneshot(request).await.unwrap();
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, kind, String::from_utf8(body.to_vec()).unwrap())
    })
}
