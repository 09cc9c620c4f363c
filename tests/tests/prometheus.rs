//! What deploy/ has for Prometheus and Grafana, by a real Prometheus that scrapes real goats; and its Kubernetes examples, as far as
//! they can be read here.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    process::Command,
};

use anyhow::{Context, Result, ensure};
use goat_tests::{deadline, goat, http, http::Client, live::Live, process::Process, shop, tool};
use serde::Deserialize;
use serde_json::Value;

const PACKAGE: &str = "Debian package prometheus";

fn deploy(path: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "deploy", path].iter().collect()
}

#[test]
fn rules_say_what_they_should_of_made_up_series() -> Result<()> {
    if tool::is_missing("promtool", PACKAGE) {
        return Ok(());
    }
    tool::output(Command::new("promtool").args(["check", "rules"]).arg(deploy("prometheus/goat.rules.yml")))?;
    let config = deploy("prometheus/prometheus.yml");
    tool::output(Command::new("promtool").args(["check", "config", "--syntax-only"]).arg(config))?;
    // Debian's Prometheus is built without discovery on Kubernetes, so that its promtool takes no such file.
    let on_kubernetes: Value =
        serde_norway::from_str(&fs::read_to_string(deploy("prometheus/prometheus-kubernetes.yml"))?)?;
    assert_eq!(on_kubernetes["rule_files"][0], "goat.rules.yml");
    let made_up = [env!("CARGO_MANIFEST_DIR"), "fixtures/prometheus/rules.test.yml"].iter().collect::<PathBuf>();
    tool::output(Command::new("promtool").args(["test", "rules"]).arg(made_up)).map(drop)
}

