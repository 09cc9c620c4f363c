//! The plan: what to probe, and everything that a report needs to say what the hits mean, without repository or binary.

use std::{collections::HashSet, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Excluded, Unobservable};
use crate::{
    addr::{FileOffset, VirtAddr},
    binary::Identity,
    cfg::{Condition, ProbeClass},
    diff::Dependency,
    lines::{LineRange, LineSet},
    paths::RepoPath,
    track::Granularity,
};

/// A site's index in the counter map.
pub type Slot = u32;

/// The plan. Deterministic: the same revisions, binary and options give the same bytes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ProbePlan {
    /// The binary that the plan was made for; attaching refuses another.
    pub identity: Identity,
    /// What reports call the application.
    pub app: AppInfo,
    /// How finely the change is observed.
    pub granularity: Granularity,
    /// 1, 2 or 3.
    pub precision: u8,
    /// The main packages of the repository, by number.
    pub components: Vec<Component>,
    /// The number of the one that the binary is; `None` if its main package is not in the repository.
    pub component: Option<u32>,
    /// The modules that changed with the release, in byte order of their directories.
    pub dependencies: Vec<Dependency>,
    /// The files with changed lines, in byte order of their paths.
    pub files: Vec<PlanFile>,
    /// The points, by id (from 1).
    pub points: Vec<Point>,
    /// The sites, by slot; sorted by file offset.
    pub sites: Vec<Site>,
    /// Where control goes when an instruction has faulted; `None` if no site of the plan needs to know.
    pub fault_entry: Option<FaultEntry>,
    /// What the user should know before trusting the plan: `the binary does not say which commit it was built from`, ...
    pub warnings: Vec<String>,
}

/// What reports call the application.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct AppInfo {
    /// goat.yaml's `appName`.
    pub name: String,
    /// goat.yaml's `appVersion`; by default the short hash of the new commit.
    pub version: String,
    /// The old commit's hash; `None` for `INIT`.
    pub old_commit: Option<String>,
    /// The new commit's hash.
    pub new_commit: String,
    /// The new commit's time, seconds since 1970.
    pub new_time: i64,
}

/// A main package and the points in it and in what it imports.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Component {
    /// Its number, from 0.
    pub id: u32,
    /// The directory of its main package from the module's root; `.` for the root.
    pub name: String,
    /// Ids, ascending.
    pub points: Vec<u32>,
}

/// A file with changed lines.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PlanFile {
    /// Its path on the new side.
    pub path: RepoPath,
    /// The lines that the diff has as new, comments and blanks included.
    pub changed: LineSet,
    /// Changed lines with nothing to observe.
    pub no_code: LineSet,
    /// The changed lines with some lines around them, in order, for people to read.
    pub source: Vec<SourceLine>,
}

/// A line of source.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SourceLine {
    /// Its number.
    pub line: u32,
    /// Its text, without the line break.
    pub text: Arc<str>,
}

/// A track point, resolved.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Point {
    /// From 1.
    pub id: u32,
    /// Index into [`ProbePlan::files`].
    pub file: u32,
    /// The lines that are observed.
    pub span: LineRange,
    /// The changed lines that the point answers for; may be empty for a branch.
    pub lines: LineSet,
    /// The function, as the source names it: `(*Cart).Add`, `Lit.func1`.
    pub function: Arc<str>,
    /// `statement`, `part`, `header`, `branch` or `function`.
    pub kind: Arc<str>,
    /// Where it is observed, or why not.
    pub status: Status,
    /// Copies that can't be observed, beside those that are: without a hit on the others, the point may still have run there.
    pub blind: Vec<Blind>,
}

/// A compiled copy of a point in which no site can tell whether it ran.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Blind {
    /// The out-of-line function that holds the copy, by the linker's name.
    pub function: String,
    /// Whether it is an inlined copy.
    pub inlined: bool,
    /// Why.
    pub reason: Unobservable,
}

/// Where a point is observed, or why not.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Status {
    /// At these copies. The point is covered when any site of any of them was hit; its count is the sum over all sites.
    Observed(Vec<Instance>),
    /// No site can tell.
    Unobservable(Unobservable),
    /// Not in question for this binary; the text says which rule: `//go:build windows`, ...
    Excluded(Excluded, String),
}

impl Status {
    /// Why the point is not observed: the reason's word, and what is known besides behind `": "`. `None` if it is observed.
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Observed(_) => None,
            Self::Unobservable(reason) => Some(reason.as_str().into()),
            Self::Excluded(reason, text) if text.is_empty() => Some(reason.as_str().into()),
            Self::Excluded(reason, text) => Some(format!("{}: {text}", reason.as_str())),
        }
    }
}

/// One compiled copy of a point.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Instance {
    /// The out-of-line function that holds the copy, by the linker's name.
    pub function: Arc<str>,
    /// Whether it is an inlined copy.
    pub inlined: bool,
    /// Whether other copies may be gone without a trace: it is the function itself, and does nothing but compute a result, so that
    /// a call of it that was inlined can come to a constant, or to a part of another instruction.
    pub foldable: bool,
    /// Sites of this copy, no two of which run for the same execution.
    pub sites: Vec<Slot>,
}

