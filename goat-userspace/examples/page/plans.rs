//! Made-up plans.

use goat::{
    addr::{FileOffset, VirtAddr},
    binary::Identity,
    lines::{LineRange, LineSet},
    plan::{
        AppInfo, Component, Excluded, Instance, PlanFile, Point, ProbeClass, ProbePlan, Site, SourceLine, Status,
        Unobservable,
    },
    track::Granularity,
};

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

/// No changed line has code.
pub(super) fn empty() -> ProbePlan {
    let mut plan = cart();
    (plan.points, plan.sites) = (Vec::new(), Vec::new());
    plan.components.iter_mut().for_each(|component| component.points.clear());
    plan.files.drain(..2);
    plan.files.truncate(1);
    plan
}

/// `points` points, 50 a file, five a function.
pub(super) fn huge(points: u32) -> ProbePlan {
    const EACH: u32 = 50;
    const LINES: u32 = 8;
    let files = (0..points.div_ceil(EACH)).map(|n| {
        let lines = 1..=EACH * LINES / 5 * 5;
        let text = |line: u32| match (line - 1) % (5 * LINES) {
            0 => format!("func handler{}(w http.ResponseWriter, r *http.Request) {{", line / (5 * LINES)),
            39 => "}".to_owned(),
            inner if inner % 8 == 1 => {
                format!("\tif r.ContentLength > {line} && r.Header.Get(\"X-Part-{n}\") != \"\" {{")
            }
            inner if inner % 8 == 2 => format!("\t\tmetrics.With(\"part\", \"{n}\").Add({line})"),
            inner if inner % 8 == 3 => "\t}".to_owned(),
            _ => format!("\tstate{} := lookup(r.Context(), keys[{line}])", line % 7),
        };
        PlanFile {
            path: format!("internal/service{:02}/part{n:03}/handlers.go", n / 20).into(),
            changed: lines.clone().filter(|line| line % LINES == 3).collect(),
            no_code: LineSet::new(),
            source: lines
                .filter(|line| line % LINES < 6)
                .map(|line| SourceLine { line, text: text(line).into() })
                .collect(),
        }
    });
    let site = |n: u32| Site {
        address: VirtAddr(0x49_a1c0 + 16 * u64::from(n)),
        offset: FileOffset(0x9_a1c0 + 16 * u64::from(n)),
        instruction: vec![0x90],
        class: ProbeClass::Emulated,
        condition: None,
        behind_faults: false,
        fallback: None,
    };
    let point = |id: u32| {
        let line = (id - 1) % EACH * LINES + 3;
        Point {
            id,
            file: (id - 1) / EACH,
            span: LineRange::new(line, line),
            lines: LineSet::from_iter([line]),
            function: format!("handler{}", (id - 1) % EACH / 5).into(),
            kind: "statement".into(),
            status: if id.is_multiple_of(17) {
                Status::Unobservable(Unobservable::Speculated)
            } else {
                Status::Observed(vec![Instance {
                    function: "f".into(),
                    inlined: false,
                    foldable: false,
                    sites: vec![id - 1],
                }])
            },
            blind: Vec::new(),
        }
    };
    ProbePlan {
        files: files.collect(),
        points: (1..=points).map(point).collect(),
        sites: (0..points).map(site).collect(),
        components: vec![Component { id: 0, name: "cmd/shopd".into(), points: (1..=points).collect() }],
        component: Some(0),
        ..cart()
    }
}

/// A small change with a point in every state.
pub(super) fn cart() -> ProbePlan {
    let at = |slot: u32| {
        Status::Observed(vec![Instance { function: "f".into(), inlined: false, foldable: false, sites: vec![slot] }])
    };
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
        dependencies: Vec::new(),
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
