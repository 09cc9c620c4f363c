//! The formats of `goat report`, each read by a program or library of others. What is not installed is skipped, and says so.
//!
//! The programs: genhtml (Debian: lcov), xmllint (Debian: libxml2-utils), diff-cover and pycobertura (PyPI).

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use anyhow::{Context, Result, ensure};
use goat_tests::{
    go, goat,
    live::Live,
    original,
    shop::{self, Shop},
    tool,
    track::{Item, Metrics, Track},
};
use serde_json::Value;
use tempfile::TempDir;

const FORMATS: [&str; 11] =
    ["text", "json", "markdown", "html", "cover-profile", "lcov", "cobertura", "sarif", "junit", "github", "badge"];

#[test]
fn a_running_goat_and_its_report_file_say_the_same() -> Result<()> {
    let Some(live) = Live::start(&[])? else { return Ok(()) };
    shop::send(&original::wire()?, "T1", &live.shopd.client)?;
    // Asked three ways: the server, the command against the server, the command with the file.
    let from_url: Vec<_> =
        FORMATS.iter().map(|f| report(&["--format", f, "--url", &live.url()])).collect::<Result<_>>()?;
    let with_plan: Vec<_> = FORMATS
        .iter()
        .map(|f| report(&["--format", f, "--url", &live.url(), "--plan", &live.plan.to_string_lossy()]))
        .collect::<Result<_>>()?;
    for ((format, from_url), with_plan) in FORMATS.iter().zip(&from_url).zip(&with_plan) {
        let answer = live.goat.get(&format!("/report?format={format}"))?;
        assert_eq!(answer.status, 200, "{format}");
        for said in [from_url, with_plan] {
            assert_eq!(without_time(format, said), without_time(format, &answer.body), "{format}");
        }
    }
    let (path, plan) = (live.report(), live.plan.clone());
    live.process.signal(libc::SIGTERM)?;
    live.process.wait()?.succeeded()?;
    for (format, from_url) in FORMATS.iter().zip(&from_url) {
        let said = report(&["--format", format, &path.to_string_lossy(), "--plan", &plan.to_string_lossy()])?;
        assert_eq!(without_time(format, &said), without_time(format, from_url), "{format}");
    }
    // Without the plan, two formats say what is missing.
    for format in FORMATS {
        let ended = goat::run(&["report", &path.to_string_lossy(), "--format", format])?;
        let needs = matches!(format, "html" | "cover-profile");
        assert_eq!(
            (ended.code(), ended.stderr.contains("--plan FILE")),
            (i32::from(needs), needs),
            "{format}: {ended:?}"
        );
    }
    Ok(())
}

#[test]
fn json_is_as_the_schema_says_and_the_schema_says_all() -> Result<()> {
    let Some(reports) = reports()? else { return Ok(()) };
    let (report, verdict) = (reports.json()?, reports.verdict()?);
    for (name, instance) in [("report", &report), ("verdict", &verdict)] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../docs/schema/{name}.schema.json"));
        let mut schema: Value = serde_json::from_str(&fs::read_to_string(&path)?)?;
        is_valid(&schema, instance)?;
        // A newer goat may add fields, but this one has none that is not described.
        close(&mut schema);
        is_valid(&schema, instance)?;
        let mut other = instance.clone();
        other["undescribed"] = true.into();
        ensure!(is_valid(&schema, &other).is_err(), "the {name} schema takes anything");
    }
    Ok(())
}

