//! `--deps`: what a changed requirement brought is observed in the binary, wherever the build took it from.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use goat_tests::{
    cache, go, goat,
    http::{self, Client},
    kernel,
    module_proxy::ModuleProxy,
    plan::PlanArgs,
    process::Process,
    tool,
    track::Track,
};
use serde_json::Value;

/// Lines that the newer version has and the older one has not.
const MARKER: &str = "// new";

/// A program with two releases that differ in what they require, for the most part.
struct Fixture {
    dir: PathBuf,
    modules: PathBuf,
}

impl Fixture {
    fn make() -> Result<Self> {
        let fixture = cache::fixture("dependencies");
        let key = (go::version()?, cache::contents(&fixture)?, 1);
        let dir = cache::directory("dependencies", key, |dir| {
            let proxy = ModuleProxy::new(dir);
            publish(&proxy)?;
            for vendored in [false, true] {
                let repo = dir.join(if vendored { "vendored" } else { "repo" });
                make_repository(&proxy, &repo, vendored)?;
                for (name, flags) in [("app", &[][..]), ("trimmed", &["-trimpath"]), ("stripped", &["-ldflags=-s -w"])]
                {
                    let mut go = proxy.go();
                    go.current_dir(&repo).args(["build", "-buildvcs=true", "-o"]).arg(binary(dir, vendored, name));
                    tool::output(go.args(flags).arg("."))?;
                }
            }
            Ok(())
        })?;
        Ok(Self { modules: ModuleProxy::new(&dir).cache(), dir })
    }

    fn plan_args<'a>(&self, repo: &'a Path, binary: &'a Path) -> PlanArgs<'a> {
        PlanArgs { repo, old: "old", new: "HEAD", binary, granularity: "line", precision: 2 }
    }

    /// goat with `--deps` and what `args` say, and the module cache at `modules`.
    fn goat(&self, args: &PlanArgs<'_>, modules: &Path, more: &[&str]) -> Result<Command> {
        let mut command = goat::command()?;
        command.args(args.to_vec()).arg("--deps").args(more).env("GOMODCACHE", modules);
        Ok(command)
    }
}

fn binary(dir: &Path, vendored: bool, name: &str) -> PathBuf {
    dir.join(format!("{}-{name}", if vendored { "vendored" } else { "cached" }))
}

fn text(file: &str, is_new: bool) -> Result<String> {
    let text =
        fs::read_to_string(cache::fixture("dependencies").join(file)).with_context(|| format!("reading {file}"))?;
    let kept: Vec<&str> = text.lines().filter(|line| is_new || !line.contains(MARKER)).collect();
    Ok(kept.join("\n") + "\n")
}

/// Till requires base, in its newer version a newer one; fork has that, and replaces it.
fn publish(proxy: &ModuleProxy) -> Result<()> {
    let go_mod = |module: &str, rest: &str| ("go.mod", format!("module {module}\n\ngo 1.21\n\n{rest}"));
    for (version, is_new) in [("v1.0.0", false), ("v1.1.0", true)] {
        let mut files = vec![go_mod("example.com/Till", &format!("require example.com/base {version}\n"))];
        for file in ["till.go", "till_test.go", "coins/coins.go", "coins/coins_windows.go", "bills/bills.go"] {
            files.push((file, text(&format!("till/{file}"), is_new)?));
        }
        files.retain(|(_, text)| !text.trim().is_empty());
        proxy.publish("example.com/Till", version, &files)?;
        let base = [go_mod("example.com/base", ""), ("base.go", text("base/base.go", is_new)?)];
        proxy.publish("example.com/base", version, &base)?;
        proxy.publish("example.com/fork", version, &base)?;
    }
    proxy.publish(
        "example.com/added",
        "v0.1.0",
        &[go_mod("example.com/added", ""), ("added.go", text("added/added.go", true)?)],
    )
}

fn make_repository(proxy: &ModuleProxy, repo: &Path, vendored: bool) -> Result<()> {
    fs::create_dir(repo)?;
    tool::git(repo, &["init", "-q", "-b", "main"])?;
    for (day, tag, is_new) in [(1, "old", false), (2, "new", true)] {
        let version = if is_new { "v1.1.0" } else { "v1.0.0" };
        let more = if is_new {
            "require example.com/added v0.1.0\nreplace example.com/base => example.com/fork v1.1.0\n"
        } else {
            ""
        };
        let go_mod = format!("module example.com/app\n\ngo 1.21\n\nrequire example.com/Till {version}\n{more}");
        fs::write(repo.join("go.mod"), go_mod)?;
        fs::write(repo.join("main.go"), text("app/main.go", is_new)?)?;
        tool::output(proxy.go().current_dir(repo).args(["mod", "tidy"]))?;
        if vendored {
            tool::output(proxy.go().current_dir(repo).args(["mod", "vendor"]))?;
        }
        tool::commit(repo, day, tag)?;
        tool::git(repo, &["tag", tag])?;
    }
    // The older versions too, as a machine has them that has built the older release.
    let all = ["example.com/Till@v1.0.0", "example.com/base@v1.0.0"];
    tool::output(proxy.go().current_dir(repo).args(["mod", "download"]).args(all)).map(drop)
}

