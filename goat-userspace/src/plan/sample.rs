//! A small plan with a point in every state, for the tests of what reads plans; and arbitrary plans, for their properties.

use proptest::prelude::*;

use super::{
    AppInfo, Blind, Component, Condition, Dependency, Excluded, Fallback, FaultEntry, Instance, PlanFile, Point,
    ProbeClass, ProbePlan, Site, SourceLine, Status, Unobservable,
};
use crate::{
    addr::{FileOffset, VirtAddr},
    binary::{Identity, Module},
    lines::{LineRange, LineSet},
    track::Granularity,
};

/// Two components and two files. Points by id: 1 observed at slots 0 and 1 (the second inlined), 2 observed at slot 2,
/// 3 speculated, 4 excluded by a build constraint, 5 of the other component only, 6 of no component.
pub(crate) fn plan() -> ProbePlan {
    let instance = |function: &str, inlined, sites: &[u32]| Instance {
        function: format!("example.com/shop/{function}").into(),
        inlined,
        foldable: false,
        sites: sites.to_vec(),
    };
    let other = |text: &str| Status::Excluded(Excluded::OtherComponent, text.into());
    ProbePlan {
        identity: Identity {
            go_build_id: Some("a/b/c/d".into()),
            go_version: "go1.26.8".into(),
            path: "example.com/shop/cmd/shopd".into(),
            module: Some(Module { path: "example.com/shop".into(), version: "(devel)".into() }),
            arch: "amd64".into(),
            ..Identity::default()
        },
        app: AppInfo {
            name: "shop".into(),
            version: "1.1.0".into(),
            old_commit: Some("270e4d0200000000000000000000000000000000".into()),
            new_commit: "0a476ce400000000000000000000000000000000".into(),
            new_time: 1_700_000_000,
        },
        granularity: Granularity::Patch,
        precision: 1,
        components: vec![
            Component { id: 0, name: "cmd/shopctl".into(), points: vec![1, 5] },
            Component { id: 1, name: "cmd/shopd".into(), points: vec![1, 2, 3, 4] },
        ],
        component: Some(1),
        dependencies: Vec::new(),
        files: vec![file("cart.go", 10..=14, &[13], &[9]), file("ctl.go", 20..=22, &[], &[])],
        points: vec![
            point(
                1,
                0,
                (10, 11),
                "(*Cart).Add",
                "statement",
                Status::Observed(vec![instance("cart.(*Cart).Add", false, &[0]), instance("main.main", true, &[1])]),
            ),
            point(
                2,
                0,
                (12, 12),
                "(*Cart).Add",
                "header",
                Status::Observed(vec![instance("cart.(*Cart).Add", false, &[2])]),
            ),
            point(3, 0, (14, 14), "Total", "branch", Status::Unobservable(Unobservable::Speculated)),
            point(
                4,
                1,
                (20, 20),
                "home",
                "statement",
                Status::Excluded(Excluded::Excluded, "//go:build windows".into()),
            ),
            point(5, 1, (21, 21), "usage", "statement", other("cmd/shopctl")),
            point(6, 1, (22, 22), "old", "statement", other("no main package imports it")),
        ],
        sites: (0..3u8)
            .map(|n| Site {
                address: VirtAddr(0x49_a1c0 + 16 * u64::from(n)),
                offset: FileOffset(0x9_a1c0 + 16 * u64::from(n)),
                instruction: vec![0x0f, 0x44, 0xd0 + n],
                class: if n == 2 { ProbeClass::Stepped } else { ProbeClass::Emulated },
                condition: (n == 2).then_some(Condition(4)),
                behind_faults: false,
                fallback: None,
            })
            .collect(),
        fault_entry: None,
        warnings: vec!["the binary does not say which commit it was built from".into()],
    }
}

/// [`plan`] with four copies of point 2 that can't be observed.
pub(crate) fn plan_with_blind_copies() -> ProbePlan {
    use Unobservable::{OptimisedOut, Speculated};
    let blind =
        |function: &str, inlined, reason| Blind { function: format!("example.com/shop/{function}"), inlined, reason };
    let mut plan = plan();
    plan.points[1].blind = vec![
        blind("cart.Merge", true, Speculated),
        blind("cart.Merge", true, Speculated),
        blind("main.home", false, OptimisedOut),
        blind("main.main", true, Speculated),
    ];
    plan
}

/// Makes point 1 rely on a fault too, of an instruction behind all others, and lets its first site have a fallback.
pub(crate) fn add_fault(plan: &mut ProbePlan) {
    let place = |at: u64| (VirtAddr(0x49_a100 + at), FileOffset(0x9_a100 + at));
    let ((address, offset), instruction) = (place(0xb0), vec![0x8b, 0x00]);
    plan.sites[0].behind_faults = true;
    plan.sites[0].fallback = Some(Fallback { address, offset, instruction, class: ProbeClass::Stepped });
    let ((address, offset), instruction) = (place(0xf0), vec![0x8b, 0x00]);
    let (class, condition) = (ProbeClass::Fault, None);
    plan.sites.push(Site { address, offset, instruction, class, condition, behind_faults: false, fallback: None });
    let ((address, offset), instruction) = (place(0), vec![0x90]);
    plan.fault_entry = Some(FaultEntry { address, offset, instruction });
    if let Status::Observed(instances) = &mut plan.points[0].status {
        instances[0].sites.push(3);
    }
}

