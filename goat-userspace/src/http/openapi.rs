//! `/openapi.json`: this interface, for programs that read OpenAPI 3.1. docs/schema holds it, and the schemas of the report and
//! of the verdict, which it takes in.

use std::sync::LazyLock;

use axum::{extract::State, http::StatusCode, response::Response};
use serde_json::{Map, Value, json};

use super::{App, Snapshot, content};

const DOCUMENT: &str = include_str!("../../../docs/schema/openapi.json");
/// By the name in the document.
const SCHEMAS: [(&str, &str); 2] = [
    ("Report", include_str!("../../../docs/schema/report.schema.json")),
    ("Verdict", include_str!("../../../docs/schema/verdict.schema.json")),
];

static DOCUMENT_OF_ALL: LazyLock<Value> = LazyLock::new(document);

pub(super) async fn answer(State(app): State<App>) -> Response {
    content(StatusCode::OK, "application/json", of(&*app.snapshots.now().await).to_string())
}

/// The document of the goat that serves it: with the components that there are, and the plan's granularity.
fn of(snapshot: &Snapshot) -> Value {
    let mut document = DOCUMENT_OF_ALL.clone();
    let components = &snapshot.report.components;
    let mut names: Vec<String> = components.iter().map(|component| component.name.clone()).collect();
    names.extend((0..components.len()).map(|number| number.to_string()));
    let mut choose = |parameter: &str, choice: Value| {
        if let Some(schema) = document.pointer_mut(&format!("/components/parameters/{parameter}")) {
            *schema = choice;
        }
    };
    if !names.is_empty() {
        let longest = snapshot.report.longest_list();
        choose("Component/schema", json!({"type": "array", "items": {"enum": names}, "maxItems": longest}));
    }
    choose("Granularity/schema", json!({"enum": [snapshot.plan.granularity.as_str()]}));
    document
}

fn document() -> Value {
    let mut document: Value = serde_json::from_str(DOCUMENT).unwrap_or_default();
    document["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    if let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        for (name, text) in SCHEMAS {
            take_in(schemas, name, text);
        }
    }
    document
}

/// The schema `text` and its definitions as schemas of the document: `Report`, `Report.point`, ...
fn take_in(schemas: &mut Map<String, Value>, name: &str, text: &str) {
    let text = text.replace("\"#/$defs/", &format!("\"#/components/schemas/{name}."));
    let Ok(Value::Object(mut schema)) = serde_json::from_str(&text) else { return };
    for key in ["$id", "$schema"] {
        schema.remove(key);
    }
    if let Some(Value::Object(definitions)) = schema.remove("$defs") {
        schemas.extend(definitions.into_iter().map(|(part, schema)| (format!("{name}.{part}"), schema)));
    }
    schemas.insert(name.to_owned(), schema.into());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Options, sample};

    /// Every `$ref` of `value`.
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(object) => {
                found.extend(object.get("$ref").and_then(Value::as_str));
                object.values().for_each(|value| references(value, found));
            }
            Value::Array(array) => array.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 20, "{found:?}");
        for reference in found {
            let pointer = reference.strip_prefix('#').expect(reference);
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn what_is_described_is_answered_as_described() {
        let document = document();
        let paths = document["paths"].as_object().unwrap();
        let routes = [
            "/",
            "/track",
            "/track/events",
            "/metrics",
            "/report",
            "/verify",
            "/plan",
            "/openapi.json",
            "/healthz",
            "/readyz",
        ];
        for route in routes {
            assert!(paths.contains_key(route), "{route} is not described");
        }
        for (path, operations) in paths {
            let answer = sample::ask(Options::default(), path, &[]);
            let described = &operations["get"]["responses"][answer.status.to_string()];
            let described = match described["$ref"].as_str() {
                Some(reference) => document.pointer(&reference[1..]).unwrap(),
                None => described,
            };
            let kind = answer.kind.split(';').next().unwrap();
            assert!(described["content"][kind].is_object(), "{path}: {} {kind} is not described", answer.status);
        }
    }

    #[test]
    fn a_running_goat_names_its_own_components() {
        let served: Value = serde_json::from_str(&sample::get("/openapi.json").2).unwrap();
        let at = |pointer: &str| served.pointer(&format!("/components/parameters/{pointer}/enum")).cloned();
        assert_eq!(at("Component/schema/items"), Some(json!(["cmd/shopctl", "cmd/shopd", "0", "1"])));
        assert_eq!(at("Granularity/schema"), Some(json!(["patch"])));
    }

    #[test]
    fn methods_that_do_nothing_are_refused_where_the_original_has_no_route() {
        for (path, expected) in [("/track", 200), ("/metrics", 200), ("/report", 405), ("/verify", 405), ("/plan", 405)]
        {
            let answer = sample::request(Options::default(), "POST", path, &[]);
            assert_eq!(answer.status, expected, "{path}");
            if expected == 405 {
                assert_eq!(
                    (&*answer.kind, &answer.headers["allow"]),
                    ("application/problem+json", &"GET, HEAD".parse().unwrap())
                );
            }
        }
    }
}