/// Numbers of the lines with a marker, or of all lines.
fn marked(file: &str, all: bool) -> Result<BTreeSet<u32>> {
    let text = text(file, true)?;
    Ok((1..).zip(text.lines()).filter(|(_, line)| all || line.contains(MARKER)).map(|(number, _)| number).collect())
}

/// Each file's changed lines, with code or without, as the plan answers for them.
fn lines_of(plan: &Value) -> BTreeMap<String, BTreeSet<u32>> {
    let mut lines: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    let entries = ["points", "noCode"].into_iter().filter_map(|key| plan[key].as_array()).flatten();
    for entry in entries {
        let numbers = entry["lines"].as_array().into_iter().flatten();
        let numbers = numbers.filter_map(|line| u32::try_from(line.as_u64()?).ok());
        lines.entry(entry["file"].as_str().unwrap_or_default().to_owned()).or_default().extend(numbers);
    }
    lines
}

#[test]
fn every_changed_line_of_a_linked_package_is_in_the_plan() -> Result<()> {
    let fixture = Fixture::make()?;
    let expected: BTreeMap<String, BTreeSet<u32>> = [
        ("main.go", "app/main.go", false),
        ("example.com/Till@v1.1.0/till.go", "till/till.go", false),
        ("example.com/Till@v1.1.0/coins/coins.go", "till/coins/coins.go", false),
        ("example.com/Till@v1.1.0/coins/coins_windows.go", "till/coins/coins_windows.go", true),
        ("example.com/fork@v1.1.0/base.go", "base/base.go", false),
        ("example.com/added@v0.1.0/added.go", "added/added.go", true),
    ]
    .into_iter()
    .map(|(path, file, all)| Ok((path.to_owned(), marked(file, all)?)))
    .collect::<Result<_>>()?;

    for vendored in [false, true] {
        let repo = fixture.dir.join(if vendored { "vendored" } else { "repo" });
        for name in ["app", "trimmed", "stripped"] {
            let binary = binary(&fixture.dir, vendored, name);
            let args = fixture.plan_args(&repo, &binary);
            // What was vendored needs no module cache.
            let modules = if vendored { fixture.dir.join("none") } else { fixture.modules.clone() };
            let out = Process::run(&mut fixture.goat(&args, &modules, &["--format", "json"])?)?.succeeded()?;
            let plan: Value = serde_json::from_str(&out.stdout)?;
            assert_eq!(lines_of(&plan), expected, "{}", binary.display());
            assert_eq!(plan["warnings"], serde_json::json!([]), "{}", binary.display());
            for point in plan["points"].as_array().into_iter().flatten() {
                let file = point["file"].as_str().unwrap_or_default();
                let reason = point["reason"].as_str().unwrap_or_default();
                let is_windows = file.ends_with("_windows.go");
                ensure!(point["observable"] != is_windows, "{}: {point}", binary.display());
                ensure!(!is_windows || reason.starts_with("excluded: "), "{point}");
            }
            let said: Vec<_> = plan["dependencies"].as_array().into_iter().flatten().collect();
            let said: Vec<_> =
                said.iter().map(|d| (d["path"].as_str(), d["old"].as_str(), d["new"].as_str())).collect();
            let expected = [
                (Some("example.com/Till"), Some("v1.0.0"), Some("v1.1.0")),
                (Some("example.com/added"), None, Some("v0.1.0")),
                (Some("example.com/base"), Some("v1.0.0"), Some("example.com/fork v1.1.0")),
            ];
            assert_eq!(said, expected);
        }
    }
    Ok(())
}

