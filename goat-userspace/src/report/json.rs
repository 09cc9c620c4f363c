//! The report for scripts: the original's `/track`, with more fields beside its own.
//!
//! The original's fields keep their names, types and meaning, so that what reads it reads this. `metrics.version` is the
//! MD5 of `#<id>=<count>` of the component's points one after the other, in the order of their ids whatever the order asked for:
//! a script sees by it that something has changed. Every point of the component is listed, whatever its state; `total` counts
//! those that can be observed.

use std::{collections::BTreeMap, fmt::Write};

use md5::{Digest, Md5};
use serde::{Serialize, Serializer};

use super::{ComponentReport, Item, Listed, Order, Report, rfc3339};
use crate::{DataType, lines::LineSet};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    name: &'a str,
    version: &'a str,
    results: Vec<Component<'a>>,
    no_component: Vec<Point<'a>>,
    schema_version: u32,
    data_type: DataType,
    taken: String,
    component: Option<u32>,
}

/// Grows when a field changes its meaning or goes; a new field is no reason. The schema: docs/schema/report.schema.json.
pub const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct Component<'a> {
    id: u32,
    name: &'a str,
    metrics: Metrics<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metrics<'a> {
    version: String,
    total: usize,
    covered: usize,
    covered_rate: usize,
    not_executed: usize,
    not_armed: usize,
    unobservable: usize,
    excluded: usize,
    reasons: BTreeMap<&'a str, usize>,
    items: Vec<Point<'a>>,
}

/// A point's answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Point<'a> {
    id: u32,
    name: TrackId,
    count: u64,
    file: &'a str,
    line: u32,
    end_line: u32,
    #[serde(serialize_with = "numbers")]
    lines: &'a LineSet,
    function: &'a str,
    kind: &'a str,
    state: &'a str,
    reason: Option<&'a str>,
    blind: usize,
    first_hit: Option<String>,
    at_least: bool,
    estimated: bool,
    estimate: Option<Limits>,
}

/// The original's name of a point.
struct TrackId(u32);

impl Serialize for TrackId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("TRACK_ID_{}", self.0))
    }
}

fn numbers<S: Serializer>(lines: &LineSet, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(lines.iter())
}

/// What a count is worth that is an estimate.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Limits {
    low: u64,
    high: Option<u64>,
    armed_seconds: f64,
    watched_seconds: f64,
}

/// `components` of `report` as JSON on one line, without a line break at its end.
pub fn render(report: &Report, components: &[&ComponentReport], order: Order) -> String {
    render_listed(report, components, order, &Listed::default())
}

/// [`render`] with the points that `listed` lists.
pub fn render_listed(report: &Report, components: &[&ComponentReport], order: Order, listed: &Listed) -> String {
    let answer = Answer {
        name: &report.name,
        version: &report.version,
        results: components.iter().map(|component| view(component, order, listed)).collect(),
        no_component: points(&report.no_component, order, listed),
        schema_version: SCHEMA_VERSION,
        data_type: report.data_type,
        taken: rfc3339(report.taken),
        component: report.component,
    };
    serde_json::to_string(&answer).expect("the view has string keys only and fails at nothing")
}

fn view<'a>(component: &'a ComponentReport, order: Order, listed: &Listed) -> Component<'a> {
    let totals = component.totals;
    Component {
        id: component.id,
        name: &component.name,
        metrics: Metrics {
            version: version(&component.items),
            total: totals.total,
            covered: totals.covered,
            covered_rate: totals.rate(),
            not_executed: totals.not_executed,
            not_armed: totals.not_armed,
            unobservable: totals.unobservable,
            excluded: totals.excluded,
            reasons: component.reasons(),
            items: points(&component.items, order, listed),
        },
    }
}

/// `items` are in the order of their ids.
fn version(items: &[Item]) -> String {
    let mut text = String::new();
    for item in items {
        let _ = write!(text, "#{}={}", item.id, item.count);
    }
    Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn points<'a>(items: &'a [Item], order: Order, listed: &Listed) -> Vec<Point<'a>> {
    let mut sorted: Vec<&Item> = items.iter().filter(|item| listed.lists(item)).collect();
    order.sort(&mut sorted);
    sorted.into_iter().map(Point::from).collect()
}

