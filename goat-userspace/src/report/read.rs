//! A report back from its JSON: what `--report FILE` wrote or `/track` answered, of this goat or another of the same schema.

use std::time::Duration;

use serde::Deserialize;

use super::{ComponentReport, Estimate, Item, Report, State, Totals, instant, json::SCHEMA_VERSION};
use crate::{DataType, lines::LineSet};

/// Why a text is no report.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum Error {
    #[error("not a report: goat writes them with `--report FILE` and answers with them at /track")]
    NotJson(#[from] serde_json::Error),
    #[error(
        "a report without schemaVersion: it is the original tool's, or an older goat's, and does not say which lines its points are"
    )]
    NoVersion,
    #[error(
        "a report of schema version {found}, and this goat reads {SCHEMA_VERSION}: use a goat of the version that wrote it"
    )]
    OtherVersion { found: u32 },
    #[error("{field} of the report is {found:?}, which no goat writes")]
    Field { field: &'static str, found: String },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    schema_version: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    name: String,
    version: String,
    results: Vec<Component>,
    no_component: Vec<Point>,
    data_type: DataType,
    taken: String,
    component: Option<u32>,
}

#[derive(Deserialize)]
struct Component {
    id: u32,
    name: String,
    metrics: Metrics,
}

/// The numbers are counted anew from the points.
#[derive(Deserialize)]
struct Metrics {
    items: Vec<Point>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Point {
    id: u32,
    count: u64,
    file: String,
    line: u32,
    end_line: u32,
    lines: Vec<u32>,
    function: String,
    kind: String,
    state: String,
    reason: Option<String>,
    blind: usize,
    first_hit: Option<String>,
    /// Reports from before it was known have none.
    #[serde(default)]
    at_least: bool,
    /// Reports from before there were estimates have none.
    #[serde(default)]
    estimate: Option<Limits>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Limits {
    low: u64,
    high: Option<u64>,
    armed_seconds: f64,
    watched_seconds: f64,
}

/// Reads a report. The order of its points does not matter.
pub fn report(text: &str) -> Result<Report, Error> {
    let Version { schema_version } = serde_json::from_str(text)?;
    match schema_version {
        Some(SCHEMA_VERSION) => {}
        Some(found) => return Err(Error::OtherVersion { found }),
        None => return Err(Error::NoVersion),
    }
    let answer: Answer = serde_json::from_str(text)?;
    let components: Vec<_> = answer.results.into_iter().map(component).collect::<Result<_, _>>()?;
    // A number is a place, too; in an answer of some components only, it may be another's.
    let own = answer.component.filter(|&own| components.get(own as usize).is_some_and(|c| c.id == own));
    Ok(Report {
        name: answer.name,
        version: answer.version,
        data_type: answer.data_type,
        taken: instant(&answer.taken).ok_or(Error::Field { field: "taken", found: answer.taken })?,
        components,
        component: own,
        no_component: items(answer.no_component)?,
    })
}

fn component(component: Component) -> Result<ComponentReport, Error> {
    let items = items(component.metrics.items)?;
    Ok(ComponentReport { id: component.id, name: component.name, totals: Totals::of(&items), items })
}

/// By id, as a report has them.
fn items(points: Vec<Point>) -> Result<Vec<Item>, Error> {
    let mut items: Vec<_> = points.into_iter().map(item).collect::<Result<_, _>>()?;
    items.sort_by_key(|item| item.id);
    Ok(items)
}

fn item(point: Point) -> Result<Item, Error> {
    let unknown = |field, found| Error::Field { field, found };
    let state = State::ALL.into_iter().find(|state| state.as_str() == point.state);
    let first_hit = point.first_hit.map(|text| instant(&text).ok_or_else(|| unknown("firstHit", text)));
    Ok(Item {
        id: point.id,
        count: point.count,
        file: point.file.into(),
        line: point.line,
        end_line: point.end_line,
        lines: LineSet::from_iter(point.lines),
        function: point.function.into(),
        kind: point.kind.into(),
        state: state.ok_or_else(|| unknown("state", point.state))?,
        reason: point.reason,
        blind: point.blind,
        first_hit: first_hit.transpose()?,
        at_least: point.at_least,
        estimate: point.estimate.as_ref().map(estimate).transpose()?,
    })
}

fn estimate(limits: &Limits) -> Result<Estimate, Error> {
    let time = |field, seconds: f64| {
        // In whole milliseconds, as they were written.
        let time = Duration::try_from_secs_f64((seconds * 1e3).round() / 1e3);
        time.map_err(|_| Error::Field { field, found: seconds.to_string() })
    };
    Ok(Estimate {
        low: limits.low,
        high: limits.high,
        armed: time("armedSeconds", limits.armed_seconds)?,
        watched: time("watchedSeconds", limits.watched_seconds)?,
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::{
        counts::{Armed, Counts, SlotCount},
        plan::sample,
        report::{self as make, Order, json},
    };

    fn sample_report() -> Report {
        let mut counts = Counts::none(3, UNIX_EPOCH + Duration::from_secs(9));
        let first_hit = Some(UNIX_EPOCH + Duration::from_millis(1_795_253_844_123));
        counts.slots[1] = SlotCount { hits: 12, first_hit, armed: Armed::Armed, sampled: None };
        make::new(&sample::plan(), &counts, DataType::Count)
    }

    #[test]
    fn what_was_written_is_read_whatever_its_order() {
        let report = sample_report();
        let all: Vec<_> = report.components.iter().collect();
        for order in [Order::IdAscending, Order::IdDescending, Order::CountDescending] {
            assert_eq!(super::report(&json::render(&report, &all, order)).unwrap(), report);
        }
    }

    #[test]
    fn a_part_of_a_report_has_no_component_of_its_own() {
        let report = sample_report();
        let part = super::report(&json::render(&report, &report.select("1").unwrap(), Order::IdAscending)).unwrap();
        assert_eq!((part.component, &part.components[..]), (None, &report.components[1..]));
    }

    #[test]
    fn what_is_no_report_says_so() {
        let report = sample_report();
        let all: Vec<_> = report.components.iter().collect();
        let good = json::render(&report, &all, Order::IdAscending);
        let check = |text: &str, expected: &str| {
            let error = super::report(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("", "not a report");
        check("[]", "not a report");
        check("{}", "without schemaVersion");
        check(r#"{"schemaVersion":1}"#, "not a report");
        check(&good.replace(r#""schemaVersion":1"#, r#""schemaVersion":2"#), "schema version 2");
        check(&good.replace("\"covered\",\"reason\"", "\"ran\",\"reason\""), "state of the report is \"ran\"");
        check(&good.replace("1970-01-01T00:00:09.000Z", "soon"), "taken of the report is \"soon\"");
        check(&good.replace("2026-11-21T09:37:24.123Z", "soon"), "firstHit of the report is \"soon\"");
    }
}
