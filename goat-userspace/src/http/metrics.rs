//! `/metrics`: the gauges. The query does not matter, as in the original; only `GOAT_CURRENT_COMPONENT` selects.

use axum::{extract::State, http::StatusCode, response::Response};

use super::{App, invalid_component, plain};
use crate::report::prometheus;

pub(super) async fn answer(State(app): State<App>) -> Response {
    match prometheus::render(&app.source.snapshot().report, app.component.as_deref()) {
        Ok(text) => plain(StatusCode::OK, text),
        Err(_) => invalid_component(),
    }
}
