//! Plans of the shop for arm64, held against those for amd64, and stripped against whole.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use goat_tests::{
    cache, go, goat,
    plan::{Plan, PlanArgs, Point},
    shop, tool,
};

use crate::listing;

/// gofmt for arm64.
pub(crate) fn gofmt() -> Result<PathBuf> {
    let dir = cache::directory("gofmt-arm64", go::version()?, |dir| {
        let mut go = go::command();
        go.current_dir(go::root()?.join("src")).env("GOARCH", "arm64").env("CGO_ENABLED", "0");
        tool::output(go.args(["build", "-o"]).arg(dir.join("gofmt")).arg("cmd/gofmt")).map(drop)
    })?;
    Ok(dir.join("gofmt"))
}

/// The shop's service for arm64, whole and stripped.
struct Shop {
    repo: PathBuf,
    amd64: PathBuf,
    whole: PathBuf,
    stripped: PathBuf,
}

impl Shop {
    fn make() -> Result<Self> {
        let shop::Shop { repo, shopd: amd64, .. } = shop::shop()?;
        let key = (go::version()?, cache::contents(&cache::fixture("shop"))?);
        let dir = cache::directory("shop-arm64", key, |dir| {
            for (name, flags) in [("whole", &[][..]), ("stripped", &["-ldflags=-s -w"])] {
                let mut go = go::command();
                go.current_dir(&repo).env("GOARCH", "arm64").env("CGO_ENABLED", "0").args(["build", "-buildvcs=true"]);
                tool::output(go.args(flags).arg("-o").arg(dir.join(name)).arg("./cmd/shopd"))?;
            }
            Ok(())
        })?;
        Ok(Self { repo, amd64, whole: dir.join("whole"), stripped: dir.join("stripped") })
    }

    fn args<'a>(&'a self, binary: &'a Path, granularity: &'a str) -> PlanArgs<'a> {
        PlanArgs { repo: &self.repo, old: shop::OLD, new: shop::NEW, binary, granularity, precision: 2 }
    }

    fn plan(&self, binary: &Path, granularity: &str) -> Result<Plan> {
        self.args(binary, granularity).read()
    }
}

#[test]
fn stripped_binaries_have_the_same_sites() -> Result<()> {
    let shop = Shop::make()?;
    for granularity in ["line", "patch", "scope", "func"] {
        let sites = |binary: &Path| -> Result<Vec<_>> {
            let plan = shop.plan(binary, granularity)?;
            let site = |p: &Point| p.sites.iter().map(|s| (s.address, s.class.clone(), s.inlined)).collect::<Vec<_>>();
            Ok(plan.points.iter().map(|p| (p.id, p.line, p.reason.clone(), site(p))).collect())
        };
        let (whole, stripped) = (sites(&shop.whole)?, sites(&shop.stripped)?);
        ensure!(whole.iter().any(|(.., sites)| !sites.is_empty()), "no point has a site at {granularity}");
        assert_eq!(whole, stripped, "{granularity}");
    }
    Ok(())
}

#[test]
fn sites_are_instructions_of_the_functions_that_hold_them() -> Result<()> {
    let shop = Shop::make()?;
    let functions: BTreeMap<String, BTreeMap<u64, String>> = listing::read(&shop.whole)?
        .into_iter()
        .map(|f| (f.name, f.instructions.into_iter().map(|i| (i.address, i.place)).collect()))
        .collect();
    let plan = shop.plan(&shop.whole, "line")?;
    let mut sites = 0;
    for point in &plan.points {
        let file = Path::new(&point.file).file_name().context("a point without a file")?.to_string_lossy();
        for site in &point.sites {
            let code = functions.get(&site.function).with_context(|| format!("there is no {}", site.function))?;
            ensure!(code.contains_key(&site.address), "{:#x} is no instruction of {}", site.address, site.function);
            ensure!(matches!(&*site.class, "emulated" | "stepped"), "{} {:#x}", site.class, site.address);
            ensure!(site.fallback.is_none_or(|at| code.contains_key(&at)), "{:#x}: its fallback", site.address);
            // A statement that left no instruction is observed by what stands around it.
            ensure!(code.values().any(|place| place.starts_with(&*file)), "{} has no code of {file}", site.function);
            sites += 1;
        }
    }
    ensure!(sites > 20, "only {sites} sites");
    Ok(())
}

#[test]
fn the_same_lines_are_observed_as_on_amd64() -> Result<()> {
    let shop = Shop::make()?;
    let observed = |binary: &Path| -> Result<BTreeSet<(String, u32)>> {
        let plan = shop.plan(binary, "line")?;
        Ok(plan.points.into_iter().filter(|p| p.observable).map(|p| (p.file, p.line)).collect())
    };
    assert_eq!(observed(&shop.whole)?, observed(&shop.amd64)?);
    Ok(())
}

#[test]
#[cfg(target_arch = "x86_64")]
fn attaching_by_a_plan_for_another_machine_says_so() -> Result<()> {
    let shop = Shop::make()?;
    let dir = tempfile::tempdir()?;
    let plan = shop.args(&shop.stripped, "patch").write(dir.path())?;
    for args in [&["run", "--plan"][..], &["attach", "--no-state", "--plan"]] {
        let mut command = goat::command()?;
        command.args(args).arg(&plan);
        match args[0] {
            "run" => command.arg("--").arg(&shop.stripped),
            _ => command.args(["--listen", "127.0.0.1:0", "--exe"]).arg(&shop.stripped),
        };
        let outcome = goat_tests::process::Process::run(&mut command)?;
        ensure!(outcome.code() == 1, "{args:?}: {outcome:?}");
        let expected = "the plan is for arm64, and this machine runs amd64: attach where the binary runs";
        ensure!(outcome.stderr.contains(expected), "{args:?}: {}", outcome.stderr);
    }
    Ok(())
}
