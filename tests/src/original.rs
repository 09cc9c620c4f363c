//! What the original tool recorded on the shop: points.json and counts.json in `fixtures/original`; counts.md says where they come from.

use std::{collections::BTreeMap, fs};

use anyhow::{Context, Result};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{cache, track::Item};

/// A point of the original.
#[derive(Clone, Debug, Deserialize)]
pub struct Point {
    /// From 1.
    pub id: u32,
    /// From the repository's root.
    pub file: String,
    /// The line of the statement that its call stands before.
    pub before_line: u32,
    /// The declaration around it; empty for a package-level variable.
    pub func: String,
    /// Whether it is in a function literal.
    #[serde(default)]
    pub closure: bool,
}

/// The recorded traffic and answers.
#[derive(Debug, Deserialize)]
pub struct Wire {
    /// Requests, `GET /path`, by the name of the sequence.
    pub traffic: BTreeMap<String, Vec<String>>,
    /// What shopd answered to T1, then T2.
    pub app_answers: Vec<AppAnswer>,
    /// What the original counted.
    pub recorded: Vec<Recorded>,
}

/// One of shopd's answers.
#[derive(Debug, Deserialize)]
pub struct AppAnswer {
    /// `GET /path`.
    pub request: String,
    /// 200, 404, ...
    pub status: u16,
    /// The body.
    pub body: String,
}

/// What one variant counted after some traffic.
#[derive(Debug, Deserialize)]
pub struct Recorded {
    /// `line` or `patch`.
    pub granularity: String,
    /// 1 or 2.
    pub precision: u8,
    /// `bool` or `count`.
    #[serde(rename = "dataType")]
    pub data_type: String,
    /// `none`, `T1` or `T1,T2`.
    pub preceded_by: String,
    /// In numbers.
    pub components: Vec<Component>,
    /// By id; points that are in no component are missing.
    pub counts: BTreeMap<u32, u64>,
    /// The body of `/metrics`.
    pub metrics: String,
}

/// One component in the original's `/track`.
#[derive(Debug, Deserialize)]
pub struct Component {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: String,
}

/// The recorded traffic and answers.
pub fn wire() -> Result<Wire> {
    read("counts.json")
}

/// The points at `granularity` and `precision`, by id.
pub fn points(granularity: &str, precision: u8) -> Result<Vec<Point>> {
    let mut all: BTreeMap<String, BTreeMap<String, Vec<Point>>> = read("points.json")?;
    all.get_mut(granularity)
        .and_then(|by_precision| by_precision.remove(&precision.to_string()))
        .with_context(|| format!("no points recorded at {granularity}/{precision}"))
}

impl Point {
    /// Whether `function`, by goat's name for it, is the one that the point is in. The original names the declaration alone.
    pub fn is_in(&self, function: &str) -> bool {
        let declaration = if self.func.is_empty() { "glob." } else { &self.func };
        match function.strip_prefix(declaration) {
            Some(rest) if self.closure => rest.starts_with(".func"),
            Some(rest) => rest.is_empty(),
            None => false,
        }
    }

    /// Ours at the same statement, out of `items`: one that begins there, else the smallest that holds it, else the
    /// branch whose changed header ends right above it.
    pub fn find<'a>(&self, items: impl IntoIterator<Item = &'a Item>) -> Option<&'a Item> {
        // On one line, the header of `if c { return }` is the statement that the original's point stands before.
        let rank = |kind: &str| match kind {
            "header" => 0,
            "branch" => 2,
            _ => 1,
        };
        let line = self.before_line;
        items
            .into_iter()
            .filter(|item| item.file == self.file && self.is_in(&item.function))
            .filter(|item| item.line <= line && (line <= item.end_line || self.is_entry_of(item)))
            // That a header was reached says nothing about the body that the original's point is in.
            .filter(|item| item.kind != "header" || item.lines.contains(&line))
            .min_by_key(|item| (item.line != line, line > item.end_line, item.end_line - item.line, rank(&item.kind)))
    }

    fn is_entry_of(&self, item: &Item) -> bool {
        item.kind == "branch" && item.end_line + 1 == self.before_line
    }
}

fn read<T: DeserializeOwned>(name: &str) -> Result<T> {
    let path = cache::fixture("original").join(name);
    let text = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("parsing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_points_are_recorded_as_the_original_made() {
        let count = |granularity, precision| points(granularity, precision).unwrap().len();
        assert_eq!(
            ["line", "patch", "scope", "func"].map(|g| [1, 2, 3].map(|p| count(g, p))),
            [[129, 128, 144], [104, 103, 116], [101, 100, 113], [66, 66, 70]]
        );
    }

    #[test]
    fn every_recorded_count_belongs_to_a_point_and_only_the_legacy_package_has_none() {
        for recorded in wire().unwrap().recorded {
            let points = points(&recorded.granularity, recorded.precision).unwrap();
            let without: Vec<_> =
                points.iter().filter(|p| !recorded.counts.contains_key(&p.id)).map(|p| p.file.as_str()).collect();
            assert_eq!(without, ["internal/legacy/legacy.go"]);
            assert_eq!(recorded.counts.len() + without.len(), points.len());
        }
    }

    #[test]
    fn a_point_is_found_at_its_statement() {
        let item = |id, kind: &str, line, end_line| Item {
            id,
            name: String::new(),
            count: 0,
            file: "a.go".to_owned(),
            line,
            end_line,
            lines: vec![line],
            function: "F".to_owned(),
            kind: kind.to_owned(),
            state: String::new(),
            reason: None,
        };
        let items = [
            item(1, "statement", 3, 3),
            item(2, "header", 4, 4),
            item(3, "branch", 4, 8),
            item(4, "statement", 7, 7),
            item(5, "branch", 9, 9),
            item(6, "statement", 9, 9),
            item(7, "header", 9, 9),
            item(8, "header", 11, 11),
            item(9, "branch", 11, 11),
            item(10, "header", 13, 14),
        ];
        let check = |before_line, expected| {
            let point = Point { id: 1, file: "a.go".to_owned(), before_line, func: "F".to_owned(), closure: false };
            assert_eq!(point.find(&items).map(|item| item.id), expected, "{before_line}");
        };
        check(3, Some(1));
        check(4, Some(2));
        check(5, Some(3));
        check(7, Some(4));
        check(9, Some(7));
        check(10, Some(5));
        check(12, Some(9));
        check(14, None);
        check(15, None);
    }

    #[test]
    fn a_closures_point_is_in_no_other_function_than_the_closure() {
        let check = |func: &str, closure, ours, expected| {
            let point = Point { id: 1, file: String::new(), before_line: 1, func: func.to_owned(), closure };
            assert_eq!(point.is_in(ours), expected, "{func} {closure} {ours}");
        };
        check("Lit", false, "Lit", true);
        check("Lit", false, "Lit.func1", false);
        check("Lit", true, "Lit.func1", true);
        check("Lit", true, "Lit", false);
        check("", true, "glob..func1", true);
        check("Li", false, "Lit", false);
    }
}
