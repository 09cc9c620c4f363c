//! The verdict for scripts: what `/verify` answers and `goat verify --format json` prints. docs/schema/verdict.schema.json.

use serde::Serialize;

use super::{Verdict, json::Point};

/// Grows when a field changes its meaning or goes; a new field is no reason.
pub const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    schema_version: u32,
    verdict: &'a str,
    pass: bool,
    reasons: &'a [String],
    /// In percent, rounded down to hundredths.
    coverage: Option<f64>,
    min_coverage: f64,
    min_points: usize,
    max_unobservable: Option<String>,
    allow_empty: bool,
    total: usize,
    covered: usize,
    not_executed: usize,
    not_armed: usize,
    unobservable: usize,
    excluded: usize,
    missing: Vec<Point<'a>>,
    unobservable_points: Vec<Point<'a>>,
}

/// `verdict` as JSON on one line, without a line break at its end.
pub fn render(verdict: &Verdict<'_>) -> String {
    let Verdict { gate, decision, reasons, totals, missing, unobservable, may_change: _ } = verdict;
    let answer = Answer {
        schema_version: SCHEMA_VERSION,
        verdict: decision.as_str(),
        pass: *decision == super::Decision::Pass,
        reasons,
        coverage: verdict.coverage().map(super::Percent::as_f64),
        min_coverage: gate.min_coverage.as_f64(),
        min_points: gate.min_points,
        max_unobservable: gate.max_unobservable.map(|limit| limit.to_string()),
        allow_empty: gate.allow_empty,
        total: totals.total,
        covered: totals.covered,
        not_executed: totals.not_executed,
        not_armed: totals.not_armed,
        unobservable: totals.unobservable,
        excluded: totals.excluded,
        missing: missing.iter().map(|&item| item.into()).collect(),
        unobservable_points: unobservable.iter().map(|&item| item.into()).collect(),
    };
    serde_json::to_string(&answer).expect("the view has string keys only and fails at nothing")
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use serde_json::{Value, json};

    use crate::{
        DataType,
        counts::Counts,
        plan::sample,
        report::{self, Gate, Limit},
    };

    #[test]
    fn scripts_read_the_decision_and_what_is_missing() {
        let mut counts = Counts::none(3, UNIX_EPOCH);
        counts.slots[0].hits = 7;
        let report = report::new(&sample::plan(), &counts, DataType::Bool);
        let gate = Gate { max_unobservable: Some(Limit::Points(1)), ..Gate::default() };
        let text = super::render(&gate.judge(&report.points("").unwrap()));
        let mut answer: Value = serde_json::from_str(&text).unwrap();
        let mut ids = |list: &str| {
            let points = answer.as_object_mut().unwrap().remove(list).unwrap();
            points.as_array().unwrap().iter().map(|point| point["id"].as_u64().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!((ids("missing"), ids("unobservablePoints")), (vec![2], vec![3]));
        let expected = json!({
            "schemaVersion": 1, "verdict": "below", "pass": false,
            "reasons": ["1 of 2 points covered, 50%, below 100%"],
            "coverage": 50.0, "minCoverage": 100.0, "minPoints": 1, "maxUnobservable": "1", "allowEmpty": false,
            "total": 2, "covered": 1, "notExecuted": 1, "notArmed": 0, "unobservable": 1, "excluded": 1,
        });
        assert_eq!(answer, expected);
    }
}
