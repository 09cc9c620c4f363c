//! Serves the page on made-up counts, to see what a change of the page does without a kernel that probes:
//! `cargo run --example page [-- FILE.goatplan]`, then <http://127.0.0.1:57005/>. Each second another site is hit.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use goat::{
    DataType,
    addr::{FileOffset, VirtAddr},
    binary::Identity,
    counts::{Armed, Counts, SlotCount},
    http::{self, Snapshot},
    lines::{LineRange, LineSet},
    plan::{
        self, AppInfo, Component, Excluded, Instance, PlanFile, Point, ProbeClass, ProbePlan, Site, SourceLine, Status,
        Unobservable,
    },
    report,
    status::{ProbeStates, Status as TracingStatus},
    track::Granularity,
};

struct Demo {
    plan: Arc<ProbePlan>,
    started: (Instant, SystemTime),
}

impl http::Source for Demo {
    fn snapshot(&self) -> Snapshot {
        let (start, clock) = self.started;
        let seconds = start.elapsed().as_secs();
        let mut counts = Counts::none(self.plan.sites.len(), clock + start.elapsed());
        for (slot, count) in counts.slots.iter_mut().enumerate() {
            // In no order that a reader would take for one.
            let turn = (slot as u64 * 7) % 30;
            *count = match slot % 11 {
                3 => SlotCount { armed: Armed::NotArmed, ..SlotCount::default() },
                _ if seconds < turn => SlotCount { armed: Armed::Armed, ..SlotCount::default() },
                _ => {
                    let first_hit = Some(clock + Duration::from_secs(turn));
                    SlotCount { hits: (seconds - turn) * 3 + 1, first_hit, armed: Armed::Armed, sampled: None }
                }
            };
        }
        let report = report::new(&self.plan, &counts, DataType::Count);
        let status =
            TracingStatus { started: Some(clock), probes: ProbeStates::of(&counts), ..TracingStatus::default() };
        Snapshot { report, plan: Arc::clone(&self.plan), status }
    }

    fn is_ready(&self) -> bool {
        true
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let plan = match std::env::args().nth(1) {
        Some(path) => plan::read(Path::new(&path))?,
        None => demo_plan(),
    };
    plan.check()?;
    let demo = Demo { plan: Arc::new(plan), started: (Instant::now(), SystemTime::now()) };
    let listener = http::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 57005))).await?;
    println!("http://{}/", listener.local_addr()?);
    http::serve(listener, http::router(Arc::new(demo), None), std::future::pending()).await;
    Ok(())
}

const CART: &str = "\
// Add puts qty of the item into the cart. Quantities are summed up, so that
// adding twice is the same as adding the sum, and <b>no</b> entry is \"empty\".
func (c *Cart) Add(sku string, qty int) error {
\tif qty <= 0 || len(c.items) >= c.limits.maximumNumberOfDifferentItems && !c.has(sku) {
\t\treturn fmt.Errorf(\"cart: %d of %q: %w\", qty, sku, errQuantity)
\t}
\tc.mu.Lock()
\tdefer c.mu.Unlock()

\tfor i := range c.items {
\t\tif c.items[i].SKU == sku {
\t\t\tc.items[i].Qty += qty
\t\t\treturn nil
\t\t}
\t}
\tc.items = append(c.items, Item{SKU: sku, Qty: qty})
\treturn nil
}

func clamp(a, b int) int {
\tif a < b {
\t\ta = b
\t}
\treturn a
}
";

fn demo_plan() -> ProbePlan {
    let at = |slot: u32| Status::Observed(vec![Instance { function: "f".into(), inlined: false, sites: vec![slot] }]);
    let speculated = Status::Unobservable(Unobservable::Speculated);
    let windows = Status::Excluded(Excluded::Excluded, "//go:build windows".into());
    let add = "(*Cart).Add";
    let points = [
        (0, "run", "statement", (2, 3), &[2, 3][..], at(7)),
        (1, add, "header", (34, 34), &[34], at(0)),
        (1, add, "branch", (35, 35), &[], at(1)),
        (1, add, "statement", (37, 38), &[37, 38], at(2)),
        (1, add, "header", (40, 40), &[40], at(3)),
        (1, add, "statement", (42, 43), &[42, 43], at(4)),
        (1, add, "statement", (46, 47), &[46, 47], at(5)),
        (1, "clamp", "header", (51, 51), &[51], at(6)),
        (1, "clamp", "statement", (52, 52), &[52], speculated),
        (3, "home", "statement", (2, 3), &[2, 3], windows),
    ];
    let points: Vec<_> = (1..)
        .zip(points)
        .map(|(id, (file, function, kind, (first, last), lines, status))| Point {
            id,
            file,
            span: LineRange::new(first, last),
            lines: LineSet::from_iter(lines.iter().copied()),
            function: function.into(),
            kind: kind.into(),
            status,
            blind: Vec::new(),
        })
        .collect();
    let source = |first: u32, text: &str| -> Vec<SourceLine> {
        (first..).zip(text.lines()).map(|(line, text)| SourceLine { line, text: text.into() }).collect()
    };
    let file = |path: &str, source: Vec<SourceLine>, changed: &[u32], no_code: &[u32]| PlanFile {
        path: path.into(),
        changed: changed.iter().chain(no_code).copied().collect(),
        no_code: no_code.iter().copied().collect(),
        source,
    };
    let home = "func home() string {\n\tdir := os.Getenv(\"USERPROFILE\")\n\treturn dir\n}";
    let run = "func run() {\n\tlog.Print(\"started\")\n\tserve()\n}";
    ProbePlan {
        identity: Identity::default(),
        app: AppInfo {
            name: "shop".into(),
            version: "1.1.0".into(),
            old_commit: Some("270e4d0200000000000000000000000000000000".into()),
            new_commit: "0a476ce400000000000000000000000000000000".into(),
            new_time: 0,
        },
        granularity: Granularity::Patch,
        precision: 1,
        components: vec![
            Component { id: 0, name: "cmd/shopctl".into(), points: (2..=10).collect() },
            Component { id: 1, name: "cmd/shopd".into(), points: (1..=10).collect() },
        ],
        component: Some(1),
        files: vec![
            file("cmd/shopd/main.go", source(1, run), &[2, 3], &[]),
            file(
                "internal/cart/cart.go",
                source(31, CART),
                &[34, 37, 38, 40, 42, 43, 46, 47, 51, 52],
                &[31, 32, 39, 53],
            ),
            file("internal/cart/doc.go", source(1, "// Package cart holds what a user buys."), &[], &[1]),
            file("internal/paths/path_windows.go", source(1, home), &[2, 3], &[]),
        ],
        points,
        sites: (0..8)
            .map(|n| Site {
                address: VirtAddr(0x49_a1c0 + 16 * n),
                offset: FileOffset(0x9_a1c0 + 16 * n),
                instruction: vec![0x90],
                class: ProbeClass::Emulated,
                condition: None,
                behind_faults: false,
                fallback: None,
            })
            .collect(),
        fault_entry: None,
        warnings: vec!["the binary does not say which commit it was built from".into()],
    }
}
