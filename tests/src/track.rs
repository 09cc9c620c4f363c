//! `/track` and the report file: the original's shape, with more in each item.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::plan::Point;

/// The answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Track {
    /// `appName`.
    pub name: String,
    /// `appVersion`.
    pub version: String,
    /// By component.
    pub results: Vec<Component>,
    /// Points that are in no component.
    #[serde(default)]
    pub no_component: Vec<Item>,
}

/// One component's share.
#[derive(Debug, Deserialize)]
pub struct Component {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// What it says.
    pub metrics: Metrics,
}

/// A component in numbers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metrics {
    /// A hash of the counts.
    pub version: String,
    /// Points that can be observed.
    pub total: usize,
    /// Of these, those that ran.
    pub covered: usize,
    /// In percent, rounded down.
    pub covered_rate: usize,
    /// The points.
    pub items: Vec<Item>,
}

/// One point's answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// From 1.
    pub id: u32,
    /// `TRACK_ID_n`.
    pub name: String,
    /// How often it ran, or whether.
    pub count: u64,
    /// From the repository's root.
    pub file: String,
    /// The first line observed.
    pub line: u32,
    /// The last.
    pub end_line: u32,
    /// The changed lines that it answers for.
    pub lines: Vec<u32>,
    /// As the source names it.
    pub function: String,
    /// `statement`, `part`, `header`, `branch` or `function`.
    pub kind: String,
    /// `covered`, `not-executed`, `unobservable`, `excluded` or `not-armed`.
    pub state: String,
    /// Why it is none of the first two.
    pub reason: Option<String>,
}

impl From<Point> for Item {
    /// A point of the plan, before anything was counted.
    fn from(point: Point) -> Self {
        Self {
            id: point.id,
            name: format!("TRACK_ID_{}", point.id),
            count: 0,
            file: point.file,
            line: point.line,
            end_line: point.end_line,
            lines: point.lines,
            function: point.function,
            kind: point.kind,
            state: if point.observable { "not-executed" } else { "unobservable" }.to_owned(),
            reason: point.reason,
        }
    }
}

impl Track {
    /// Parses a `/track` body or a report.
    pub fn parse(body: &str) -> Result<Self> {
        serde_json::from_str(body).with_context(|| format!("not what /track answers: {body}"))
    }

    /// Every point, by id. A point that several components share must say the same in each.
    pub fn items(&self) -> Result<BTreeMap<u32, &Item>> {
        let mut items = BTreeMap::new();
        for item in self.results.iter().flat_map(|component| &component.metrics.items).chain(&self.no_component) {
            let first = *items.entry(item.id).or_insert(item);
            let same = (first.count, &first.state, &first.file, first.line)
                == (item.count, &item.state, &item.file, item.line);
            ensure!(same || item.state == "excluded" || first.state == "excluded", "{first:?} is also {item:?}");
            if first.state == "excluded" {
                items.insert(item.id, item);
            }
        }
        Ok(items)
    }
}
