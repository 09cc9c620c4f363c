//! Go's own gofmt, as the distribution builds it: counts at changed lines equal those of counters compiled into its
//! source, and the probed gofmt writes what the untouched one writes.
//!
//! The oracle is a second gofmt, built with `go build -overlay`: in front of each chosen statement, on its line, stands an
//! atomic add. Both run over the same files.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use goat_tests::{
    cache, go, goat, kernel,
    plan::{PlanArgs, Point},
    process::{Outcome, Process},
    tool,
    track::Track,
};

/// The older release whose sources are the old side.
const OLDER: &str = "go1.25.5";

/// What gofmt is made of: these directories of GOROOT/src, without tests and testdata.
const SOURCES: &[&str] = &[
    "cmd/gofmt",
    "cmd/internal/telemetry/counter",
    "go/ast",
    "go/build/constraint",
    "go/doc/comment",
    "go/format",
    "go/internal/scannerhooks",
    "go/parser",
    "go/printer",
    "go/scanner",
    "go/token",
    "internal/diff",
];

/// Statements that the local release has and the older one has not: file, the line's text (of one line only), and what
/// makes it a good witness.
const CHOSEN: &[(&str, &str)] = &[
    // A call through a variable, once per string literal.
    ("go/parser/parser.go", "p.stringEnd = scannerhooks.StringEnd(&p.scanner)"),
    // One assignment in a switch that a fallthrough enters, once per line of code.
    ("go/parser/parser.go", "comment = p.lineComment // use preceding comments"),
    // Behind a multi-value call in the scanner's largest switch, once per raw string.
    ("go/scanner/scanner.go", "s.stringEnd = pos + token.Pos(rawLen)"),
    // In a closure, once per file.
    ("cmd/gofmt/gofmt.go", "s.Add(fileWeight(path, info), func(r *reporter) error {"),
];

/// What gofmt formats: about 1.3 MB, with raw strings and, in testdata, files that it has to complain about.
const INPUT: &[&str] = &["go/ast", "go/parser", "go/printer", "go/scanner", "go/doc"];

/// The counters. In go/token because every package of gofmt imports it already.
const COUNTERS: &str = r#"package token

import (
	"fmt"
	"os"
	"sync/atomic"
)

// Witness counts the chosen statements.
var Witness [16]atomic.Uint64

// Testify writes the counters to the file that $WITNESS names.
func Testify() {
	text := ""
	for i := range Witness {
		text += fmt.Sprintln(Witness[i].Load())
	}
	os.WriteFile(os.Getenv("WITNESS"), []byte(text), 0o644)
}
"#;

#[test]
fn counts_equal_those_of_counters_in_the_source() -> Result<()> {
    let gofmt = Gofmt::make()?;
    let dir = tempfile::tempdir()?;
    let expected = gofmt.witnessed(dir.path())?;
    ensure!(expected.values().all(|&count| count > 0), "a chosen line did not run: {expected:?}");
    ensure!(expected == gofmt.witnessed(dir.path())?, "two runs of the oracle differ");
    if kernel::is_missing() {
        return Ok(());
    }

    let plan = gofmt.plan_args().write(dir.path())?;
    let report = dir.path().join("report.json");
    let mut run = goat::command()?;
    run.args(["run", "--data-type", "count", "--plan"]).arg(&plan).arg("--report").arg(&report).arg("--");
    let probed = gofmt.format(run.arg(&gofmt.release))?;
    let bare = gofmt.format(&mut Command::new(&gofmt.release))?;
    ensure!(bare.code() == 2, "gofmt should complain about testdata: {bare:?}");
    assert_eq!(probed.code(), bare.code());
    assert_eq!(probed.stdout, bare.stdout);
    assert_eq!(probed.program_stderr(), bare.stderr);

    let track = Track::parse(&fs::read_to_string(&report)?)?;
    let items = track.items()?;
    let mut counted = BTreeMap::new();
    for (file, line) in expected.keys() {
        let at_line =
            items.values().find(|i| i.file == format!("src/{file}") && i.line == *line && i.lines.contains(line));
        let item = at_line.with_context(|| format!("no point at {file}:{line}"))?;
        ensure!(item.state == "covered", "{item:?}");
        counted.insert((file.clone(), *line), item.count);
    }
    // The standard library's packages are gofmt's, too, though they are of another module.
    let component = track.results.iter().find(|c| c.name == "src/cmd/gofmt").context("gofmt is no component")?;
    ensure!(component.metrics.items.iter().any(|i| i.file == "src/go/parser/parser.go"), "{component:?}");
    ensure!(track.no_component.is_empty(), "{:?}", track.no_component);
    assert_eq!(counted, expected);
    Ok(())
}