#[test]
fn go_tool_cover_reads_the_cover_profile() -> Result<()> {
    let Some(reports) = reports()? else { return Ok(()) };
    let profile = reports.path("cover-profile");
    let mut func = go::command();
    func.current_dir(&reports.repo).args(["tool", "cover", "-func"]).arg(&profile);
    let out = tool::output(&mut func)?;
    let total = out.lines().last().and_then(|line| line.split_whitespace().last()).context("no total")?;
    // The tool knows declared functions alone: what is in none belongs to Go's `glob.`.
    let items: Vec<_> = reports.shopd()?.items.into_iter().filter(|item| !item.function.starts_with("glob.")).collect();
    let covered = items.iter().filter(|item| item.state == "covered").count();
    let observed = covered + items.iter().filter(|item| is_missing(item)).count();
    assert_eq!(total, format!("{:.1}%", covered as f64 * 100.0 / observed as f64), "{out}");

    let page = reports.dir.path().join("cover.html");
    let mut html = go::command();
    html.current_dir(&reports.repo).args(["tool", "cover", "-html"]).arg(&profile).arg("-o").arg(&page);
    tool::output(&mut html)?;
    let page = fs::read_to_string(page)?;
    // cov0 is what did not run, cov8 what did (`mode: set`).
    for class in ["class=\"cov0\"", "class=\"cov8\""] {
        ensure!(page.contains(class), "nothing is {class}");
    }
    Ok(())
}

#[test]
fn genhtml_reads_the_lcov_tracefile() -> Result<()> {
    let Some(reports) = reports()? else { return Ok(()) };
    if tool::is_missing("genhtml", "Debian package lcov") {
        return Ok(());
    }
    let mut genhtml = Command::new("genhtml");
    genhtml.current_dir(&reports.repo).arg(reports.path("lcov")).arg("-o").arg(reports.dir.path().join("genhtml"));
    let out = tool::output(&mut genhtml)?;
    let lines = reports.lines()?;
    let covered = lines.values().filter(|covered| **covered).count();
    ensure!(out.contains(&format!("({covered} of {} lines)", lines.len())), "{covered} of {}: {out}", lines.len());
    Ok(())
}

#[test]
fn diff_cover_reads_lcov_and_cobertura() -> Result<()> {
    let Some(reports) = reports()? else { return Ok(()) };
    if tool::is_missing("diff-cover", "PyPI package diff-cover") {
        return Ok(());
    }
    // It reports the changed lines alone; goat observes some that are not, the branches behind a changed condition.
    let diff = tool::git(&reports.repo, &["diff", "-U0", "--no-renames", &format!("{}...HEAD", shop::OLD)])?;
    ensure!(!diff.is_empty());
    for format in ["lcov", "cobertura"] {
        let json = reports.dir.path().join(format!("diff-cover-{format}.json"));
        let mut diff_cover = Command::new("diff-cover");
        diff_cover.current_dir(&reports.repo).arg(reports.path(format)).args(["--compare-branch", shop::OLD]);
        diff_cover.arg("--format").arg(format!("json:{}", json.display()));
        tool::output(&mut diff_cover)?;
        let answer: Value = serde_json::from_str(&fs::read_to_string(json)?)?;
        let lines = reports.lines()?;
        let mut compared = 0;
        for (file, stats) in answer["src_stats"].as_object().context("no src_stats")? {
            let missed: Vec<u64> = serde_json::from_value(stats["violation_lines"].clone())?;
            for line in &missed {
                let key = (file.clone(), u32::try_from(*line)?);
                assert_eq!(lines.get(&key), Some(&false), "{format}: {file}:{line}");
            }
            compared += missed.len();
        }
        ensure!(compared > 0, "{format}: {answer}");
        ensure!(answer["total_num_lines"].as_u64().unwrap_or(0) > 0, "{format}: {answer}");
    }
    Ok(())
}

#[test]
fn pycobertura_reads_cobertura() -> Result<()> {
    let Some(reports) = reports()? else { return Ok(()) };
    if tool::is_missing("pycobertura", "PyPI package pycobertura") {
        return Ok(());
    }
    let mut show = Command::new("pycobertura");
    show.current_dir(&reports.repo).args(["show", "--format", "json"]).arg(reports.path("cobertura"));
    let answer: Value = serde_json::from_str(&tool::output(&mut show)?)?;
    let lines = reports.lines()?;
    let missed = lines.values().filter(|covered| !**covered).count();
    let total = &answer["total"];
    assert_eq!(
        (total["Stmts"].as_u64(), total["Miss"].as_u64()),
        (Some(lines.len() as u64), Some(missed as u64)),
        "{answer}"
    );
    Ok(())
}

