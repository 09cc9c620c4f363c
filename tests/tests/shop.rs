//! On the untouched release binary, goat counts at each of the original's points what the original counted with its
//! calls in the source.

use std::{collections::BTreeSet, path::Path};

use anyhow::{Context, Result, ensure};
use goat_tests::{
    go, goat,
    http::{self, Client},
    kernel,
    original::{self, Point, Recorded, Wire},
    plan::PlanArgs,
    process::Process,
    shop::{self, Shop},
    tool,
    track::{Item, Track},
};

/// The original's points that may be unobservable in shopd: file, line, goat's reason, and what the compiler made of the
/// line. Points of functions that the linker left out are not listed; the test proves that they are left out.
const UNOBSERVABLE: &[(&str, u32, &str, &str)] = &[
    ("cmd/shopd/main.go", 16, "speculated", "port = \"8088\" is a CMOVE in the block of the condition"),
    ("internal/cart/coupon.go", 36, "optimised-out", "n = 50 is a CMOVG in the block behind the switch"),
    (
        "internal/ship/ship.go",
        20,
        "speculated",
        "t = \"heavy\" has no row: its instructions bear line 19, the condition's",
    ),
];

/// Where git places a hunk differently than go-git, which the original uses: git blames and diffs say that this line is
/// old.
const NOT_CHANGED: (&str, u32) = ("internal/ship/ship.go", 318);

#[test]
fn line_counts_equal_the_originals() -> Result<()> {
    compare("line", 2, "count", |shop| &shop.shopd)
}

#[test]
fn line_counts_equal_the_originals_when_built_with_trimpath() -> Result<()> {
    compare("line", 2, "count", |shop| &shop.shopd_trimpath)
}

#[test]
fn line_counts_equal_the_originals_when_stripped() -> Result<()> {
    compare("line", 2, "count", |shop| &shop.shopd_stripped)
}

#[test]
fn line_bools_equal_the_originals() -> Result<()> {
    compare("line", 2, "bool", |shop| &shop.shopd)
}

#[test]
fn patch_counts_equal_the_originals() -> Result<()> {
    compare("patch", 1, "count", |shop| &shop.shopd)
}

#[test]
fn patch_bools_equal_the_originals() -> Result<()> {
    compare("patch", 1, "bool", |shop| &shop.shopd)
}

/// Every point of the original has one of ours at the same statement, at all granularities and precisions.
#[test]
fn no_point_of_the_original_is_missing() -> Result<()> {
    let shop = shop::shop()?;
    let mut missing = Vec::new();
    for granularity in ["line", "patch", "scope", "func"] {
        for precision in 1..=3 {
            let args =
                PlanArgs { repo: &shop.repo, old: shop::OLD, new: "HEAD", binary: &shop.shopd, granularity, precision };
            let ours: Vec<Item> = args.read()?.points.into_iter().map(Item::from).collect();
            for point in original::points(granularity, precision)? {
                if find(granularity, &point, ours.iter()).is_none() && !is_git_right(&point) {
                    missing
                        .push(format!("{granularity}/{precision} {}:{} {}", point.file, point.before_line, point.func));
                }
            }
        }
    }
    ensure!(missing.is_empty(), "{} points of the original are missing:\n{}", missing.len(), missing.join("\n"));
    Ok(())
}

fn compare(granularity: &str, precision: u8, data_type: &str, binary: impl Fn(&Shop) -> &Path) -> Result<()> {
    if kernel::is_missing() {
        return Ok(());
    }
    let shop = shop::shop()?;
    let binary = binary(&shop);
    let dir = tempfile::tempdir()?;
    let args = PlanArgs { repo: &shop.repo, old: shop::OLD, new: "HEAD", binary, granularity, precision };
    let plan = args.write(dir.path())?;
    let report = dir.path().join("report.json");

    // From the first instruction: the package's variables and init functions are points too.
    let (port, listen) = (http::free_port()?, http::free_port()?);
    let mut run = goat::command()?;
    run.args(["run", "--data-type", data_type, "--listen", &format!("127.0.0.1:{listen}"), "--plan"]).arg(&plan);
    run.arg("--report").arg(&report).arg("--").arg(binary).env("PORT", port.to_string());
    let mut run = Process::start(&mut run)?;
    let (app, goat) = (Client::new(port), Client::new(listen));
    shop::wait_until_up(&mut run, port)?;
    run.until("goat ready", || goat.is_ok("/readyz").then_some(()))?;

    let wire = original::wire()?;
    let comparison = Comparison::new(&wire, granularity, precision, data_type, &shop.shopd)?;
    comparison.check("none", &goat.get("/track?order=2")?.body)?;
    shop::send(&wire, "T1", &app)?;
    comparison.check("T1", &goat.get("/track?order=2")?.body)?;
    shop::send(&wire, "T2", &app)?;
    comparison.check("T1,T2", &goat.get("/track?order=2")?.body)?;

    run.signal(libc::SIGTERM)?;
    run.wait()?;
    let written = std::fs::read_to_string(&report).context("no report was written")?;
    comparison.check("T1,T2", &written)
}

