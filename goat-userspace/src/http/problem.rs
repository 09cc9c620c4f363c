//! Errors as RFC 9457 problem details, for the routes that the original does not have.

use axum::{http::StatusCode, response::Response};
use serde::Serialize;

use super::content;

/// Without a `type` of its own a problem is what its status says (RFC 9457, section 4.2.1).
#[derive(Serialize)]
struct Problem<'a> {
    title: &'a str,
    status: u16,
    detail: &'a str,
}

/// The answer that says in `detail` what was wrong with the request and what would be right.
pub(super) fn problem(status: StatusCode, detail: &str) -> Response {
    let problem = Problem { title: status.canonical_reason().unwrap_or("error"), status: status.as_u16(), detail };
    let text = serde_json::to_string(&problem).expect("the problem has string keys only and fails at nothing");
    content(status, "application/problem+json", text)
}
