//! What reads the original's answers can read ours: recorded requests, replayed on a plan with the recorded points and counts.

#![expect(clippy::unwrap_used, reason = "a test may; clippy does not know the helpers of a test for one")]

use std::{collections::BTreeMap, sync::Arc, time::UNIX_EPOCH};

use goat::{
    DataType,
    addr::{FileOffset, VirtAddr},
    binary::Identity,
    counts::Counts,
    http::{self, Snapshot},
    lines::{LineRange, LineSet},
    plan::{AppInfo, Component, Instance, PlanFile, Point, ProbeClass, ProbePlan, Site, Status},
    report,
    track::Granularity,
};
use http_body_util::BodyExt;
use serde::Deserialize;
use serde_json::{Value, json};
use tower::ServiceExt;

const RECORDED: &str = include_str!("../../tests/fixtures/original/wire.json");

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    case: String,
    request: String,
    group: String,
    env: BTreeMap<String, Option<String>>,
    status: u16,
    content_type: Option<String>,
    body: String,
}

fn recorded() -> Vec<Case> {
    serde_json::from_str(RECORDED).unwrap()
}

struct Recorded {
    plan: Arc<ProbePlan>,
    counts: Counts,
}

impl http::Source for Recorded {
    fn snapshot(&self) -> Snapshot {
        // Recorded counts are 0 or 1 where the original's data type was bool.
        let report = report::new(&self.plan, &self.counts, DataType::Count);
        Snapshot { report, plan: Arc::clone(&self.plan), status: goat::status::Status::default() }
    }

    fn is_ready(&self) -> bool {
        true
    }
}

/// A plan of as many points as the recorded ids ask for, with the counts of `answer`. Each point has a site of its own.
fn source(answer: &Value) -> Recorded {
    let mut hits = BTreeMap::new();
    let mut components = Vec::new();
    for result in answer["results"].as_array().unwrap() {
        let items = result["metrics"]["items"].as_array().unwrap();
        let mut points: Vec<u32> = items.iter().map(|item| item["id"].as_u64().unwrap() as u32).collect();
        points.sort_unstable();
        hits.extend(items.iter().map(|item| (item["id"].as_u64().unwrap() as u32, item["count"].as_u64().unwrap())));
        let id = result["id"].as_u64().unwrap() as u32;
        components.push(Component { id, name: result["name"].as_str().unwrap().into(), points });
    }
    let sites = hits.keys().max().copied().unwrap_or(0);
    let mut counts = Counts::none(sites as usize, UNIX_EPOCH);
    for (id, hits) in hits {
        counts.slots[id as usize - 1].hits = hits;
    }
    let text = |field: &str| answer[field].as_str().unwrap().to_owned();
    let plan = ProbePlan {
        identity: Identity::default(),
        app: AppInfo { name: text("name"), version: text("version"), ..AppInfo::default() },
        granularity: Granularity::Patch,
        precision: 1,
        components,
        component: None,
        dependencies: Vec::new(),
        files: vec![PlanFile {
            path: "shop.go".into(),
            changed: LineSet::from_iter(1..=sites),
            no_code: LineSet::new(),
            source: vec![],
        }],
        points: (1..=sites).map(point).collect(),
        sites: (0..u64::from(sites))
            .map(|slot| Site {
                address: VirtAddr(slot),
                offset: FileOffset(slot),
                instruction: vec![0x90],
                class: ProbeClass::Emulated,
                condition: None,
                behind_faults: false,
                fallback: None,
            })
            .collect(),
        fault_entry: None,
        warnings: vec![],
    };
    plan.check().unwrap();
    Recorded { plan: Arc::new(plan), counts }
}

fn point(id: u32) -> Point {
    Point {
        id,
        file: 0,
        span: LineRange::new(id, id),
        lines: LineSet::from_iter([id]),
        function: "f".into(),
        kind: "statement".into(),
        status: Status::Observed(vec![Instance {
            function: "main.f".into(),
            inlined: false,
            foldable: false,
            sites: vec![id - 1],
        }]),
        blind: Vec::new(),
    }
}

