//! Serves the page on made-up counts, to see what a change of the page does without a kernel that probes:
//! `cargo run --example page -- [SCENE] [FILE.goatplan]`, then <http://127.0.0.1:57005/>; `PORT` sets another port.
//!
//! Scenes: `live` (each second another site is hit), `covered`, `empty` (nothing to observe), `down` (the process has ended) and `huge`
//! (10 000 points, each second a hundred sites are hit).

mod plans;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use anyhow::bail;
use goat::{
    DataType,
    counts::{Armed, Counts, SlotCount},
    http::{self, Options, Snapshot},
    plan::{self, ProbePlan},
    report,
    status::{Overhead, ProbeStates, Status, TargetStatus},
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scene {
    Live,
    Covered,
    Empty,
    Down,
    Huge,
}

struct Demo {
    scene: Scene,
    plan: Arc<ProbePlan>,
    started: (Instant, SystemTime),
}

impl Demo {
    /// What has become of a site after `passed`.
    fn slot(&self, slot: usize, passed: Duration) -> SlotCount {
        let per_second = if self.scene == Scene::Huge { 100 } else { 1 };
        let sites = self.plan.sites.len().max(1);
        // In no order that a reader would take for one.
        let turn = (slot * 7) % sites.next_multiple_of(30);
        let turn = Duration::from_millis(turn as u64 * 1000 / per_second);
        let armed = SlotCount { armed: Armed::Armed, ..SlotCount::default() };
        match self.scene {
            Scene::Covered => SlotCount { hits: 40 + slot as u64, first_hit: Some(self.started.1 + turn / 8), ..armed },
            _ if slot % 11 == 3 => SlotCount { armed: Armed::NotArmed, ..armed },
            _ if self.scene != Scene::Down && passed < turn => armed,
            Scene::Down if slot.is_multiple_of(2) => SlotCount { armed: Armed::Pending, ..armed },
            _ => {
                let hits = (passed.saturating_sub(turn).as_millis() / 300 + 1) as u64;
                SlotCount { hits, first_hit: Some(self.started.1 + turn), ..armed }
            }
        }
    }
}

impl http::Source for Demo {
    fn snapshot(&self) -> Snapshot {
        let (start, clock) = self.started;
        let passed = start.elapsed();
        let mut counts = Counts::none(self.plan.sites.len(), clock + passed);
        for (slot, count) in counts.slots.iter_mut().enumerate() {
            *count = self.slot(slot, passed);
        }
        let report = report::new(&self.plan, &counts, DataType::Count);
        let target = TargetStatus {
            pid: 4242,
            exe: "/usr/bin/shopd".into(),
            build_id: None,
            since: clock,
            up: self.scene != Scene::Down,
            probed: true,
        };
        let status = Status {
            started: Some(clock),
            backend: Some("uprobe_multi".into()),
            targets: vec![target],
            probes: ProbeStates::of(&counts),
            overhead: Some(Overhead { ratio: 0.0031, budget: 0.01, hits_per_second: 412.0, waiting: 0 }),
            ..Status::default()
        };
        Snapshot { report, plan: Arc::clone(&self.plan), status }
    }

    fn is_ready(&self) -> bool {
        true
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> anyhow::Result<()> {
    let (mut scene, mut file) = (Scene::Live, None);
    for argument in std::env::args().skip(1) {
        match &*argument {
            "live" => scene = Scene::Live,
            "covered" => scene = Scene::Covered,
            "empty" => scene = Scene::Empty,
            "down" => scene = Scene::Down,
            "huge" => scene = Scene::Huge,
            path if path.ends_with(".goatplan") => file = Some(path.to_owned()),
            other => bail!("no scene {other:?}"),
        }
    }
    let plan = match (file, scene) {
        (Some(path), _) => plan::read(Path::new(&path))?,
        (None, Scene::Huge) => plans::huge(10_000),
        (None, Scene::Empty) => plans::empty(),
        (None, _) => plans::cart(),
    };
    plan.check()?;
    let demo = Demo { scene, plan: Arc::new(plan), started: (Instant::now(), SystemTime::now()) };
    let port = std::env::var("PORT").ok().map_or(Ok(57005), |port| port.parse())?;
    let listener = http::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    println!("http://{}/", listener.local_addr()?);
    http::serve(listener, http::router(Arc::new(demo), Options::default()), std::future::pending()).await;
    Ok(())
}
