//! The report as SARIF 2.1.0 (OASIS standard), for GitHub code scanning and editors.
//!
//! What did not run, or could not be armed, is a warning; what can't be observed is a note. What ran is no result.

use serde_json::{Value, json};

use super::{Item, Points, State, rfc3339};
use crate::plan::{PlanFile, ProbePlan};

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The rules, one for each state that is a result: the state's word is the rule's id, and its place here the rule's index.
const RULES: [(State, &str, &str); 3] = [
    (State::NotExecuted, "warning", "A changed line has not run"),
    (State::NotArmed, "warning", "No probe could be set on a changed line"),
    (State::Unobservable, "note", "No one can tell whether a changed line has run"),
];

/// A result for each point that did not run, as far as goat knows. With a plan, the lines stand in it.
pub fn render(points: &Points<'_>, plan: Option<&ProbePlan>) -> String {
    let rules = RULES.map(|(state, level, text)| {
        json!({
            "id": state.as_str(),
            "shortDescription": { "text": text },
            "defaultConfiguration": { "level": level },
        })
    });
    let mut results = Vec::new();
    for (file, items) in points.by_file() {
        let source = plan.and_then(|plan| plan.files.iter().find(|known| known.path == *file));
        results.extend(items.iter().filter_map(|item| result(item, source)));
    }
    // GitHub keeps the results of each such category apart, and takes a new upload as the news of its own.
    let component: Vec<_> = points.components.iter().map(|component| &*component.name).collect();
    let component = component.join(",");
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": {
                    "name": "goat",
                    "semanticVersion": env!("CARGO_PKG_VERSION"),
                    "informationUri": env!("CARGO_PKG_REPOSITORY"),
                    "rules": rules,
                },
            },
            "automationDetails": { "id": format!("goat/{component}/") },
            "invocations": [{ "executionSuccessful": true, "endTimeUtc": rfc3339(points.report.taken) }],
            "columnKind": "utf16CodeUnits",
            "results": results,
        }],
    });
    log.to_string()
}

fn result(item: &Item, source: Option<&PlanFile>) -> Option<Value> {
    let (index, (_, level, text)) = (0..).zip(RULES).find(|(_, (state, ..))| *state == item.state)?;
    let why = item.why();
    let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
    let (first, last) = item.span();
    let mut region = json!({ "startLine": first, "endLine": last });
    if let Some(text) = source.and_then(|file| snippet(file, first, last)) {
        region["snippet"] = json!({ "text": text });
    }
    Some(json!({
        "ruleId": item.state.as_str(),
        "ruleIndex": index,
        "level": level,
        "message": { "text": format!("{text}: {} in {}{why}", item.place(), item.function) },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": uri(item.file.as_str()), "uriBaseId": "%SRCROOT%" },
                "region": region,
            },
            "logicalLocations": [{ "fullyQualifiedName": item.function, "kind": "function" }],
        }],
    }))
}

/// The text of the lines, if all of it is in the plan.
fn snippet(file: &PlanFile, first: u32, last: u32) -> Option<String> {
    let at = file.source.binary_search_by_key(&first, |source| source.line).ok()?;
    let lines = file.source[at..].iter().take_while(|source| source.line <= last);
    let lines: Vec<_> = lines.map(|source| &*source.text).collect();
    (lines.len() == (last - first) as usize + 1).then(|| lines.join("\n"))
}

/// A path as a relative reference: RFC 3986, section 3.3; a colon too, which in a first segment would make a scheme of it.
fn uri(path: &str) -> String {
    path.bytes().fold(String::with_capacity(path.len()), |mut uri, byte| {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => uri.push(char::from(byte)),
            _ => uri += &format!("%{byte:02X}"),
        }
        uri
    })
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::{DataType, counts::Counts, plan::sample, report};

    #[test]
    fn what_did_not_run_is_a_result() {
        let plan = sample::plan();
        let mut counts = Counts::none(3, UNIX_EPOCH);
        counts.slots[0].hits = 7;
        let report = report::new(&plan, &counts, DataType::Count);
        let log: Value = serde_json::from_str(&render(&report.points("").unwrap(), Some(&plan))).unwrap();
        let results = log["runs"][0]["results"].as_array().unwrap();
        let found: Vec<_> =
            results.iter().map(|r| (r["level"].as_str().unwrap(), r["message"]["text"].as_str().unwrap())).collect();
        let expected = [
            ("warning", "A changed line has not run: cart.go:12 in (*Cart).Add"),
            (
                "note",
                "No one can tell whether a changed line has run: cart.go:14 in Total \
                 (speculated: its instructions run whether or not the branch is taken)",
            ),
        ];
        assert_eq!(found, expected);
        for result in results {
            let rule = &log["runs"][0]["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().unwrap() as usize];
            assert_eq!((&rule["id"], &rule["defaultConfiguration"]["level"]), (&result["ruleId"], &result["level"]));
        }
        let region = json!({"startLine": 12, "endLine": 12, "snippet": {"text": "\tline12(a < b && \"<i>\")"}});
        assert_eq!(results[0]["locations"][0]["physicalLocation"]["region"], region);
    }

    #[test]
    fn paths_are_relative_references() {
        for (path, expected) in [
            ("internal/cart/cart_1.go", "internal/cart/cart_1.go"),
            ("a b/ü#?.go", "a%20b/%C3%BC%23%3F.go"),
            ("c:d.go", "c%3Ad.go"),
        ] {
            assert_eq!(uri(path), expected);
        }
    }
}
