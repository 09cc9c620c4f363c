//! Track points and a binary in, the plan out: which compiled file is which source, what [`super::copies`] say of each point in
//! them, and a point without any by its reason.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use super::{
    AppInfo, Component, Error, FaultEntry, PlanFile, Point, ProbePlan, Site, SourceLine,
    absent::Absent,
    agreement::Agreement,
    copies,
    gathered::{Gathered, Slots, instruction_at},
};
use crate::{
    binary::{Arch, Binary, FileId},
    diff::ChangeSet,
    lines::LineSet,
    paths::RepoPath,
    source::SourceIndex,
    timed::timed,
    track::{Granularity, PathMap, PathRule, TrackPoints},
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
    let files = inputs.binary.files()?;
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
    let seen = timed("copies looked at", || copies::look(inputs, &compiled_file, &functions, fault_entry.is_some()));
    let mut slots = Slots::default();
    let mut statuses: BTreeMap<u32, Gathered> = BTreeMap::new();
    for (point, seen) in seen {
        statuses.entry(point).or_default().add(seen, &mut slots);
    }
    let sites = slots.finish(inputs.binary, &mut statuses);
    if sites.len() > MAX_SITES {
        return Err(Error::TooManySites { sites: sites.len(), max: MAX_SITES });
    }

    let absent = Absent::new(inputs.changes, inputs.sources, inputs.binary.identity(), &compiled_file);
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
