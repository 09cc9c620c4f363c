//! `/track`: the report as JSON, and as a page for browsers.

use axum::{
    extract::{Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};

use super::{App, Snapshot, accept, content, invalid_component, page};
use crate::report::{Order, json};

pub(super) async fn answer(
    State(app): State<App>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Response {
    let Snapshot { report, plan, .. } = app.source.snapshot();
    let Ok(selected) = report.select(first(&query, "component")) else {
        return invalid_component();
    };
    let mut response = if accept::prefers_html(&headers) {
        // The page is of one component: the one asked for, else the one that the binary is.
        let asked = (!first(&query, "component").is_empty()).then(|| selected.first().copied()).flatten();
        let own = || report.components.get(report.component? as usize);
        page::answer(&plan, &report, asked.or_else(own).or(report.components.first()))
    } else {
        let order = Order::from_query(first(&query, "order"));
        content(StatusCode::OK, "application/json", json::render(&report, &selected, order))
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

/// The first value of `name`: others are ignored, as in the original.
fn first<'a>(query: &'a [(String, String)], name: &str) -> &'a str {
    query.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}
