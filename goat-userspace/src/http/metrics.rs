//! `/metrics`: the gauges. The query does not matter, as in the original; only `GOAT_CURRENT_COMPONENT` selects.

use axum::{extract::State, http::StatusCode, response::Response};

use super::{App, content, invalid_component, process};
use crate::report::prometheus;

/// Prometheus' text format, with its version left to the reader, as the original answers.
const KIND: &str = "text/plain; charset=utf-8";

pub(super) async fn answer(State(app): State<App>) -> Response {
    let taken = app.snapshots.now().await;
    let component = app.component.clone();
    let points = app.metrics_points;
    if component.as_deref().is_some_and(|name| taken.report.component_named(name).is_err()) {
        return invalid_component();
    }
    let text = app
        .render(move || {
            taken.text("metrics".into(), |snapshot| {
                let component = component.as_deref();
                let mut families = prometheus::families(&snapshot.report, component).unwrap_or_default();
                families.extend(prometheus::status(&snapshot.status));
                families.extend(process::families());
                if points {
                    families.extend(prometheus::points(&snapshot.report, component));
                }
                prometheus::text(&families)
            })
        })
        .await;
    content(StatusCode::OK, KIND, text)
}

#[cfg(test)]
mod tests {
    use crate::http::{Options, sample};

    #[test]
    fn points_have_series_of_their_own_only_if_asked_for() {
        let body = |metrics_points| sample::ask(Options { metrics_points, ..Options::default() }, "/metrics", &[]).body;
        assert!(!body(false).contains("goat_point_hits_total"));
        let expected = "goat_point_hits_total{id=\"1\",file=\"cart.go\",line=\"10\",function=\"(*Cart).Add\",state=\"covered\"} 1\n";
        assert!(body(true).contains(expected), "{}", body(true));
    }

    #[test]
    fn goats_own_figures_stand_behind_the_changes() {
        let body = sample::get("/metrics").2;
        let at = |name: &str| body.find(&format!("# HELP {name} ")).expect(name);
        let names = ["goat_track_total", "goat_track_excluded", "goat_probes", "goat_build_info", "process_open_fds"];
        assert!(names.map(at).is_sorted(), "{body}");
    }
}