/// Lines and inlined calls come from DWARF in the one and from Go's own tables in the other.
#[test]
fn a_stripped_gofmt_is_observed_at_the_same_places() -> Result<()> {
    let gofmt = Gofmt::make()?;
    let args = PlanArgs { old: "INIT", ..gofmt.plan_args() };
    let whole = args.read()?;
    let stripped = PlanArgs { binary: &gofmt.stripped, ..args }.read()?;
    let described = |point: &Point| {
        let sites: Vec<_> = point.sites.iter().map(|s| (s.offset, s.function.clone(), s.inlined)).collect();
        (point.file.clone(), point.line, point.kind.clone(), point.reason.clone(), sites, point.blind.clone())
    };
    let observed = whole.points.iter().filter(|p| p.observable).count();
    ensure!(observed > 5000 && whole.points.len() == stripped.points.len(), "{observed} points are observed");
    for (one, other) in whole.points.iter().zip(&stripped.points) {
        assert_eq!(described(one), described(other));
    }
    Ok(())
}

struct Gofmt {
    /// A commit with the older release's sources, tag `older`, and one with the local release's, HEAD.
    repo: PathBuf,
    /// As the distribution builds it.
    release: PathBuf,
    /// Without symbols and DWARF.
    stripped: PathBuf,
    /// With counters.
    oracle: PathBuf,
    /// By file and line, in the order of the counters.
    lines: Vec<(String, u32)>,
    /// GOROOT/src.
    src: PathBuf,
}

impl Gofmt {
    fn make() -> Result<Self> {
        let src = go::root()?.join("src");
        let key = (go::version()?, OLDER, SOURCES, CHOSEN, COUNTERS, 4);
        let dir = cache::directory("gofmt", key, |dir| {
            let repo = dir.join("repo");
            fs::create_dir(&repo)?;
            tool::git(&repo, &["init", "-q", "-b", "main"])?;
            fs::write(repo.join("goat.yaml"), "appName: gofmt\n")?;
            copy_sources(&go::root_of(OLDER)?.join("src"), &repo.join("src"))?;
            tool::commit(&repo, 1, OLDER)?;
            tool::git(&repo, &["tag", "older"])?;
            fs::remove_dir_all(repo.join("src"))?;
            copy_sources(&src, &repo.join("src"))?;
            tool::commit(&repo, 2, "the local release")?;

            build(&dir.join("gofmt"), &[])?;
            build(&dir.join("stripped"), &["-ldflags=-s -w"])?;
            let overlay = write_overlay(&src, &dir.join("overlay"))?;
            build(&dir.join("oracle"), &["-overlay", &overlay.to_string_lossy()])
        })?;
        let lines = CHOSEN.iter().map(|(file, text)| Ok(((*file).to_owned(), line_of(&src, file, text)?)));
        Ok(Self {
            repo: dir.join("repo"),
            release: dir.join("gofmt"),
            stripped: dir.join("stripped"),
            oracle: dir.join("oracle"),
            lines: lines.collect::<Result<_>>()?,
            src,
        })
    }