#[test]
fn xml_is_well_formed() -> Result<()> {
    let Some(reports) = reports()? else { return Ok(()) };
    if tool::is_missing("xmllint", "Debian package libxml2-utils") {
        return Ok(());
    }
    for format in ["cobertura", "junit", "badge"] {
        tool::output(Command::new("xmllint").args(["--noout", "--nonet"]).arg(reports.path(format)))?;
    }
    Ok(())
}

#[test]
fn sarif_is_as_the_published_schema_says() -> Result<()> {
    let Some(reports) = reports()? else { return Ok(()) };
    let text = fs::read_to_string(reports.path("sarif"))?;
    // The crate ships the schema of the standard and types made from it.
    // One of its patterns has a stray bracket, which ECMA 262 does not take.
    let schema = published_sarif_schema()?.replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}?$");
    is_valid(&serde_json::from_str(&schema)?, &serde_json::from_str(&text)?)?;
    let log: serde_sarif::sarif::Sarif = serde_json::from_str(&text)?;
    let results = log.runs[0].results.as_deref().context("no results")?;
    let missing = reports.shopd()?.items.iter().filter(|item| is_missing(item)).count();
    let warnings = results
        .iter()
        .filter(|r| r.level.as_ref().is_some_and(|level| matches!(level, serde_sarif::sarif::ResultLevel::Warning)))
        .count();
    assert_eq!(warnings, missing);
    for result in results {
        let place =
            result.locations.as_deref().and_then(|l| l.first()?.physical_location.as_ref()).context("no place")?;
        let uri = place.artifact_location.as_ref().and_then(|a| a.uri.as_ref()).context("no uri")?;
        ensure!(reports.repo.join(uri).is_file(), "there is no {uri}");
    }
    Ok(())
}

#[test]
fn quick_junit_reads_junit() -> Result<()> {
    let Some(reports) = reports()? else { return Ok(()) };
    let report = quick_junit::Report::deserialize_from_str(&fs::read_to_string(reports.path("junit"))?)?;
    let shopd = reports.shopd()?;
    let cases: Vec<_> = report.test_suites.iter().flat_map(|suite| &suite.test_cases).collect();
    assert_eq!(cases.len(), shopd.items.len());
    use quick_junit::TestCaseStatus::{NonSuccess, Skipped, Success};
    let count = |is: fn(&quick_junit::TestCaseStatus) -> bool| cases.iter().filter(|case| is(&case.status)).count();
    assert_eq!(count(|status| matches!(status, Success { .. })), shopd.covered);
    assert_eq!(count(|status| matches!(status, NonSuccess { .. })), shopd.total - shopd.covered);
    assert_eq!(count(|status| matches!(status, Skipped { .. })), shopd.items.len() - shopd.total);
    assert_eq!((report.tests, report.failures + report.errors), (cases.len(), shopd.total - shopd.covered));
    Ok(())
}

#[test]
fn a_markdown_reader_sees_tables_and_code() -> Result<()> {
    use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag};
    let Some(reports) = reports()? else { return Ok(()) };
    let text = fs::read_to_string(reports.path("markdown"))?;
    let (mut tables, mut fences, mut headings, mut details) = (0, 0, 0, 0i32);
    for event in Parser::new_ext(&text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Table(_)) => tables += 1,
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) if &*language == "diff" => fences += 1,
            Event::Start(Tag::Heading { .. }) => headings += 1,
            Event::Html(html) => {
                details += i32::try_from(html.matches("<details>").count() + 100 * html.matches("</details>").count())?;
            }
            _ => {}
        }
    }
    let files = fences;
    ensure!(files > 0, "{text}");
    // One table for the numbers and one for each file; each file in a <details> of its own, that ends.
    assert_eq!((headings, tables, details), (1, files + 1, files * 101), "{text}");
    for item in reports.shopd()?.items.iter().filter(|item| is_missing(item)) {
        let source = fs::read_to_string(reports.repo.join(&item.file))?;
        let line = source.lines().nth(item.line as usize - 1).context("no such line")?;
        ensure!(item.lines.is_empty() || text.contains(line.trim_end()), "{}:{} is not shown", item.file, item.line);
    }
    Ok(())
}

