//! A service under load with goats that come and go, and what its text looked like before.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
};

use anyhow::{Context, Result, ensure};
use goat_tests::{
    deadline, goat,
    http::{self, Client},
    live,
    original::{self, Wire},
    plan::PlanArgs,
    process::{Outcome, Process},
    shop::{self, Shop, Shopd},
    text,
    track::Track,
};
use tempfile::TempDir;

/// Counts by point.
pub type Counts = BTreeMap<u32, u64>;

/// A shopd, its plan, and a place for states.
pub struct Fixture {
    pub shop: Shop,
    pub shopd: Shopd,
    pub dir: TempDir,
    pub plan: PathBuf,
    /// Where each site's breakpoint may be.
    sites: Vec<Vec<u64>>,
    addresses: Vec<u64>,
    original: Vec<u8>,
}

impl Fixture {
    pub fn new() -> Result<Self> {
        let shop = shop::shop()?;
        let shopd = Shopd::start(&shop.shopd)?;
        let dir = tempfile::tempdir()?;
        let args = plan_args(&shop);
        let plan = args.write(dir.path())?;
        let sites = args.read()?.probed();
        let addresses: BTreeSet<u64> = sites.iter().flatten().copied().collect();
        let addresses: Vec<u64> = addresses.into_iter().collect();
        ensure!(!addresses.is_empty(), "the plan has no site");
        let original = text::bytes(shopd.process.pid(), &addresses)?;
        ensure!(!original.contains(&text::INT3), "there is a breakpoint before anything is probed");
        Ok(Self { shop, shopd, dir, plan, sites, addresses, original })
    }

    /// Where states are kept.
    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// Another process of the same binary in the place of the first.
    pub fn restart(&mut self) -> Result<()> {
        self.shopd = Shopd::start(&self.shop.shopd)?;
        Ok(())
    }

    /// Starts goat beside the service and waits until every probe is there.
    pub fn goat(&self, options: &[&str]) -> Result<Goat> {
        self.goat_in(&self.state(), options)
    }

    /// The same with states in `state`.
    pub fn goat_in(&self, state: &Path, options: &[&str]) -> Result<Goat> {
        let port = http::free_port()?;
        let mut attach = goat::command()?;
        attach.env_remove("GOAT_NO_STATE");
        attach.args(["attach", "--pid", &self.shopd.process.pid().to_string(), "--plan"]).arg(&self.plan);
        attach.args(["--listen", &format!("127.0.0.1:{port}"), "--state"]).arg(state).args(options);
        let mut process = Process::start(&mut attach)?;
        let client = Client::new(port);
        process.until("goat ready", || client.is_ok("/readyz").then_some(()))?;
        Ok(Goat { process, client })
    }

    /// How many sites hold a breakpoint now.
    pub fn armed(&self) -> Result<usize> {
        let bytes = self.text()?;
        let holds = |address: &u64| self.addresses.binary_search(address).is_ok_and(|at| bytes[at] == text::INT3);
        Ok(self.sites.iter().filter(|places| places.iter().any(holds)).count())
    }

    /// How many sites are probed.
    pub fn sites(&self) -> usize {
        self.sites.len()
    }

    /// Waits until the text at every site is the file's. The kernel takes the probes of a goat that was killed out by itself.
    pub fn until_untouched(&self) -> Result<()> {
        deadline::until("a text without probes", || Ok((self.text()? == self.original).then_some(())))
    }

    /// That the text at every site is the file's.
    pub fn is_untouched(&self) -> Result<()> {
        let text = self.text()?;
        let differing = text.iter().zip(&self.original).filter(|(now, before)| now != before).count();
        ensure!(differing == 0, "{differing} of {} sites differ from the file", text.len());
        Ok(())
    }

    fn text(&self) -> Result<Vec<u8>> {
        text::bytes(self.shopd.process.pid(), &self.addresses)
    }

    /// Sends requests, over and over, and checks each answer.
    pub fn load(&self) -> Result<Load> {
        let port = self.shopd.client.port();
        let (stop, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&rounds));
        let wire = original::wire()?;
        let thread = thread::spawn(move || {
            let client = Client::new(port);
            while !stopped.load(Ordering::Relaxed) {
                round(&wire, &client)?;
                counted.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        });
        Ok(Load { stop, rounds, thread })
    }

