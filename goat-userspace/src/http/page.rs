//! The page over HTTP: what [`html`] writes, behind a policy that allows no style and no script but its own.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::Response,
};

use super::{Snapshot, content, news};
use crate::report::html::{self, Live, Page};

/// The page of the component that `list` names; else of the one that the binary is. The report has all of `list`.
pub(super) fn write(snapshot: &Snapshot, list: &str, place: &str) -> String {
    let Snapshot { report, plan, status } = snapshot;
    let asked = if list.is_empty() { None } else { report.select(list).ok().and_then(|c| c.first().copied()) };
    let own = || report.components.get(report.component? as usize);
    html::render(&Page {
        plan,
        report,
        component: asked.or_else(own).or(report.components.first()),
        status: Some(status),
        live: Some(Live { events: "track/events", place, plan: &news::tag(plan) }),
    })
}

pub(super) fn answer(page: String) -> Response {
    let mut response = content(StatusCode::OK, "text/html; charset=utf-8", page);
    let policy = html::policy() + "; frame-ancestors 'none'";
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
