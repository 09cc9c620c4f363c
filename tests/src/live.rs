//! A shopd with goat beside it, attached by pid.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use tempfile::TempDir;

use crate::{
    goat,
    http::{self, Client},
    kernel,
    plan::PlanArgs,
    process::Process,
    shop::{self, Shop, Shopd},
    track::Track,
};

/// Both, and where their files are.
pub struct Live {
    /// goat.
    pub process: Process,
    /// Talks to goat.
    pub goat: Client,
    /// The service.
    pub shopd: Shopd,
    /// Holds the plan and the report.
    pub dir: TempDir,
    /// What goat was given.
    pub plan: PathBuf,
}

impl Live {
    /// Starts both, or nothing where the kernel has no uprobes.
    pub fn start(options: &[&str]) -> Result<Option<Self>> {
        if kernel::is_missing() {
            return Ok(None);
        }
        let shop = shop::shop()?;
        let shopd = Shopd::start(&shop.shopd)?;
        Self::attach(&shop, shopd, options).map(Some)
    }

    /// Attaches to `shopd` and waits until every probe is there.
    pub fn attach(shop: &Shop, shopd: Shopd, options: &[&str]) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let plan = plan_args(shop).write(dir.path())?;
        let port = http::free_port()?;
        let mut attach = goat::command()?;
        attach.args(["attach", "--pid", &shopd.process.pid().to_string(), "--plan"]).arg(&plan).args(options);
        attach.args(["--listen", &format!("127.0.0.1:{port}"), "--report"]).arg(dir.path().join("report.json"));
        let mut process = Process::start(&mut attach)?;
        let goat = Client::new(port);
        process.until("goat ready", || goat.is_ok("/readyz").then_some(()))?;
        Ok(Self { process, goat, shopd, dir, plan })
    }

    /// What /track, or another path with the same answer, says.
    pub fn track(&self, path: &str) -> Result<Track> {
        let answer = self.goat.get(path)?;
        ensure!(answer.status == 200 && answer.content_type.starts_with("application/json"), "{path}: {answer:?}");
        Track::parse(&answer.body)
    }

    /// Where the report is written.
    pub fn report(&self) -> PathBuf {
        self.dir.path().join("report.json")
    }

    /// Where goat serves.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.goat.port())
    }
}

/// The change from the old release to the new one, in the service.
pub fn plan_args(shop: &Shop) -> PlanArgs<'_> {
    PlanArgs { repo: &shop.repo, old: shop::OLD, new: "HEAD", binary: &shop.shopd, granularity: "patch", precision: 2 }
}
