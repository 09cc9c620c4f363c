//! The page over HTTP: what [`html`] writes, behind a policy that allows no script but its own.

use std::hash::{BuildHasher, Hasher, RandomState};

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::Response,
};

use super::content;
use crate::{
    plan::ProbePlan,
    report::{
        ComponentReport, Report,
        html::{self, Mode},
    },
};

/// The page of `component`; of the points that are in none, if there is no component at all.
pub(super) fn answer(plan: &ProbePlan, report: &Report, component: Option<&ComponentReport>) -> Response {
    let nonce = nonce();
    let page = html::render(plan, report, component, Mode::Live(&nonce));
    let mut response = content(StatusCode::OK, "text/html; charset=utf-8", page);
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// A number that a page's author can't guess: std keys its hashers from the system's random source.
fn nonce() -> String {
    let half = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", half(), half())
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_two_pages_share_their_number() {
        assert_ne!(super::nonce(), super::nonce());
    }
}
