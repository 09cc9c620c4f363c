//! `/track`: the report as JSON, and as a page for browsers.

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};

use super::{App, accept, content, invalid_component, page, problem::problem};
use crate::report::{Listed, Order, json};

pub(super) async fn answer(
    State(app): State<App>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Response {
    let taken = app.snapshots.now().await;
    if taken.report.select(first(&query, "component")).is_err() {
        return invalid_component();
    }
    let listed = match listed(&query, taken.plan.granularity.as_str()) {
        Ok(listed) => listed,
        Err(detail) => return problem(StatusCode::BAD_REQUEST, &detail),
    };
    let (component, order) = (first(&query, "component").to_owned(), Order::from_query(first(&query, "order")));
    let mut response = if accept::prefers_html(&headers) {
        let place = app.feed.place_of(&taken.shared());
        page::answer(app.render(move || page::write(&taken, &component, &place)).await)
    } else {
        let question = format!("track {component:?} {order:?} {listed:?}");
        let text = app
            .render(move || {
                Arc::clone(&taken).text(question, |snapshot| {
                    let selected = snapshot.report.select(&component).unwrap_or_default();
                    json::render_listed(&snapshot.report, &selected, order, &listed)
                })
            })
            .await;
        content(StatusCode::OK, "application/json", text)
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

/// Which points are asked for; what is wrong with the question, if something is.
fn listed(query: &[(String, String)], granularity: &str) -> Result<Listed, String> {
    match first(query, "granularity") {
        "" => {}
        same if same == granularity => {}
        other => {
            return Err(format!(
                "granularity is {other:?}, but this plan was made by {granularity}: its points can't be cut in another way, make a plan \
                 with --granularity {other}"
            ));
        }
    }
    Listed::from_query(first(query, "state"), first(query, "file")).map_err(|unknown| unknown.to_string())
}

/// The first value of `name`: others are ignored, as in the original.
pub(super) fn first<'a>(query: &'a [(String, String)], name: &str) -> &'a str {
    query.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::http::sample::get;

    #[test]
    fn points_are_filtered_and_numbers_are_not() {
        let check = |query: &str, expected: &[u64]| {
            let (status, kind, body) = get(&format!("/track?component=1&order=2{query}"));
            assert_eq!((status, &*kind), (200, "application/json"), "{query}");
            let answer: Value = serde_json::from_str(&body).unwrap();
            let metrics = &answer["results"][0]["metrics"];
            let ids: Vec<_> =
                metrics["items"].as_array().unwrap().iter().map(|item| item["id"].as_u64().unwrap()).collect();
            assert_eq!(ids, expected, "{query}");
            assert_eq!((metrics["total"].as_u64(), metrics["excluded"].as_u64()), (Some(2), Some(1)), "{query}");
        };
        check("", &[1, 2, 3, 4]);
        check("&state=covered", &[1]);
        check("&state=not-executed,unobservable", &[2, 3]);
        check("&file=ctl.go", &[4]);
        check("&state=&file=&granularity=", &[1, 2, 3, 4]);
        check("&granularity=patch", &[1, 2, 3, 4]);
        check("&nosuch=1", &[1, 2, 3, 4]);
    }

    #[test]
    fn a_filter_that_is_not_understood_is_a_problem() {
        for (query, expected) in [
            ("?state=ran", "no state \"ran\": use one or several of covered, "),
            ("?granularity=func", "make a plan with --granularity func"),
        ] {
            let (status, kind, body) = get(&format!("/track{query}"));
            assert_eq!((status, &*kind), (400, "application/problem+json"), "{query}");
            let problem: Value = serde_json::from_str(&body).unwrap();
            assert!(problem["detail"].as_str().unwrap().contains(expected), "{body}");
        }
    }
}