/// One address that is probed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Site {
    /// The virtual address, for people and for reading the text back.
    pub address: VirtAddr,
    /// The place in the file, for the kernel.
    pub offset: FileOffset,
    /// The original instruction's bytes: the breakpoint replaces the first.
    pub instruction: Vec<u8>,
    /// What a hit costs.
    pub class: ProbeClass,
    /// Hits count only where the flags satisfy it; `None` for always.
    pub condition: Option<Condition>,
    /// Whether its hits are not all: control may end in front of it at an instruction of the same instance that faults, of which a
    /// site of the class [`ProbeClass::Fault`] tells.
    pub behind_faults: bool,
    /// Another place that tells the same for more at each hit, but without a condition, and without sites for faults.
    pub fallback: Option<Fallback>,
}

impl Site {
    /// Whether it is not probed itself: its hits are faults of the instruction.
    pub fn is_fault(&self) -> bool {
        self.class == ProbeClass::Fault
    }
}

/// A place to probe instead of a site's own: where faults can't be told of, for a site that stands behind an instruction that may
/// fault; where a site is disarmed once it was hit, for a conditional one, which would trap until then whichever way control goes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fallback {
    /// The virtual address.
    pub address: VirtAddr,
    /// The place in the file.
    pub offset: FileOffset,
    /// The original instruction's bytes.
    pub instruction: Vec<u8>,
    /// What a hit costs.
    pub class: ProbeClass,
}

/// The entry of `runtime.sigpanic0`, which Go's signal handler makes a faulting instruction seem to call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FaultEntry {
    /// The virtual address.
    pub address: VirtAddr,
    /// The place in the file.
    pub offset: FileOffset,
    /// The original instruction's bytes.
    pub instruction: Vec<u8>,
}

/// A plan in numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Changed lines with code.
    pub changed_lines: usize,
    /// Changed lines with nothing to observe.
    pub no_code_lines: usize,
    /// Points.
    pub points: usize,
    /// Points that can be observed.
    pub observable: usize,
    /// Points that no site can tell of.
    pub unobservable: usize,
    /// Points that are not in question for this binary.
    pub excluded: usize,
    /// Compiled copies of points that are observed.
    pub instances: usize,
    /// Copies of observed points that can't be observed themselves.
    pub blind: usize,
    /// Addresses to probe, both ways of a branch counted.
    pub sites: usize,
    /// Of these, on instructions that the kernel emulates.
    pub emulated: usize,
    /// Instructions whose faults count.
    pub fault_sites: usize,
}

impl ProbePlan {
    /// Has equal texts share their memory, and gives back what vectors have in reserve: a plan stays as long as its probes, and
    /// half of it would be the same names and lines again and again.
    pub(super) fn compact(&mut self) {
        self.points.shrink_to_fit();
        self.sites.shrink_to_fit();
        let mut known: HashSet<Arc<str>> = HashSet::new();
        let mut share = |text: &mut Arc<str>| match known.get(text) {
            Some(same) => *text = Arc::clone(same),
            None => drop(known.insert(Arc::clone(text))),
        };
        for file in &mut self.files {
            file.source.shrink_to_fit();
            file.source.iter_mut().for_each(|line| share(&mut line.text));
        }
        for point in &mut self.points {
            share(&mut point.function);
            share(&mut point.kind);
            if let Status::Observed(instances) = &mut point.status {
                instances.iter_mut().for_each(|instance| share(&mut instance.function));
            }
        }
    }

    /// How many changed lines with code the plan has of a dependency.
    pub fn lines_of(&self, dependency: &Dependency) -> usize {
        let held: Vec<bool> = self.files.iter().map(|file| dependency.file(&file.path).is_some()).collect();
        let points = self.points.iter().filter(|point| held.get(point.file as usize) == Some(&true));
        points.map(|point| point.lines.len()).sum()
    }

    /// The plan in numbers.
    pub fn summary(&self) -> Summary {
        let mut sum = Summary { points: self.points.len(), ..Summary::default() };
        for file in &self.files {
            sum.no_code_lines += file.no_code.len();
        }
        for point in &self.points {
            sum.changed_lines += point.lines.len();
            match &point.status {
                Status::Observed(instances) => {
                    sum.observable += 1;
                    sum.instances += instances.len();
                    sum.blind += point.blind.len();
                }
                Status::Unobservable(_) => sum.unobservable += 1,
                Status::Excluded(..) => sum.excluded += 1,
            }
        }
        let (faults, mut sites): (Vec<&Site>, Vec<&Site>) = self.sites.iter().partition(|site| site.is_fault());
        // Slots that differ in their fallback alone share an address.
        sites.dedup_by_key(|site| (site.offset, site.condition));
        sum.sites = sites.len();
        sum.emulated = sites.iter().filter(|site| site.class != ProbeClass::Stepped).count();
        sum.fault_sites = faults.len();
        sum
    }
}
