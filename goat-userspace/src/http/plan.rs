//! `/plan`: what is probed and why what is not is not, as `goat plan --format json` shows it.

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::Response,
};

use super::{App, content, problem::problem};
use crate::plan;

pub(super) async fn answer(State(app): State<App>, Query(query): Query<Vec<(String, String)>>) -> Response {
    if let Some((other, _)) = query.first() {
        return problem(StatusCode::BAD_REQUEST, &format!("no parameter {other:?}: there is none"));
    }
    let taken = app.snapshots.now().await;
    let plan = Arc::clone(&taken.plan);
    content(StatusCode::OK, "application/json", app.render(move || plan::json(&plan) + "\n").await)
}

#[cfg(test)]
mod tests {
    use crate::{http::sample::get, plan::sample};

    #[test]
    fn the_plan_is_shown_as_the_command_shows_it() {
        let expected = crate::plan::json(&sample::plan()) + "\n";
        assert_eq!(get("/plan"), (200, "application/json".into(), expected));
        let (status, kind, body) = get("/plan?x=1");
        assert_eq!((status, &*kind), (400, "application/problem+json"));
        assert!(body.contains("no parameter \\\"x\\\""), "{body}");
    }
}