#[test]
fn a_prometheus_merges_the_pods_of_a_version() -> Result<()> {
    if tool::is_missing("prometheus", PACKAGE) {
        return Ok(());
    }
    let options = ["--metrics-points", "--max-overhead", "1%"];
    let Some(one) = Live::start(&options)? else { return Ok(()) };
    let other = Live::attach(&shop::shop()?, shop::Shopd::start(&shop::shop()?.shopd)?, &options)?;
    // Each pod has traffic of its own.
    one.shopd.client.get("/price?sku=plum&qty=12")?;
    other.shopd.client.get("/coupon?code=X-10")?;
    let covered = |live: &Live| -> Result<BTreeSet<u64>> {
        let answer: Value = serde_json::from_str(&live.goat.get("/track?component=cmd/shopd&state=covered")?.body)?;
        let items = answer["results"][0]["metrics"]["items"].as_array().context("no items")?;
        Ok(items.iter().filter_map(|item| item["id"].as_u64()).collect())
    };
    let (of_one, of_other) = (covered(&one)?, covered(&other)?);
    let merged = of_one.union(&of_other).count();
    ensure!(merged > of_one.len() && merged > of_other.len(), "the pods have covered the same: {of_one:?}");
    let status: Value = serde_json::from_str(&one.goat.get("/status")?.body)?;
    let total = status["coverage"]["total"].as_f64().context("no total")?;

    let prometheus = Prometheus::scrape(&[&one, &other])?;
    for (query, expected) in [
        (r#"goat:pods:count{app="shop",component="cmd/shopd"}"#, 2.0),
        (r#"goat:points:max{component="cmd/shopd"}"#, total),
        (r#"goat:coverage:max{component="cmd/shopd"}"#, of_one.len().max(of_other.len()) as f64 / total),
        (r#"goat:coverage:min{component="cmd/shopd"}"#, of_one.len().min(of_other.len()) as f64 / total),
        (r#"goat:points_covered:merged{app="shop"}"#, merged as f64),
        (r#"goat:points_coverage:merged{app="shop"}"#, merged as f64 / total),
        (r#"goat:targets_up:sum{app="shop"}"#, 2.0),
        (r#"goat:probes:sum{app="shop",state="not-armed"}"#, 0.0),
    ] {
        prometheus.until(query, expected)?;
    }

    let dashboard: Value = serde_json::from_str(&fs::read_to_string(deploy("grafana/goat.json"))?)?;
    let panels = dashboard["panels"].as_array().context("no panels")?;
    let targets: Vec<_> = panels.iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten()).collect();
    ensure!(targets.len() >= panels.len(), "panels without queries");
    for target in targets {
        let query = target["expr"].as_str().context("no expr")?.replace("$__rate_interval", "1m");
        let query = ["$app", "$version", "$component"].iter().fold(query, |query, name| query.replace(name, ".*"));
        ensure!(!query.contains('$'), "an unknown variable: {query}");
        deadline::until(&query, || Ok((!prometheus.query(&query)?.is_empty()).then_some(())))?;
    }
    Ok(())
}

/// One that loads the rules of deploy/.
struct Prometheus {
    process: Process,
    client: Client,
    _dir: tempfile::TempDir,
}

impl Prometheus {
    fn scrape(goats: &[&Live]) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let rules = deploy("prometheus/goat.rules.yml").canonicalize()?;
        let targets: Vec<_> = goats.iter().map(|live| format!("127.0.0.1:{}", live.goat.port())).collect();
        // JSON is YAML.
        let config = serde_json::json!({
            "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"},
            "rule_files": [rules],
            "scrape_configs": [{"job_name": "goat", "static_configs": [{"targets": targets}]}],
        });
        let file = dir.path().join("prometheus.yml");
        fs::write(&file, config.to_string())?;
        let port = http::free_port()?;
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", file.display()));
        command.arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()));
        command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let mut process = Process::start(&mut command)?;
        let client = Client::new(port);
        process.until("prometheus ready", || client.is_ok("/-/ready").then_some(()))?;
        Ok(Self { process, client, _dir: dir })
    }

    /// The values of what `query` finds now.
    fn query(&self, query: &str) -> Result<Vec<f64>> {
        let escaped: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let answer = self.client.get(&format!("/api/v1/query?query={escaped}"))?;
        let body: Value = serde_json::from_str(&answer.body).with_context(|| format!("{query}: {answer:?}"))?;
        ensure!(body["status"] == "success", "{query}: {body}");
        let found = body["data"]["result"].as_array().with_context(|| format!("{query}: {body}"))?;
        found.iter().map(|one| Ok(one["value"][1].as_str().context("no value")?.parse()?)).collect()
    }

    /// Waits until `query` finds `expected` and nothing else.
    fn until(&self, query: &str, expected: f64) -> Result<()> {
        let mut last = Vec::new();
        let found = deadline::until(query, || {
            last = self.query(query)?;
            Ok(matches!(*last, [value] if (value - expected).abs() < 1e-9).then_some(()))
        });
        found.with_context(|| format!("{last:?} is not {expected}\n{}", self.process.stderr()))
    }
}

#[test]
fn kubernetes_examples_are_what_goat_takes() -> Result<()> {
    let help = goat::run(&["attach", "--help"])?.succeeded()?.stdout;
    let mut kinds = BTreeMap::new();
    for entry in fs::read_dir(deploy("kubernetes"))? {
        let path = entry?.path();
        let text = fs::read_to_string(&path)?;
        for document in serde_norway::Deserializer::from_str(&text) {
            let document = Value::deserialize(document).with_context(|| path.display().to_string())?;
            ensure!(document["apiVersion"].is_string() && document["metadata"]["name"].is_string(), "{document}");
            let kind = document["kind"].as_str().context("no kind")?.to_owned();
            *kinds.entry(kind).or_insert(0) += 1;
            let containers = document.pointer("/spec/template/spec/containers").and_then(Value::as_array);
            for container in containers.into_iter().flatten().filter(|container| container["name"] == "goat") {
                let may = &container["securityContext"]["capabilities"];
                assert_eq!(
                    may,
                    &serde_json::json!({"drop": ["ALL"], "add": ["BPF", "PERFMON", "SYS_PTRACE", "DAC_OVERRIDE"]})
                );
                let pod = &document["spec"]["template"]["spec"];
                ensure!(pod["shareProcessNamespace"] == true || pod["hostPID"] == true, "{}", path.display());
                let command: Vec<_> = container["command"].as_array().context("no command")?.iter().collect();
                let command = command.iter().filter_map(|word| word.as_str()).collect::<Vec<_>>().join(" ");
                let options: Vec<_> = command.split_whitespace().filter(|word| word.starts_with("--")).collect();
                ensure!(options.len() > 3, "{command}");
                for option in options {
                    ensure!(help.contains(&format!("{option} ")), "goat attach has no {option}");
                }
            }
        }
    }
    let expected = ["AnalysisTemplate", "Canary", "DaemonSet", "Deployment", "MetricTemplate", "Secret", "Service"];
    assert_eq!(kinds.keys().map(String::as_str).collect::<Vec<_>>(), expected);
    Ok(())
}
