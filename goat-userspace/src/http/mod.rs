//! The answer over HTTP: `/track`, `/metrics`, `/report`, `/verify`, `/status`, `/healthz`, `/readyz`, and a page for people.

mod accept;
mod error;
mod health;
mod metrics;
mod page;
mod problem;
mod report;
#[cfg(test)]
mod sample;
mod serve;
mod status;
mod track;
mod verify;

use std::sync::Arc;

use axum::{
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::any,
};

pub use error::Error;
pub use serve::{bind, serve};

use crate::{plan::ProbePlan, report::Report, status::Status};

/// What the server asks for each answer. `session` stays out of sight: the command line joins the two.
pub trait Source: Send + Sync + 'static {
    /// The answer as of now.
    fn snapshot(&self) -> Snapshot;
    /// Whether every probe is attached.
    fn is_ready(&self) -> bool;
}

/// The answer at an instant: report and plan belong together, whatever configuration is loaded later.
#[derive(Clone)]
pub struct Snapshot {
    /// What ran.
    pub report: Report,
    /// The plan that the report is of.
    pub plan: Arc<ProbePlan>,
    /// How the tracing itself does.
    pub status: Status,
}

/// What every route answers from.
#[derive(Clone)]
struct App {
    source: Arc<dyn Source>,
    /// `GOAT_CURRENT_COMPONENT`.
    component: Option<Arc<str>>,
}

/// The routes, answering from `source`. `component` is `GOAT_CURRENT_COMPONENT`: `/metrics` shows only that one.
///
/// As in the original, the method does not matter, and what has no route is 404.
pub fn router(source: Arc<dyn Source>, component: Option<String>) -> axum::Router {
    axum::Router::new()
        .route("/", any(root))
        .route("/track", any(track::answer))
        .route("/metrics", any(metrics::answer))
        .route("/report", any(report::answer))
        .route("/verify", any(verify::answer))
        .route("/status", any(status::answer))
        .route("/healthz", any(health::alive))
        .route("/readyz", any(health::ready))
        .fallback(not_found)
        .with_state(App { source, component: component.map(Into::into) })
}

/// People who type the address want the page; the original has nothing here.
async fn root(headers: HeaderMap) -> Response {
    if accept::prefers_html(&headers) { Redirect::temporary("/track").into_response() } else { not_found().await }
}

/// As Go's `http.NotFound` says it.
async fn not_found() -> Response {
    plain(StatusCode::NOT_FOUND, "404 page not found\n".into())
}

/// As the original says it, but with the status that it meant.
fn invalid_component() -> Response {
    plain(StatusCode::BAD_REQUEST, "invalid component\n".into())
}

/// Text that nothing should take for anything else, nor keep: the next answer is another.
fn plain(status: StatusCode, text: String) -> Response {
    content(status, "text/plain; charset=utf-8", text)
}

fn content(status: StatusCode, kind: &'static str, text: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, text).into_response()
}