    fn plan_args(&self) -> PlanArgs<'_> {
        PlanArgs {
            repo: &self.repo,
            old: "older",
            new: "HEAD",
            binary: &self.release,
            granularity: "line",
            precision: 2,
        }
    }

    /// Runs `command` with gofmt's arguments.
    fn format(&self, command: &mut Command) -> Result<Outcome> {
        Process::run(command.arg("-l").args(INPUT).current_dir(&self.src))
    }

    /// The oracle's counts by file and line.
    fn witnessed(&self, dir: &Path) -> Result<BTreeMap<(String, u32), u64>> {
        let file = dir.join("witness");
        self.format(Command::new(&self.oracle).env("WITNESS", &file))?;
        let text = fs::read_to_string(&file).context("the oracle wrote no counts")?;
        let counts = text.lines().map(str::parse::<u64>).collect::<Result<Vec<_>, _>>()?;
        Ok(self.lines.iter().cloned().zip(counts).collect())
    }
}

fn build(to: &Path, flags: &[&str]) -> Result<()> {
    let mut go = go::command();
    go.args(["build", "-buildvcs=false"]).args(flags).arg("-o").arg(to).arg("cmd/gofmt");
    tool::output(go.current_dir(go::root()?.join("src/cmd"))).map(drop)
}

fn copy_sources(from: &Path, to: &Path) -> Result<()> {
    for dir in SOURCES {
        // scannerhooks is new in Go 1.26.
        let Ok(entries) = fs::read_dir(from.join(dir)) else { continue };
        fs::create_dir_all(to.join(dir))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".go") && !name.ends_with("_test.go") {
                fs::write(to.join(dir).join(name), fs::read(entry.path())?)?;
            }
        }
    }
    for module in ["go.mod", "cmd/go.mod"] {
        fs::write(to.join(module), fs::read(from.join(module))?)?;
    }
    Ok(())
}

/// Writes the changed files to `dir` and gives the path of the JSON file that tells `go build` of them.
fn write_overlay(src: &Path, dir: &Path) -> Result<PathBuf> {
    fs::create_dir_all(dir)?;
    let mut files: BTreeMap<&str, String> = BTreeMap::new();
    let mut edit = |file, text: &str, instead: &str| -> Result<()> {
        line_of(src, file, text)?;
        let whole = match files.remove(file) {
            Some(whole) => whole,
            None => fs::read_to_string(src.join(file))?,
        };
        files.insert(file, whole.replacen(text, instead, 1));
        Ok(())
    };
    for (i, (file, text)) in CHOSEN.iter().enumerate() {
        edit(file, text, &format!("token.Witness[{i}].Add(1); {text}"))?;
    }
    // GetExitCode waits for the files that are still being formatted.
    let exit = "os.Exit(s.GetExitCode())";
    edit("cmd/gofmt/gofmt.go", exit, "code := s.GetExitCode(); token.Testify(); os.Exit(code)")?;
    files.insert("go/token/witness.go", COUNTERS.to_owned());

    let mut replace = BTreeMap::new();
    for (file, text) in files {
        let to = dir.join(file.replace('/', "_"));
        fs::write(&to, text)?;
        replace.insert(src.join(file), to);
    }
    let overlay = dir.join("overlay.json");
    fs::write(&overlay, serde_json::to_vec(&BTreeMap::from([("Replace", replace)]))?)?;
    Ok(overlay)
}

/// The number of the only line of `file` that holds `text`.
fn line_of(src: &Path, file: &str, text: &str) -> Result<u32> {
    let whole = fs::read_to_string(src.join(file)).with_context(|| format!("reading {file}"))?;
    let mut holders = whole.match_indices(text);
    let (at, _) = holders.next().with_context(|| format!("{file} of this Go release has no {text:?}"))?;
    ensure!(holders.next().is_none(), "{file} has {text:?} twice");
    Ok(u32::try_from(whole[..at].matches('\n').count())? + 1)
}