/// One variant's recorded answers.
struct Comparison<'a> {
    granularity: &'a str,
    points: Vec<Point>,
    recorded: Vec<&'a Recorded>,
    /// Every symbol of shopd; the stripped one holds the same functions.
    symbols: BTreeSet<String>,
}

impl<'a> Comparison<'a> {
    fn new(wire: &'a Wire, granularity: &'a str, precision: u8, data_type: &str, with_symbols: &Path) -> Result<Self> {
        let recorded: Vec<_> = wire
            .recorded
            .iter()
            .filter(|r| (&*r.granularity, r.precision, &*r.data_type) == (granularity, precision, data_type))
            .collect();
        ensure!(recorded.len() == 3, "{} answers recorded", recorded.len());
        let listing = tool::output(go::command().args(["tool", "nm"]).arg(with_symbols))?;
        let symbols = listing.lines().filter_map(|line| line.split_whitespace().nth(2)).map(str::to_owned).collect();
        Ok(Self { granularity, points: original::points(granularity, precision)?, recorded, symbols })
    }

    fn check(&self, preceded_by: &str, body: &str) -> Result<()> {
        let recorded = self.recorded.iter().find(|r| r.preceded_by == preceded_by).context("not recorded")?;
        let track = Track::parse(body)?;
        let items = track.items()?;
        let mut wrong = Vec::new();
        let mut compared = 0;
        for point in &self.points {
            if is_git_right(point) {
                continue;
            }
            let Some(item) = find(self.granularity, point, items.values().copied()) else {
                wrong.push(format!("{}:{} {}: no point", point.file, point.before_line, point.func));
                continue;
            };
            match self.verdict(point, item, recorded.counts.get(&point.id).copied()) {
                Ok(counted) => compared += usize::from(counted),
                Err(why) => wrong.push(format!("{}:{} {}: {why}: {item:?}", point.file, point.before_line, point.func)),
            }
        }
        ensure!(wrong.is_empty(), "after {preceded_by}, {} points differ:\n{}", wrong.len(), wrong.join("\n"));
        ensure!(compared > 0, "after {preceded_by}, no count was compared");
        Ok(())
    }

    /// Whether the item's count was compared with the recorded one and is equal; `Err` says what is wrong with the item.
    /// `count` is `None` for a point that is in no component.
    fn verdict(&self, point: &Point, item: &Item, count: Option<u64>) -> Result<bool, String> {
        let reason = item.reason.as_deref().unwrap_or_default();
        let why = UNOBSERVABLE.iter().find(|(file, line, ..)| (*file, *line) == (&*point.file, point.before_line));
        match (item.state.as_str(), count) {
            ("covered" | "not-executed", Some(count)) if item.count == count => {
                if (item.state == "covered") == (count > 0) { Ok(true) } else { Err("count and state differ".into()) }
            }
            ("covered" | "not-executed", count) => Err(format!("recorded {count:?}")),
            ("excluded", Some(1..)) => Err("excluded, but it ran".into()),
            ("excluded", _) if self.is_outside_shopd(point) => Ok(false),
            ("excluded", _) => Err("shopd holds its file".into()),
            ("unobservable", Some(0)) if reason.contains("not-linked") => {
                if self.is_linked(point) {
                    Err("the binary has a symbol of that name".into())
                } else {
                    Ok(false)
                }
            }
            ("unobservable", _) => match why {
                Some((_, _, expected, _)) if reason.contains(expected) => Ok(false),
                _ => Err("not among the points that are known to be unobservable".into()),
            },
            (state, _) => Err(format!("unexpected state {state}")),
        }
    }

    /// Files that are not compiled into shopd: the other command and what it alone imports, another system's, and a
    /// package that nothing imports.
    fn is_outside_shopd(&self, point: &Point) -> bool {
        ["cmd/shopctl/", "internal/report/", "internal/legacy/", "internal/store/path_windows.go"]
            .iter()
            .any(|path| point.file.starts_with(path))
    }

    /// Whether the binary has a function of the point's name, or a copy for some type argument of it.
    fn is_linked(&self, point: &Point) -> bool {
        let directory = point.file.rsplit_once('/').map_or("", |(dir, _)| dir);
        let symbol = format!("example.com/shop/{directory}.{}", point.func);
        self.symbols.iter().any(|s| s == &symbol || s.starts_with(&format!("{symbol}[")))
    }
}

fn find<'a>(granularity: &str, point: &Point, mut items: impl Iterator<Item = &'a Item>) -> Option<&'a Item> {
    if granularity == "func" {
        return items.find(|item| {
            item.file == point.file
                && point.is_in(&item.function)
                && item.line <= point.before_line
                && point.before_line <= item.end_line
        });
    }
    point.find(items)
}

fn is_git_right(point: &Point) -> bool {
    (&*point.file, point.before_line) == NOT_CHANGED
}
