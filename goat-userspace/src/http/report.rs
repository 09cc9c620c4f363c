//! `/report?format=`: the report in the formats of other tools.

use axum::{
    extract::{Query, State},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};

use super::{App, content, problem::problem};
use crate::{
    report::{Format, html},
    style::Style,
};

/// For a page that shows what others wrote: nothing of it may run, wherever it was saved from.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox";

pub(super) async fn answer(State(app): State<App>, Query(query): Query<Vec<(String, String)>>) -> Response {
    let (mut format, mut component) = (Format::Json, String::new());
    for (name, value) in &query {
        match name.as_str() {
            "format" => match Format::from_word(value) {
                Some(known) => format = known,
                None => return problem(StatusCode::BAD_REQUEST, &unknown_format(value)),
            },
            "component" => component = value.clone(),
            other => {
                return problem(StatusCode::BAD_REQUEST, &format!("no parameter {other:?}: use format and component"));
            }
        }
    }
    let taken = app.snapshots.now().await;
    let done = app.render(move || format.render(&taken.report, &component, Some(&taken.plan), Style::PLAIN)).await;
    match done {
        Ok(text) => {
            let mut response = content(StatusCode::OK, format.media_type(), text);
            let policy =
                if format == Format::Html { html::policy() + "; sandbox allow-scripts" } else { POLICY.into() };
            if let Ok(policy) = HeaderValue::from_str(&policy) {
                response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
            }
            response
        }
        Err(error) => problem(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

fn unknown_format(asked: &str) -> String {
    format!("no format {asked:?}: use one of {}", Format::ALL.map(Format::as_str).join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::sample::get;

    #[test]
    fn every_format_is_answered_by_its_name() {
        for format in Format::ALL {
            let (status, kind, body) = get(&format!("/report?format={}", format.as_str()));
            assert_eq!((status, &*kind), (200, format.media_type()), "{format:?}");
            assert!(!body.is_empty(), "{format:?}");
        }
        assert_eq!(get("/report"), get("/report?format=json"));
        let (_, _, lcov) = get("/report?format=lcov&component=cmd/shopctl");
        assert!(lcov.contains("DA:10,1\n") && !lcov.contains("DA:12,"), "{lcov}");
    }

    #[test]
    fn what_is_not_understood_is_a_problem() {
        for (query, expected) in [
            ("?format=pdf", "no format \\\"pdf\\\": use one of text, json, "),
            ("?component=nosuch", "no component \\\"nosuch\\\": there are cmd/shopctl, cmd/shopd"),
            ("?fromat=text", "no parameter \\\"fromat\\\": use format and component"),
        ] {
            let (status, kind, body) = get(&format!("/report{query}"));
            assert_eq!((status, &*kind), (400, "application/problem+json"), "{query}");
            assert!(body.contains(expected), "{body}");
        }
    }
}