#[test]
fn annotations_name_every_line_that_did_not_run() -> Result<()> {
    let Some(reports) = reports()? else { return Ok(()) };
    let text = fs::read_to_string(reports.path("github"))?;
    let field = |line: &str, name: &str| -> Option<String> {
        let (fields, _) = line.strip_prefix("::warning ")?.split_once("::")?;
        fields.split(',').find_map(|field| Some(field.strip_prefix(name)?.strip_prefix('=')?.to_owned()))
    };
    for item in reports.shopd()?.items.iter().filter(|item| is_missing(item)) {
        let line = item.lines.first().copied().unwrap_or(item.line);
        let is_told = text.lines().any(|told| {
            let number = |name| field(told, name).and_then(|n| n.parse::<u32>().ok());
            let lines = number("line").zip(number("endLine"));
            field(told, "file").is_some_and(|file| file == item.file)
                && lines.is_some_and(|(a, b)| a <= line && line <= b)
        });
        ensure!(is_told, "{}:{line} is not in {text}", item.file);
    }
    Ok(())
}

/// Every format of one report, as a file each.
struct Reports {
    repo: PathBuf,
    dir: TempDir,
}

/// Made once: a goat beside shopd after T1; nothing where the kernel has no uprobes.
fn reports() -> Result<Option<&'static Reports>> {
    static REPORTS: OnceLock<Result<Option<Reports>, String>> = OnceLock::new();
    match REPORTS.get_or_init(|| make().map_err(|error| format!("{error:#}"))) {
        Ok(reports) => Ok(reports.as_ref()),
        Err(error) => anyhow::bail!("{error}"),
    }
}

fn make() -> Result<Option<Reports>> {
    let Some(live) = Live::start(&[])? else { return Ok(None) };
    shop::send(&original::wire()?, "T1", &live.shopd.client)?;
    let dir = tempfile::tempdir()?;
    for format in FORMATS {
        let path = dir.path().join(file_name(format));
        report(&["--format", format, "--url", &live.url(), "-o", &path.to_string_lossy()])?;
    }
    let verdict = live.goat.get("/verify")?.body;
    fs::write(dir.path().join("verdict"), verdict)?;
    let Shop { repo, .. } = shop::shop()?;
    Ok(Some(Reports { repo, dir }))
}

/// diff-cover tells formats by the endings of their names.
fn file_name(format: &str) -> String {
    let ending = if matches!(format, "cobertura" | "junit") { ".xml" } else { "" };
    format!("{format}{ending}")
}

impl Reports {
    fn path(&self, format: &str) -> PathBuf {
        self.dir.path().join(file_name(format))
    }

    fn json(&self) -> Result<Value> {
        Ok(serde_json::from_str(&fs::read_to_string(self.path("json"))?)?)
    }

    fn verdict(&self) -> Result<Value> {
        Ok(serde_json::from_str(&fs::read_to_string(self.path("verdict"))?)?)
    }

    /// The binary's own component.
    fn shopd(&self) -> Result<Metrics> {
        let track = Track::parse(&fs::read_to_string(self.path("json"))?)?;
        track.results.into_iter().find(|c| c.name == "cmd/shopd").map(|c| c.metrics).context("no cmd/shopd")
    }

