//! Track points and a binary in, the plan out: finds each function's compiled copies, asks [`super::sites`] where each point is
//! decided in each of them and [`super::placement`] which instruction to probe there, and gives every address one slot.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use super::{
    AppInfo, Blind, Component, Error, Fallback, FaultEntry, Instance, PlanFile, Point, ProbeClass, ProbePlan, Site,
    Slot, SourceLine, Status, Unobservable, absent::Absent, agreement::Agreement, compiled::Compiled, copy::Copy,
    finder::Finder, placement, sites, wrapper,
};
use crate::{
    addr::{AddrRange, FileOffset, VirtAddr},
    binary::{Arch, Binary, FileId},
    cfg::Insn,
    diff::ChangeSet,
    lines::LineSet,
    paths::RepoPath,
    source::{BlockId, FunctionId, SourceIndex},
    timed::timed,
    track::{Granularity, PathMap, PathRule, TrackPoint, TrackPoints},
};

/// How many lines around a changed one the plan carries for people to read.
const CONTEXT_LINES: u32 = 3;
/// The counter map's size.
const MAX_SITES: usize = goat_common::MAX_SITES;

/// Everything that a plan is made from.
pub struct Inputs<'a> {
    /// What changed.
    pub changes: &'a ChangeSet,
    /// The changed files' structure, in the order of `changes.files`.
    pub sources: &'a SourceIndex,
    /// What to observe.
    pub points: &'a TrackPoints,
    /// Where.
    pub binary: &'a Binary,
    /// What reports call the application.
    pub app: AppInfo,
    /// How `points` were chosen.
    pub granularity: Granularity,
    /// How the changed lines were found: 1, 2 or 3.
    pub precision: u8,
    /// goat.yaml's `mainEntries`: which components to report; `None` for all.
    pub main_entries: Option<Vec<String>>,
    /// What is to be said before trusting the plan.
    pub warnings: Vec<String>,
    /// Go on, with a warning, where the sources are not those that the binary was built from.
    pub allow_mismatch: bool,
    /// How names of files in the binary become paths in the repository, where that is not as it seems.
    pub path_rules: &'a [PathRule],
}

