//! `/verify`: whether enough of the change has run, for gates that ask a URL. The verdict is in the body, with status 200
//! whatever it is, as Argo Rollouts reads it; `fail=503` puts it into the status too, as Flagger's and Kubernetes' hooks do.

use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::Response,
};

use super::{App, content, problem::problem};
use crate::report::{Decision, Gate, Limit, Percent, verdict_json};

/// What the query asks.
struct Asked<'a> {
    gate: Gate,
    component: &'a str,
    fail: StatusCode,
}

pub(super) async fn answer(State(app): State<App>, Query(query): Query<Vec<(String, String)>>) -> Response {
    let Asked { gate, component, fail } = match asked(&query) {
        Ok(asked) => asked,
        Err(detail) => return problem(StatusCode::BAD_REQUEST, &detail),
    };
    let taken = app.snapshots.now().await;
    match taken.report.points(component) {
        Ok(points) => {
            let verdict = gate.judge(&points);
            let status = if verdict.decision == Decision::Pass { StatusCode::OK } else { fail };
            content(status, "application/json", verdict_json::render(&verdict))
        }
        Err(error) => problem(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

/// Strict: a misspelt limit that is passed over would let a release through.
fn asked(query: &[(String, String)]) -> Result<Asked<'_>, String> {
    let mut asked = Asked { gate: Gate::default(), component: "", fail: StatusCode::OK };
    for (name, value) in query {
        let wrong = |right: &str| format!("{name} is {value:?}: use {right}");
        match name.as_str() {
            "min-coverage" => {
                asked.gate.min_coverage = Percent::parse(value).ok_or_else(|| wrong("a percentage from 0 to 100"))?;
            }
            "min-points" => asked.gate.min_points = value.parse().map_err(|_| wrong("a number of points"))?,
            "max-unobservable" => {
                let limit =
                    Limit::parse(value).ok_or_else(|| wrong("a number of points, or a percentage such as 5%25"))?;
                asked.gate.max_unobservable = Some(limit);
            }
            "allow-empty" => {
                asked.gate.allow_empty = match value.as_str() {
                    "" | "true" => true,
                    "false" => false,
                    _ => return Err(wrong("true or false")),
                };
            }
            "component" => asked.component = value,
            "fail" => {
                let status = value.parse().ok().and_then(|status| StatusCode::from_u16(status).ok());
                let is_failure = |status: &StatusCode| status.is_client_error() || status.is_server_error();
                asked.fail = status.filter(is_failure).ok_or_else(|| wrong("a status from 400 to 599, such as 503"))?;
            }
            _ => {
                return Err(format!(
                    "no parameter {name:?}: use min-coverage, min-points, max-unobservable, allow-empty, component and fail"
                ));
            }
        }
    }
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::http::sample::get;

    #[test]
    fn the_verdict_is_in_the_body_and_in_the_status_if_asked() {
        let check = |query: &str, status: u16, verdict: &str| {
            let (found, kind, body) = get(&format!("/verify{query}"));
            let answer: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(
                (found, &*kind, answer["verdict"].as_str()),
                (status, "application/json", Some(verdict)),
                "{query}"
            );
        };
        check("", 200, "below");
        check("?fail=503", 503, "below");
        check("?min-coverage=50", 200, "pass");
        check("?min-coverage=50&fail=503", 200, "pass");
        check("?min-coverage=50.01&fail=418", 418, "below");
        check("?min-coverage=0&min-points=3", 200, "undecided");
        check("?min-coverage=0&min-points=3&fail=503", 503, "undecided");
        check("?min-coverage=0&max-unobservable=0", 200, "below");
        check("?min-coverage=0&max-unobservable=33.34%25", 200, "pass");
        check("?min-coverage=0&allow-empty", 200, "pass");
        check("?component=cmd/shopctl", 200, "pass");
        check("?component=0,1", 200, "below");
    }

    #[test]
    fn what_is_not_understood_is_a_problem() {
        for (query, expected) in [
            ("?component=nosuch", "no component \"nosuch\": there are cmd/shopctl, cmd/shopd"),
            ("?min-coverage=101", "min-coverage is \"101\": use a percentage from 0 to 100"),
            ("?min-coverage=", "min-coverage is \"\": use a percentage from 0 to 100"),
            ("?min-points=x", "min-points is \"x\": use a number of points"),
            ("?max-unobservable=x", "max-unobservable is \"x\": use a number of points, or a percentage such as 5%25"),
            ("?fail=200", "fail is \"200\": use a status from 400 to 599, such as 503"),
            ("?fail=no", "fail is \"no\": use a status from 400 to 599, such as 503"),
            ("?allow-empty=maybe", "allow-empty is \"maybe\": use true or false"),
            (
                "?min-covrage=80",
                "no parameter \"min-covrage\": use min-coverage, min-points, max-unobservable, allow-empty, component and fail",
            ),
        ] {
            let (status, kind, body) = get(&format!("/verify{query}"));
            let problem: Value = serde_json::from_str(&body).unwrap();
            assert_eq!((status, &*kind), (400, "application/problem+json"), "{query}");
            let detail = problem["detail"].as_str().unwrap();
            assert_eq!(
                (problem["status"].as_u64(), problem["title"].as_str(), detail),
                (Some(400), Some("Bad Request"), expected)
            );
        }
    }
}