    /// Each line that can be observed, and whether all of it ran. What ran in part, as far as can be observed, is left out.
    fn lines(&self) -> Result<BTreeMap<(String, u32), bool>> {
        let shown = |item: &Item| if item.lines.is_empty() { vec![item.line] } else { item.lines.clone() };
        let mut lines = BTreeMap::new();
        let items = self.shopd()?.items;
        for item in items.iter().filter(|item| is_missing(item) || item.state == "covered") {
            for line in shown(item) {
                *lines.entry((item.file.clone(), line)).or_insert(true) &= item.count > 0;
            }
        }
        for item in items.iter().filter(|item| item.state == "unobservable") {
            let hidden = |key: &(String, u32), ran: bool| ran && key.0 == item.file && shown(item).contains(&key.1);
            lines.retain(|key, ran| !hidden(key, *ran));
        }
        Ok(lines)
    }
}

fn is_missing(item: &Item) -> bool {
    matches!(&*item.state, "not-executed" | "not-armed")
}

fn report(options: &[&str]) -> Result<String> {
    Ok(goat::run(&[&["report"], options].concat())?.succeeded()?.stdout)
}

/// `text` without the instant that it was taken at, in which two reports may differ.
fn without_time(format: &str, text: &str) -> String {
    let digits = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "0");
    match format {
        // One line of JSON: the field alone.
        "json" => cut(text, "\"taken\":\"", "\""),
        "sarif" => cut(text, "\"endTimeUtc\":\"", "\""),
        // The plot ends where the report was taken.
        "html" => {
            let text = cut(&cut(text, "<time", "</time>"), "<figure class=\"plot\">", "</figure>");
            cut(&text, "\"end\":", ",")
        }
        "cobertura" => cut(text, "timestamp=\"", "\""),
        "junit" => text.lines().map(|line| cut(line, "timestamp=\"", "\"") + "\n").collect(),
        "markdown" => {
            text.lines().map(|line| if line.ends_with(" UTC") { digits(line) } else { line.into() } + "\n").collect()
        }
        _ => text.to_owned(),
    }
}

/// `text` without what stands between the first `from` and the next `to`.
fn cut(text: &str, from: &str, to: &str) -> String {
    let parts = text.split_once(from).and_then(|(before, rest)| Some((before, rest.split_once(to)?.1)));
    parts.map_or_else(|| text.to_owned(), |(before, after)| format!("{before}{from}{to}{after}"))
}

fn is_valid(schema: &Value, instance: &Value) -> Result<()> {
    let validator = jsonschema::validator_for(schema).map_err(|error| anyhow::anyhow!("no schema: {error}"))?;
    let errors: Vec<_> = validator.iter_errors(instance).map(|e| format!("{}: {e}", e.instance_path())).collect();
    ensure!(errors.is_empty(), "{}", errors.join("\n"));
    Ok(())
}

/// Forbids what is not described, in every object of the schema.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.values_mut().for_each(close);
            if fields.get("properties").is_some_and(Value::is_object) {
                fields.entry("additionalProperties").or_insert(false.into());
            }
        }
        Value::Array(values) => values.iter_mut().for_each(close),
        _ => {}
    }
}

/// Where cargo keeps the crate's sources, with the schema that its types are made from.
fn published_sarif_schema() -> Result<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut metadata = Command::new(cargo);
    metadata.current_dir(env!("CARGO_MANIFEST_DIR"));
    metadata.args(["metadata", "--format-version", "1", "--offline", "--locked", "--filter-platform"]);
    // What other systems need has not been fetched.
    metadata.arg(format!("{}-unknown-linux-gnu", std::env::consts::ARCH));
    let metadata: Value = serde_json::from_str(&tool::output(&mut metadata)?)?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    let package = packages.iter().find(|package| package["name"] == "serde-sarif").context("no serde-sarif")?;
    let manifest = Path::new(package["manifest_path"].as_str().context("no path")?);
    Ok(fs::read_to_string(manifest.with_file_name("src").join("schema.json"))?)
}