struct Answer {
    status: u16,
    content_type: String,
    body: String,
}

/// Sends the case's request to a server in the state of its group.
async fn replay(case: &Case, all: &[Case]) -> Answer {
    let state = all.iter().find(|c| c.group == case.group && c.request == "GET /track").expect("each group has /track");
    let source = source(&serde_json::from_str(&state.body).unwrap());
    let component = case.env.get("GOAT_CURRENT_COMPONENT").cloned().flatten();
    send(http::router(Arc::new(source), component), &case.request, "*/*").await
}

async fn send(router: axum::Router, request: &str, accept: &str) -> Answer {
    let (method, uri) = request.split_once(' ').unwrap();
    let request = axum::http::Request::builder().method(method).uri(uri).header("accept", accept);
    let response = router.oneshot(request.body(axum::body::Body::empty()).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let content_type = response.headers().get("content-type").map_or("", |value| value.to_str().unwrap()).to_owned();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    Answer { status, content_type, body: String::from_utf8(body.to_vec()).unwrap() }
}

/// An answer with the original's fields alone.
fn restricted(answer: &Value) -> Value {
    let pick = |value: &Value, fields: &[&str]| -> Value {
        fields.iter().map(|&field| (field.to_owned(), value[field].clone())).collect::<serde_json::Map<_, _>>().into()
    };
    let mut out = pick(answer, &["name", "version", "results"]);
    for result in out["results"].as_array_mut().unwrap() {
        *result = pick(result, &["id", "name", "metrics"]);
        result["metrics"] = pick(&result["metrics"], &["version", "total", "covered", "coveredRate", "items"]);
        for item in result["metrics"]["items"].as_array_mut().unwrap() {
            *item = pick(item, &["id", "name", "count"]);
        }
    }
    out
}

/// The original leaves the order of items with equal counts to chance: by id, then, within each run of them.
fn without_chance(mut answer: Value) -> Value {
    for result in answer["results"].as_array_mut().unwrap() {
        let items = result["metrics"]["items"].as_array_mut().unwrap();
        items.chunk_by_mut(|a, b| a["count"] == b["count"]).for_each(|run| run.sort_by_key(|item| item["id"].as_u64()));
    }
    answer
}

#[tokio::test]
async fn track_answers_as_recorded() {
    let all = recorded();
    let cases: Vec<_> = all.iter().filter(|c| c.request.contains("/track") && c.body.starts_with('{')).collect();
    assert!(cases.len() > 30, "{} cases", cases.len());
    for case in cases {
        let answer = replay(case, &all).await;
        let name = &case.case;
        assert_eq!((answer.status, &answer.content_type), (case.status, case.content_type.as_ref().unwrap()), "{name}");
        let (ours, theirs): (Value, Value) =
            (serde_json::from_str(&answer.body).unwrap(), serde_json::from_str(&case.body).unwrap());
        let by_id = case.request.contains("order=2") || case.request.contains("order=3");
        let comparable = |answer| if by_id { answer } else { without_chance(answer) };
        assert_eq!(comparable(restricted(&ours)), comparable(theirs), "{name}");
    }
}

#[tokio::test]
async fn faults_are_answered_as_recorded_but_for_their_status() {
    let all = recorded();
    let cases: Vec<_> = all.iter().filter(|c| c.content_type.is_some() && !c.body.starts_with(['{', '#'])).collect();
    assert!(cases.len() > 10, "{} cases", cases.len());
    for case in cases {
        let answer = replay(case, &all).await;
        // The original has sent 200 before it finds that the component is invalid.
        let status = if case.body == "invalid component\n" { 400 } else { case.status };
        assert_eq!((answer.status, &answer.body), (status, &case.body), "{}", case.case);
    }
}

#[tokio::test]
async fn metrics_begin_with_what_was_recorded() {
    let all = recorded();
    let cases: Vec<_> = all.iter().filter(|c| c.body.starts_with('#')).collect();
    assert!(cases.len() > 3, "{} cases", cases.len());
    for case in cases {
        let answer = replay(case, &all).await;
        assert_eq!((answer.status, &answer.content_type), (200, case.content_type.as_ref().unwrap()), "{}", case.case);
        let (recorded, ours) = answer.body.split_at_checked(case.body.len()).unwrap_or_default();
        assert_eq!(recorded, case.body, "{}", case.case);
        assert!(ours.starts_with("# HELP goat_track_unobservable "), "{}", case.case);
    }
}

#[tokio::test]
async fn what_broke_the_original_is_answered() {
    let all = recorded();
    let broken: Vec<_> = all.iter().filter(|c| c.status == 0).collect();
    for (case, expected) in [
        ("env.component-shopd.metrics", r#"goat_track_covered{app="shop",version="1.1.0",component="cmd/shopd"} 21"#),
        ("zero-component.metrics", r#"goat_track_coverage_ratio{app="z",version="3dc3ce0",component="cmd/a"} 0"#),
    ] {
        let case = broken.iter().find(|c| c.case == case).unwrap();
        let answer = replay(case, &all).await;
        assert_eq!(answer.status, 200);
        assert!(answer.body.lines().any(|line| line == expected), "{}", answer.body);
        assert!(!case.env.contains_key("GOAT_CURRENT_COMPONENT") || !answer.body.contains("cmd/shopctl"));
    }
    assert_eq!(broken.len(), 2);
}

#[tokio::test]
async fn browsers_and_watchers_get_their_own() {
    let router = |ready: bool| {
        struct State(Recorded, bool);
        impl http::Source for State {
            fn snapshot(&self) -> Snapshot {
                self.0.snapshot()
            }
            fn is_ready(&self) -> bool {
                self.1
            }
        }
        let answer = json!({"name": "shop", "version": "1", "results": [
            {"id": 0, "name": "a", "metrics": {"items": [{"id": 1, "count": 1}]}},
            {"id": 1, "name": "b", "metrics": {"items": [{"id": 2, "count": 0}]}}]});
        http::router(Arc::new(State(source(&answer), ready)), None)
    };
    let check = async |ready, request: &str, accept: &str, status, content_type: &str, body: &str| {
        let answer = send(router(ready), request, accept).await;
        assert_eq!((answer.status, &*answer.content_type), (status, content_type), "{request} {accept}");
        assert!(answer.body.contains(body), "{request} {accept}: {}", answer.body);
    };
    let (html, text) = ("text/html; charset=utf-8", "text/plain; charset=utf-8");
    check(true, "GET /track", "text/html", 200, html, "<title>100% shop 1</title>").await;
    check(true, "GET /track?component=b", "text/html", 200, html, "<title>0% shop 1</title>").await;
    check(true, "GET /track?component=c", "text/html", 400, text, "invalid component\n").await;
    check(true, "GET /track", "application/json", 200, "application/json", "{\"name\":\"shop\"").await;
    check(true, "GET /", "text/html", 307, "", "").await;
    check(true, "GET /", "*/*", 404, text, "404 page not found\n").await;
    check(true, "GET /healthz", "*/*", 200, text, "ok").await;
    check(true, "GET /readyz", "*/*", 200, text, "ok").await;
    check(false, "GET /readyz", "*/*", 503, text, "not every probe").await;
    check(false, "GET /healthz", "*/*", 200, text, "ok").await;
}

#[tokio::test]
async fn the_page_forbids_what_it_does_not_need() {
    let answer = json!({"name": "shop", "version": "1", "results": []});
    let router = http::router(Arc::new(source(&answer)), None);
    let request = axum::http::Request::get("/track").header("accept", "text/html");
    let response = router.oneshot(request.body(axum::body::Body::empty()).unwrap()).await.unwrap();
    let header = |name: &str| response.headers()[name].to_str().unwrap();
    assert!(header("content-security-policy").starts_with("default-src 'none'; style-src 'sha256-"));
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("vary"), "accept");
}