/// Makes the plan.
pub fn resolve(inputs: &Inputs<'_>) -> Result<ProbePlan, Error> {
    let files = timed("file names read", || inputs.binary.files())?;
    let paths = PathMap::with_rules(
        inputs.path_rules,
        inputs.sources.files.iter().map(|f| &f.path),
        &inputs.changes.modules,
        files.names.iter().map(|n| &**n),
    );
    let ids: BTreeMap<&str, FileId> = files.names.iter().zip(0..).map(|(name, id)| (&**name, FileId(id))).collect();
    let compiled_file: Vec<Option<FileId>> = (inputs.sources.files.iter())
        .map(|f| paths.files.get(&f.path).and_then(|c| ids.get(c.file.as_str()).copied()))
        .collect();
    let wanted: Vec<FileId> = compiled_file.iter().flatten().copied().collect();
    let read = || if wanted.is_empty() { Ok(Vec::new()) } else { inputs.binary.functions(&wanted) };
    let functions = timed("functions read", read)?;
    let mut warnings = inputs.warnings.clone();
    warnings.extend(nothing_matched(&paths, inputs.changes));
    let agreement = Agreement::new(inputs.sources, &compiled_file, &functions);
    if let Some(evidence) = agreement.evidence() {
        if agreement.is_refuted() && !inputs.allow_mismatch {
            return Err(Error::OtherSources { evidence });
        }
        warnings.push(format!("{evidence}; lines of these files may be wrong"));
    }

    let fault_entry = fault_entry(inputs.binary);
    let mut slots = Slots { faults: fault_entry.is_some(), ..Slots::default() };
    let mut statuses: BTreeMap<u32, Gathered> = BTreeMap::new();
    let by_function = points_by_function(inputs.points);
    let finder = Finder::new(inputs.sources, &compiled_file);
    let mut elsewhere: BTreeMap<u32, BTreeSet<BlockId>> = BTreeMap::new();
    for found in functions.iter().flat_map(|f| finder.copies(f)) {
        let body = inputs.sources.files[found.source as usize].functions[found.function.0 as usize].body;
        let of_file = elsewhere.entry(found.source).or_default();
        if found.root != body {
            of_file.insert(found.root);
        }
    }
    for function in &functions {
        let found = finder.copies(function);
        // Decoding costs more than everything else: only for functions that hold a point.
        if !found.iter().any(|f| by_function.contains_key(&(f.source, f.function))) {
            continue;
        }
        let compiled = match Compiled::new(inputs.binary, function) {
            Ok(compiled) => compiled,
            Err(error) => {
                tracing::debug!(function = %function.name, %error, "not decoded");
                continue;
            }
        };
        for place in found {
            let source = &inputs.sources.files[place.source as usize];
            let bodies = &elsewhere[&place.source];
            let copy = Copy::new(&compiled, place.node, place.file, source, place.function, place.root, bodies);
            for point in by_function.get(&(place.source, place.function)).into_iter().flatten() {
                if copy.covers(point.anchor) {
                    statuses.entry(point.id).or_default().add(&copy, point, &mut slots);
                }
            }
        }
    }
    let none = BTreeSet::new();
    for found in wrapper::find(inputs.binary, inputs.sources, &compiled_file, &functions) {
        let Some(points) = by_function.get(&(found.source, found.method)) else { continue };
        let Ok(compiled) = Compiled::new(inputs.binary, &found.function) else { continue };
        if !wrapper::holds_body(&compiled, &found.function) {
            continue;
        }
        let source = &inputs.sources.files[found.source as usize];
        let root = source.functions[found.method.0 as usize].body;
        let bodies = elsewhere.get(&found.source).unwrap_or(&none);
        let mut copy = Copy::new(&compiled, None, found.file, source, found.method, root, bodies);
        copy.wrapper = true;
        for point in points.iter().filter(|point| copy.covers(point.anchor)) {
            statuses.entry(point.id).or_default().add(&copy, point, &mut slots);
        }
    }
    let sites = slots.finish(inputs.binary, &mut statuses);
    if sites.len() > MAX_SITES {
        return Err(Error::TooManySites { sites: sites.len(), max: MAX_SITES });
    }

    let absent = Absent::new(inputs, &compiled_file);
    let mut points = Vec::with_capacity(inputs.points.points.len());
    for point in &inputs.points.points {
        let source = &inputs.sources.files[point.file as usize];
        let (status, blind) = match statuses.remove(&point.id) {
            Some(gathered) => gathered.finish(),
            None => (absent.why(point.file), Vec::new()),
        };
        points.push(Point {
            id: point.id,
            file: point.file,
            span: point.span,
            lines: point.lines.clone(),
            function: source.functions[point.function.0 as usize].name.as_str().into(),
            kind: point.kind.as_str().into(),
            status,
            blind,
        });
    }
    let components = components(inputs, &points, absent.component);
    let mut plan = ProbePlan {
        identity: inputs.binary.identity().clone(),
        app: inputs.app.clone(),
        granularity: inputs.granularity,
        precision: inputs.precision,
        component: absent.component.filter(|id| components.iter().any(|c| c.id == *id)),
        components,
        dependencies: inputs.changes.dependencies.clone(),
        files: plan_files(inputs),
        points,
        fault_entry: fault_entry.filter(|_| sites.iter().any(Site::is_fault)),
        sites,
        warnings,
    };
    plan.compact();
    Ok(plan)
}

/// Said where no changed file of the repository has a name in the binary: as a rule its names are of a place that goat did not
/// guess. Of dependencies the change has only what the binary holds.
fn nothing_matched(paths: &PathMap, changes: &ChangeSet) -> Option<String> {
    let is_own = |path: &RepoPath| changes.dependency_of(path).is_none();
    let unmatched = paths.unmatched.iter().filter(|(path, _)| is_own(path));
    let (path, nearest) = unmatched.max_by_key(|(_, nearest)| nearest.len())?;
    let nearest = if nearest.is_empty() { "no file".to_owned() } else { nearest.join(", ") };
    (!paths.files.keys().any(is_own)).then(|| {
        format!(
            "the binary holds none of the changed files under a name that fits ({path}: the nearest it has is {nearest}); \
             if it is another place's name, say so with --path-map"
        )
    })
}

fn points_by_function(points: &TrackPoints) -> BTreeMap<(u32, FunctionId), Vec<&TrackPoint>> {
    let mut by_function: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for point in &points.points {
        by_function.entry((point.file, point.function)).or_default().push(point);
    }
    by_function
}

/// What one point's copies say.
#[derive(Default)]
struct Gathered {
    instances: Vec<(Instance, Vec<SiteKey>)>,
    blind: Vec<Blind>,
}