impl<'a> From<&'a Item> for Point<'a> {
    fn from(item: &'a Item) -> Self {
        Self {
            id: item.id,
            name: TrackId(item.id),
            count: item.count,
            file: item.file.as_str(),
            line: item.line,
            end_line: item.end_line,
            lines: &item.lines,
            function: &item.function,
            kind: &item.kind,
            state: item.state.as_str(),
            reason: item.reason.as_deref(),
            blind: item.blind,
            first_hit: item.first_hit.map(rfc3339),
            at_least: item.at_least,
            estimated: item.estimate.is_some(),
            estimate: item.estimate.map(|estimate| Limits {
                low: estimate.low,
                high: estimate.high,
                armed_seconds: estimate.armed.as_secs_f64(),
                watched_seconds: estimate.watched.as_secs_f64(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use serde_json::{Value, json};

    use super::*;
    use crate::{
        counts::{Armed, Counts, Sampled, SlotCount},
        plan::sample,
        report,
    };

    fn sample_report() -> Report {
        let mut counts = Counts::none(3, UNIX_EPOCH);
        let first_hit = Some(UNIX_EPOCH + Duration::from_millis(1_795_253_844_123));
        counts.slots[1] = SlotCount { hits: 12, first_hit, armed: Armed::Armed, sampled: None };
        report::new(&sample::plan(), &counts, DataType::Count)
    }

    #[test]
    fn fields_are_the_originals_and_ours() {
        let report = sample_report();
        let text = render(&report, &report.select("cmd/shopd").unwrap(), Order::IdAscending);
        let answer: Value = serde_json::from_str(&text).unwrap();
        let check = |pointer: &str, expected: Value| assert_eq!(answer.pointer(pointer), Some(&expected), "{pointer}");
        check("/name", json!("shop"));
        check("/version", json!("1.1.0"));
        check("/results/0/id", json!(1));
        check("/results/0/name", json!("cmd/shopd"));
        check("/results/0/metrics/total", json!(2));
        check("/results/0/metrics/covered", json!(1));
        check("/results/0/metrics/coveredRate", json!(50));
        check("/results/0/metrics/notExecuted", json!(1));
        check("/results/0/metrics/notArmed", json!(0));
        check("/results/0/metrics/unobservable", json!(1));
        check("/results/0/metrics/excluded", json!(1));
        check("/results/0/metrics/reasons", json!({"excluded": 1, "speculated": 1}));
        // printf '#1=12#2=0#3=0#4=0' | md5sum
        check("/results/0/metrics/version", json!("3dd31be841891a961fa56df8fee782d4"));
        check(
            "/results/0/metrics/items/0",
            json!({"id": 1, "name": "TRACK_ID_1", "count": 12, "file": "cart.go", "line": 10, "endLine": 11,
                "lines": [10, 11], "function": "(*Cart).Add", "kind": "statement", "state": "covered", "reason": null, "blind": 0,
                "firstHit": "2026-11-21T09:37:24.123Z", "atLeast": true, "estimated": false, "estimate": null}),
        );
        check("/results/0/metrics/items/2/state", json!("unobservable"));
        check("/results/0/metrics/items/2/reason", json!("speculated"));
        check("/results/0/metrics/items/2/firstHit", json!(null));
        check("/noComponent/0/id", json!(6));
        check("/schemaVersion", json!(1));
        check("/dataType", json!("count"));
        check("/taken", json!("1970-01-01T00:00:00.000Z"));
        check("/component", json!(1));
        assert!(
            text.starts_with(r#"{"name":"shop","version":"1.1.0","results":[{"id":1,"name":"cmd/shopd","metrics":{"#)
        );
        assert!(!text.ends_with('\n'));
    }

    #[test]
    fn an_estimate_says_what_it_is_worth() {
        let mut counts = Counts::none(3, UNIX_EPOCH);
        let [armed, watched] = [1_500, 60_000].map(Duration::from_millis);
        let sampled = Some(Sampled { unseen: 900, unseen_low: 800, unseen_high: None, armed, watched });
        counts.slots[2] = SlotCount { hits: 100, sampled, ..SlotCount::default() };
        let report = report::new(&sample::plan(), &counts, DataType::Count);
        let text = render(&report, &report.select("cmd/shopd").unwrap(), Order::IdAscending);
        let answer: Value = serde_json::from_str(&text).unwrap();
        let item = answer.pointer("/results/0/metrics/items/1").unwrap();
        assert_eq!((&item["count"], &item["estimated"]), (&json!(1_000), &json!(true)));
        let expected = json!({"low": 900, "high": null, "armedSeconds": 1.5, "watchedSeconds": 60.0});
        assert_eq!(item["estimate"], expected);
        assert_eq!(crate::report::read::report(&text).unwrap().components[0].items, report.components[1].items);
    }

    #[test]
    fn copies_that_no_site_observes_are_counted() {
        let report = report::new(&sample::plan_with_blind_copies(), &Counts::none(3, UNIX_EPOCH), DataType::Bool);
        let text = render(&report, &report.select("cmd/shopd").unwrap(), Order::IdAscending);
        let answer: Value = serde_json::from_str(&text).unwrap();
        let item = answer.pointer("/results/0/metrics/items/1").unwrap();
        assert_eq!(item["blind"], json!(4));
        assert_eq!(item["reason"], json!("4 of 5 copies can't be observed"));
        assert_eq!(answer.pointer("/results/0/metrics/reasons"), Some(&json!({"excluded": 1, "speculated": 1})));
    }

    #[test]
    fn items_come_in_the_order_asked_for() {
        let report = sample_report();
        let check = |order, expected: &[u64]| {
            let answer: Value = serde_json::from_str(&render(&report, &report.select("1").unwrap(), order)).unwrap();
            let items = answer.pointer("/results/0/metrics/items").unwrap().as_array().unwrap();
            assert_eq!(items.iter().map(|item| item["id"].as_u64().unwrap()).collect::<Vec<_>>(), expected);
        };
        check(Order::CountAscending, &[2, 3, 4, 1]);
        check(Order::CountDescending, &[1, 2, 3, 4]);
        check(Order::IdAscending, &[1, 2, 3, 4]);
        check(Order::IdDescending, &[4, 3, 2, 1]);
    }

    #[test]
    fn versions_are_md5_of_ids_and_counts() {
        assert_eq!(version(&[]), "d41d8cd98f00b204e9800998ecf8427e");
    }
}
