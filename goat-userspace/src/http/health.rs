//! `/healthz` and `/readyz`, for what watches goat.

use axum::{extract::State, http::StatusCode, response::Response};

use super::{App, plain};

/// goat runs.
pub(super) async fn alive() -> Response {
    plain(StatusCode::OK, "ok".into())
}

/// Every probe is attached: from now on, what runs is seen.
pub(super) async fn ready(State(app): State<App>) -> Response {
    if app.source.is_ready() {
        plain(StatusCode::OK, "ok".into())
    } else {
        plain(StatusCode::SERVICE_UNAVAILABLE, "not every probe is attached yet".into())
    }
}