/// What makes a site.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct SiteKey {
    addr: VirtAddr,
    /// Whether its faults are counted, and not its hits.
    is_fault: bool,
    /// The flags on which a hit there counts.
    condition: Option<u8>,
    /// Whether its hits are not all without those of fault slots.
    behind_faults: bool,
    /// What may be probed instead: address, class and length.
    fallback: Option<(VirtAddr, ProbeClass, u8)>,
}

impl SiteKey {
    fn of(placed: &placement::Placed, insns: &[Insn]) -> Self {
        Self {
            addr: insns[placed.insn].addr,
            is_fault: false,
            condition: placed.condition,
            behind_faults: !placed.faults.is_empty(),
            fallback: placed.fallback.map(|(insn, class)| (insns[insn].addr, class, insns[insn].len)),
        }
    }

    fn fault(addr: VirtAddr) -> Self {
        Self { addr, is_fault: true, condition: None, behind_faults: false, fallback: None }
    }
}

impl Gathered {
    fn add(&mut self, copy: &Copy<'_, '_>, point: &TrackPoint, slots: &mut Slots) {
        let compiled = copy.compiled;
        let function = compiled.function.name.to_string();
        let inlined = copy.node.is_some();
        let found = if compiled.cfg.incomplete {
            Err(Unobservable::Speculated)
        } else {
            sites::locate(copy, point.anchor).and_then(|spots| placement::place(compiled, &spots, slots.faults))
        };
        match found {
            Ok(placed) => {
                let known: BTreeSet<SiteKey> = self.instances.iter().flat_map(|(_, keys)| keys).copied().collect();
                let mut keys = Vec::with_capacity(placed.len());
                for p in placed {
                    let insns = &compiled.cfg.insns;
                    // A fault counts once for the point, though it may be in the way of two copies at once: then without it.
                    let is_shared = |insn: &usize| known.contains(&SiteKey::fault(insns[*insn].addr));
                    let is_new = !known.contains(&SiteKey::of(&p, insns));
                    let p = if is_new && p.faults.iter().any(is_shared) { p.without_faults() } else { p };
                    let site = SiteKey::of(&p, insns);
                    let faults =
                        p.faults.iter().map(|insn| (*insn, SiteKey::fault(insns[*insn].addr), ProbeClass::Fault));
                    for (insn, key, class) in std::iter::once((p.insn, site, p.class)).chain(faults) {
                        // The body of a loop over a function may lie in two copies, inlined into the function that it belongs to.
                        if !known.contains(&key) && !keys.contains(&key) {
                            slots.found.entry(key).or_insert((class, insns[insn].len));
                            keys.push(key);
                        }
                    }
                }
                if keys.is_empty() {
                    return;
                }
                self.instances.push((Instance { function: function.into(), inlined, sites: Vec::new() }, keys));
            }
            Err(reason) => self.blind.push(Blind { function, inlined, reason }),
        }
    }

    fn finish(mut self) -> (Status, Vec<Blind>) {
        self.blind.sort_by(|a, b| (&a.function, a.inlined, a.reason).cmp(&(&b.function, b.inlined, b.reason)));
        if self.instances.is_empty() {
            // The copies may differ in why; the reason that says most about the code comes first.
            let reason = self.blind.iter().map(|b| b.reason).max().unwrap_or(Unobservable::NotLinked);
            return (Status::Unobservable(reason), self.blind);
        }
        (Status::Observed(self.instances.into_iter().map(|(instance, _)| instance).collect()), self.blind)
    }
}

/// Every site once.
#[derive(Default)]
struct Slots {
    found: BTreeMap<SiteKey, (ProbeClass, u8)>,
    /// Whether faults can be told of.
    faults: bool,
}