    /// Sends every request of a round once.
    pub fn round(&self) -> Result<()> {
        round(&original::wire()?, &self.shopd.client)
    }
}

/// Sends the recorded requests, and checks each answer. Left out are those that change what later ones are answered; each round
/// has a cart of its own.
fn round(wire: &Wire, client: &Client) -> Result<()> {
    static ROUNDS: AtomicU64 = AtomicU64::new(0);
    let user = format!("user=round{}", ROUNDS.fetch_add(1, Ordering::Relaxed));
    for expected in wire.app_answers.iter().take(wire.traffic["T1"].len()) {
        let path = expected.request.strip_prefix("GET ").with_context(|| format!("{} is no GET", expected.request))?;
        if path.starts_with("/healthz") || path.starts_with("/take") {
            continue;
        }
        let answer = client.get(&path.replace("user=ann", &user))?;
        let same = answer.status == expected.status && answer.body == expected.body;
        ensure!(same, "{path}: recorded {expected:?}, now {answer:?}");
    }
    Ok(())
}

/// The change in the shop, at line granularity: many sites.
pub fn plan_args(shop: &Shop) -> PlanArgs<'_> {
    PlanArgs { granularity: "line", ..live::plan_args(shop) }
}

/// Requests under way.
pub struct Load {
    stop: Arc<AtomicBool>,
    rounds: Arc<AtomicU64>,
    thread: JoinHandle<Result<()>>,
}

impl Load {
    /// How many rounds have been answered, each rightly.
    pub fn rounds(&self) -> u64 {
        self.rounds.load(Ordering::Relaxed)
    }

    /// Waits for another round.
    pub fn one_more(&self) -> Result<()> {
        let before = self.rounds();
        deadline::until("another round", || {
            ensure!(!self.thread.is_finished(), "an answer was wrong");
            Ok((self.rounds() > before).then_some(()))
        })
    }

    /// Ends it. An error if any answer was not the recorded one.
    pub fn end(self) -> Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().ok().context("the load panicked")??;
        Ok(self.rounds.load(Ordering::Relaxed))
    }
}

/// A goat that is attached.
pub struct Goat {
    pub process: Process,
    pub client: Client,
}

impl Goat {
    /// What it has counted.
    pub fn counts(&self) -> Result<Counts> {
        counts(&self.client.get("/track?order=2")?.body)
    }

    /// Ends it in good order.
    pub fn end(self) -> Result<Outcome> {
        self.process.signal(libc::SIGTERM)?;
        self.process.wait()?.succeeded()
    }

    /// Kills it.
    pub fn kill(self) -> Result<()> {
        self.process.signal(libc::SIGKILL)?;
        let outcome = self.process.wait()?;
        ensure!(outcome.code() == 128 + libc::SIGKILL, "{outcome:?}");
        Ok(())
    }
}

/// What a report has counted, but for what shopd does by itself every now and then.
pub fn counts(report: &str) -> Result<Counts> {
    let track = Track::parse(report)?;
    let items = track.items()?.into_iter().filter(|(_, item)| !item.function.contains("reap"));
    Ok(items.map(|(id, item)| (id, item.count)).collect())
}

/// What the states in `dir` have counted, merged; nothing if there is none.
pub fn kept(dir: &Path) -> Result<Option<Counts>> {
    let is_state = |entry: &std::fs::DirEntry| entry.path().extension().is_some_and(|e| e == "goatstate");
    if !std::fs::read_dir(dir)?.flatten().any(|entry| is_state(&entry)) {
        return Ok(None);
    }
    let args = ["report", "--format", "json", "--state", &dir.to_string_lossy()];
    counts(&goat::run(&args)?.succeeded()?.stdout).map(Some)
}

/// Whether the long versions of the tests are to run: GOAT_TESTS=all.
pub fn all() -> bool {
    std::env::var_os("GOAT_TESTS").is_some_and(|tests| tests == "all")
}

/// The next of a sequence of numbers that look random and are the same in each run: SplitMix64.
pub fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*seed ^ (*seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