#[test]
fn a_version_that_is_missing_is_named_and_can_be_had() -> Result<()> {
    let fixture = Fixture::make()?;
    let (repo, binary) = (fixture.dir.join("repo"), binary(&fixture.dir, false, "app"));
    let args = fixture.plan_args(&repo, &binary);
    let dir = tempfile::tempdir()?;
    let run = || Process::run(&mut fixture.goat(&args, dir.path(), &[])?)?.succeeded();
    let missing = run()?.stdout;
    let command = "`go mod download example.com/Till@v1.0.0 example.com/Till@v1.1.0 example.com/added@v0.1.0 \
                   example.com/base@v1.0.0 example.com/fork@v1.1.0`";
    ensure!(missing.contains(command), "{missing}");
    ensure!(missing.contains("\nmain.go\n") && !missing.contains("\nexample.com/"), "{missing}");

    let download = command.trim_matches('`').split(' ').skip(1);
    let mut go = ModuleProxy::new(&fixture.dir).go();
    tool::output(go.current_dir(&repo).env("GOMODCACHE", dir.path()).args(download))?;
    let whole = run()?.stdout;
    ensure!(!whole.contains("warning:"), "{whole}");
    for said in [
        "\n3 dependencies changed\n  example.com/Till   v1.0.0 -> v1.1.0, 6 changed lines with code\n",
        "\n  example.com/added  new, v0.1.0, 1 changed line with code\n",
        "\n  example.com/base   v1.0.0 -> example.com/fork v1.1.0, 2 changed lines with code\n",
    ] {
        ensure!(whole.contains(said), "{said:?} is not in\n{whole}");
    }
    Ok(())
}

#[test]
fn without_deps_nothing_of_them_is_observed() -> Result<()> {
    let fixture = Fixture::make()?;
    let (repo, binary) = (fixture.dir.join("repo"), binary(&fixture.dir, false, "app"));
    let plan = fixture.plan_args(&repo, &binary).read()?;
    ensure!(plan.points.iter().all(|point| point.file == "main.go"), "{plan:?}");
    Ok(())
}

#[test]
fn changed_lines_of_dependencies_are_covered_when_they_run() -> Result<()> {
    if kernel::is_missing() {
        return Ok(());
    }
    let fixture = Fixture::make()?;
    for (vendored, name) in [(false, "app"), (false, "trimmed"), (true, "stripped")] {
        attach(&fixture, vendored, name).with_context(|| format!("vendored: {vendored}, {name}"))?;
    }
    Ok(())
}

fn attach(fixture: &Fixture, vendored: bool, name: &str) -> Result<()> {
    let (repo, binary) =
        (fixture.dir.join(if vendored { "vendored" } else { "repo" }), binary(&fixture.dir, vendored, name));
    let (input, mut amounts) = std::io::pipe()?;
    let app = Process::start_with_input(&mut Command::new(&binary), Stdio::from(input))?;
    let dir = tempfile::tempdir()?;
    let plan = dir.path().join("app.goatplan");
    let path = plan.to_string_lossy().into_owned();
    let args = fixture.plan_args(&repo, &binary);
    Process::run(&mut fixture.goat(&args, &fixture.modules, &["-o", &path])?)?.succeeded()?;

    let port = http::free_port()?;
    let mut attach = goat::command()?;
    attach.args(["attach", "--data-type", "count", "--pid", &app.pid().to_string(), "--plan", &path]);
    let mut goat = Process::start(attach.args(["--listen", &format!("127.0.0.1:{port}")]))?;
    let client = Client::new(port);
    goat.until("goat ready", || client.is_ok("/readyz").then_some(()))?;

    // Twice over the limit of base, once a refund, once to be rounded up.
    writeln!(amounts, "1999\n1999\n-5\n2")?;
    let mut last = Vec::new();
    let expected = [
        ("example.com/Till@v1.1.0/till.go", 10, 8),
        ("example.com/Till@v1.1.0/till.go", 11, 1),
        ("example.com/added@v0.1.0/added.go", 8, 4),
        ("example.com/fork@v1.1.0/base.go", 8, 5),
        ("example.com/fork@v1.1.0/base.go", 9, 2),
    ];
    goat.until("the counts of the dependencies' lines", || {
        let track = Track::parse(&client.get("/track").ok()?.body).ok()?;
        let own = track.results.iter().find(|component| component.name == ".")?;
        let count = |&(file, line, _): &(&str, u32, u64)| {
            let item = own.metrics.items.iter().find(|item| item.file == file && item.lines.contains(&line));
            item.map(|item| item.count)
        };
        last = expected.iter().map(count).collect();
        (expected.iter().zip(&last).all(|((.., wanted), found)| *found == Some(*wanted))).then_some(())
    })
    .with_context(|| format!("counted {last:?}"))?;
    let page = client.request("GET", "/track", "text/html")?;
    ensure!(page.body.contains("example.com/fork@v1.1.0/base.go"), "the page does not show the dependency");
    let profile = client.get("/report?format=cover-profile")?.body;
    ensure!(profile.contains("example.com/base/base.go:8."), "{profile}");
    goat.signal(libc::SIGTERM)?;
    goat.wait()?.succeeded()?;
    drop(amounts);
    app.wait()?.succeeded().map(drop)
}