impl Slots {
    /// Numbers the sites by address and enters the numbers into the instances.
    fn finish(self, binary: &Binary, points: &mut BTreeMap<u32, Gathered>) -> Vec<Site> {
        let mut sites = Vec::with_capacity(self.found.len());
        let mut slots: BTreeMap<SiteKey, Slot> = BTreeMap::new();
        for (key @ SiteKey { addr: address, condition, behind_faults, .. }, (class, len)) in self.found {
            let Some((offset, instruction)) = instruction_at(binary, address, len) else { continue };
            let fallback = key.fallback.and_then(|(address, class, len)| {
                let (offset, instruction) = instruction_at(binary, address, len)?;
                Some(Fallback { address, offset, instruction, class })
            });
            slots.insert(key, Slot::try_from(sites.len()).expect("fewer than 2^32 sites"));
            let condition = condition.map(super::Condition);
            sites.push(Site { address, offset, instruction, class, condition, behind_faults, fallback });
        }
        for gathered in points.values_mut() {
            for (instance, keys) in &mut gathered.instances {
                instance.sites = keys.iter().filter_map(|k| slots.get(k).copied()).collect();
                instance.sites.sort_unstable();
            }
            gathered.instances.sort_by(|(a, _), (b, _)| (&a.function, &a.sites).cmp(&(&b.function, &b.sites)));
        }
        sites
    }
}

/// Where in the file the instruction lies, and its bytes.
fn instruction_at(binary: &Binary, address: VirtAddr, len: u8) -> Option<(FileOffset, Vec<u8>)> {
    let high = VirtAddr(address.0 + u64::from(len));
    Some((binary.file_offset(address)?, binary.code(AddrRange { low: address, high })?.to_vec()))
}

/// Where Go's signal handler sends what has faulted. Not re-run by the growth of a stack: it has no frame. On arm64 that is
/// `runtime.sigpanic` itself (runtime/signal_arm64.go, `preparePanic`), which checks its stack first and would count twice.
fn fault_entry(binary: &Binary) -> Option<FaultEntry> {
    if binary.arch() != Arch::X86_64 {
        return None;
    }
    // The linker names which of Go's calling conventions a function has where there are more of that name.
    let range = ["runtime.sigpanic0", "runtime.sigpanic0.abi0"].iter().find_map(|name| binary.function_named(name))?;
    let cfg = crate::cfg::build(binary, range).ok()?;
    let first = cfg.insns.first().filter(|first| first.probe.is_some())?;
    let (offset, instruction) = instruction_at(binary, first.addr, first.len)?;
    Some(FaultEntry { address: first.addr, offset, instruction })
}

/// The components with their points. Which dependencies others than the binary's own, `own`, hold is not known.
fn components(inputs: &Inputs<'_>, points: &[Point], own: Option<u32>) -> Vec<Component> {
    let chosen = |name: &str| match &inputs.main_entries {
        Some(entries) if !entries.iter().any(|e| e == "*") => entries
            .iter()
            .any(|e| e.trim_start_matches("./").trim_end_matches('/') == name || (e.is_empty() && name == ".")),
        _ => true,
    };
    let files = &inputs.sources.files;
    (inputs.changes.components.iter().filter(|c| chosen(&c.name)))
        .map(|c| {
            let is_linked = |path| Some(c.id) == own && inputs.changes.dependency_of(path).is_some();
            let held: Vec<bool> = files.iter().map(|file| c.holds(file.path.dir()) || is_linked(&file.path)).collect();
            let points = points.iter().filter(|p| held[p.file as usize]).map(|p| p.id).collect();
            Component { id: c.id, name: c.name.clone(), points }
        })
        .collect()
}

fn plan_files(inputs: &Inputs<'_>) -> Vec<PlanFile> {
    let mut tracked: BTreeMap<u32, LineSet> = BTreeMap::new();
    for point in &inputs.points.points {
        tracked.entry(point.file).or_default().insert(point.span);
    }
    (inputs.changes.files.iter().zip(0..))
        .map(|(change, file)| {
            let text = String::from_utf8_lossy(&change.text);
            let lines: Vec<&str> = text.lines().collect();
            let mut shown = BTreeSet::new();
            let observed = tracked.get(&file);
            for line in change.lines.iter().chain(observed.into_iter().flat_map(|o| o.runs().iter().map(|r| r.first))) {
                shown.extend(around(line, lines.len()));
            }
            PlanFile {
                path: change.path.clone(),
                changed: change.lines.clone(),
                no_code: inputs.points.no_code[file as usize].clone(),
                source: shown
                    .into_iter()
                    .map(|line| SourceLine { line, text: lines[line as usize - 1].into() })
                    .collect(),
            }
        })
        .collect()
}

fn around(line: u32, lines: usize) -> Range<u32> {
    let last = u32::try_from(lines).unwrap_or(u32::MAX);
    line.saturating_sub(CONTEXT_LINES).max(1)..line.saturating_add(CONTEXT_LINES).min(last).saturating_add(1)
}