/// Makes a file of a dependency that changed out of ctl.go, the last one.
pub(crate) fn add_dependency(plan: &mut ProbePlan) {
    let dir = "example.com/Dep/v2@v2.1.0";
    plan.dependencies.push(Dependency {
        path: "example.com/Dep/v2".into(),
        old: Some("v2.0.0".into()),
        new: "v2.1.0".into(),
        dir: dir.into(),
    });
    plan.files[1].path = format!("{dir}/ctl/ctl.go").into();
}

fn file(path: &str, changed: std::ops::RangeInclusive<u32>, no_code: &[u32], context: &[u32]) -> PlanFile {
    PlanFile {
        path: path.into(),
        source: context
            .iter()
            .copied()
            .chain(changed.clone())
            .map(|line| SourceLine { line, text: format!("\tline{line}(a < b && \"<i>\")").into() })
            .collect(),
        changed: changed.collect(),
        no_code: no_code.iter().copied().collect(),
    }
}

fn point(id: u32, file: u32, lines: (u32, u32), function: &str, kind: &str, status: Status) -> Point {
    Point {
        id,
        file,
        span: LineRange::new(lines.0, lines.1),
        lines: LineSet::from_iter(lines.0..=lines.1),
        function: function.into(),
        kind: kind.into(),
        status,
        blind: Vec::new(),
    }
}

/// Plans that pass [`ProbePlan::check`].
pub(crate) fn any_plan() -> impl Strategy<Value = ProbePlan> {
    (1usize..6, 1usize..5, 0usize..12).prop_flat_map(|(sites, files, points)| {
        let sites = prop::collection::vec(any_site(), sites);
        let files = prop::collection::btree_map("[a-z]{1,5}(/[a-z]{1,3})?\\.go", any_file(), files..files + 1);
        let points = prop::collection::vec(any_point(), points);
        (sites, files, points, any::<[String; 3]>(), any::<bool>(), 1u8..=3).prop_map(assemble)
    })
}

type Parts = (Vec<Site>, std::collections::BTreeMap<String, PlanFile>, Vec<Point>, [String; 3], bool, u8);

fn assemble((mut sites, files, mut points, [name, version, warning], owned, precision): Parts) -> ProbePlan {
    sites.sort_by_key(|site| site.offset);
    let files: Vec<_> = files.into_iter().map(|(path, file)| PlanFile { path: path.into(), ..file }).collect();
    let (slots, file_count) = (sites.len() as u32, files.len() as u32);
    for (id, point) in (1..).zip(&mut points) {
        point.id = id;
        point.file %= file_count;
        if let Status::Observed(instances) = &mut point.status {
            instances[0].sites = vec![id % slots];
        }
    }
    let ids: Vec<_> = points.iter().map(|point| point.id).collect();
    let (even, odd) = ids.into_iter().partition(|id| id % 2 == 0);
    ProbePlan {
        identity: Identity::default(),
        app: AppInfo { name, version, old_commit: None, new_commit: "0a476ce4".into(), new_time: -1 },
        granularity: Granularity::Line,
        precision,
        components: vec![
            Component { id: 0, name: "cmd/a".into(), points: even },
            Component { id: 1, name: "cmd/b".into(), points: odd },
        ],
        component: owned.then_some(1),
        dependencies: files
            .iter()
            .map(|file| Dependency { path: String::new(), old: None, new: String::new(), dir: file.path.dir().into() })
            .collect(),
        files,
        points,
        sites,
        fault_entry: None,
        warnings: vec![warning],
    }
}

fn any_site() -> impl Strategy<Value = Site> {
    (any::<u64>(), any::<u64>(), prop::collection::vec(any::<u8>(), 1..=15), prop::option::of(0u8..16)).prop_map(
        |(address, offset, instruction, condition)| Site {
            address: VirtAddr(address),
            offset: FileOffset(offset),
            instruction,
            class: ProbeClass::Emulated,
            condition: condition.map(Condition),
            behind_faults: false,
            fallback: None,
        },
    )
}

fn any_lines() -> impl Strategy<Value = LineSet> {
    prop::collection::vec(1u32..200, 0..9).prop_map(LineSet::from_iter)
}

fn any_file() -> impl Strategy<Value = PlanFile> {
    (any_lines(), any_lines(), prop::collection::btree_map(1u32..200, any::<String>(), 0..9)).prop_map(
        |(changed, no_code, source)| PlanFile {
            path: "".into(),
            changed,
            no_code,
            source: source.into_iter().map(|(line, text)| SourceLine { line, text: text.into() }).collect(),
        },
    )
}

fn any_point() -> impl Strategy<Value = Point> {
    let instance = || Instance { function: "main.main".into(), inlined: false, foldable: false, sites: vec![] };
    let status = prop_oneof![
        Just(Status::Observed(vec![instance()])),
        Just(Status::Unobservable(Unobservable::NotLinked)),
        any::<String>().prop_map(|text| Status::Excluded(Excluded::Excluded, text)),
    ];
    let blind = (any::<String>(), any::<bool>()).prop_map(|(function, inlined)| Blind {
        function,
        inlined,
        reason: Unobservable::Speculated,
    });
    let blind = prop::collection::vec(blind, 0..3);
    (any::<u32>(), 1u32..200, 1u32..200, any_lines(), any::<String>(), status, blind).prop_map(
        |(file, a, b, lines, function, status, blind)| Point {
            id: 0,
            file,
            span: LineRange::new(a, b),
            lines,
            function: function.into(),
            kind: "statement".into(),
            status,
            blind,
        },
    )
}
