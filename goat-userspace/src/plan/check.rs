//! Whether a plan holds together: every number in it that points at something points at something that is there.
//!
//! A plan file may come from anywhere. Once it has passed, reports, pages and sessions index it without fear.

use std::collections::HashSet;

use super::{Point, ProbePlan, Status};
use crate::lines::{LineRange, LineSet};

/// No source file has more lines: the Go compiler numbers them with 20 bits (cmd/internal/src/pos.go, `lineBits`).
const MAX_LINE: u32 = 1 << 24;

/// Lines in all sets of a plan. A hostile plan of a few bytes could otherwise name billions of lines, and a report lists each.
const MAX_LINES: usize = 1 << 26;

/// The longest x86 instruction; arm64's have 4 bytes.
const MAX_INSTRUCTION: usize = 15;

/// What does not hold together in a plan.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum Invalid {
    #[error("the point at place {place} has the number {id}: points are numbered from 1 without gaps")]
    PointId { place: usize, id: u32 },
    #[error("point {point} lies in file {file}, but the plan has {files} files")]
    File { point: u32, file: u32, files: usize },
    #[error("point {point} names slot {slot}, but the plan has {sites} sites")]
    Slot { point: u32, slot: u32, sites: usize },
    #[error("point {point} names slot {slot} twice: its hits would count double")]
    RepeatedSlot { point: u32, slot: u32 },
    #[error("point {point} is observed, but has no site")]
    NoSite { point: u32 },
    #[error("the component at place {place} has the number {id}: components are numbered from 0 without gaps")]
    ComponentId { place: usize, id: u32 },
    #[error("component {component} names point {point}: ids ascend and go up to {points}")]
    ComponentPoint { component: u32, point: u32, points: usize },
    #[error("the binary is component {component}, but the plan has {components} components")]
    Component { component: u32, components: usize },
    #[error("lines {first}-{last} of {place}: lines count from 1, ascend, and none is over {MAX_LINE}")]
    Lines { place: String, first: u32, last: u32 },
    #[error("more than {MAX_LINES} lines in the plan")]
    TooManyLines,
    #[error("file {file} does not come behind the file before it, in byte order of their paths")]
    FileOrder { file: usize },
    #[error("slot {slot}: {what}")]
    Site { slot: usize, what: &'static str },
    #[error("the entry for faults: an instruction has 1 to 15 bytes")]
    FaultEntry,
    #[error("precision {0}: there are 1, 2 and 3")]
    Precision(u8),
}

impl ProbePlan {
    /// Checks that every index, id and line of the plan is one that the others can rely on.
    pub fn check(&self) -> Result<(), Invalid> {
        if !(1..=3).contains(&self.precision) {
            return Err(Invalid::Precision(self.precision));
        }
        self.check_files()?;
        self.check_sites()?;
        for (place, point) in self.points.iter().enumerate() {
            if usize::try_from(point.id) != Ok(place + 1) {
                return Err(Invalid::PointId { place, id: point.id });
            }
            self.check_point(point)?;
        }
        self.check_components()?;
        let point_lines: usize = self.points.iter().map(|p| p.lines.len()).sum();
        let file_lines: usize = self.files.iter().map(|f| f.changed.len() + f.no_code.len()).sum();
        if point_lines + file_lines > MAX_LINES { Err(Invalid::TooManyLines) } else { Ok(()) }
    }

    fn check_files(&self) -> Result<(), Invalid> {
        if let Some(at) = self.files.windows(2).position(|pair| pair[0].path >= pair[1].path) {
            return Err(Invalid::FileOrder { file: at + 1 });
        }
        for (number, file) in self.files.iter().enumerate() {
            let place = || format!("file {number}");
            check_set(&file.changed, place)?;
            check_set(&file.no_code, place)?;
            let mut before = 0;
            for source in &file.source {
                if source.line <= before || source.line > MAX_LINE {
                    return Err(Invalid::Lines { place: place(), first: before, last: source.line });
                }
                before = source.line;
            }
        }
        Ok(())
    }

    fn check_sites(&self) -> Result<(), Invalid> {
        for (slot, site) in self.sites.iter().enumerate() {
            let fault = |what| Err(Invalid::Site { slot, what });
            let fallback = site.fallback.as_ref().map(|fallback| &fallback.instruction);
            if !std::iter::once(&site.instruction).chain(fallback).all(|bytes| is_instruction(bytes)) {
                return fault("an instruction has 1 to 15 bytes");
            }
            if site.is_fault() && (self.fault_entry.is_none() || site.condition.is_some() || site.fallback.is_some()) {
                return fault("a site for faults is told of by the plan's entry for faults alone");
            }
            if site.condition.is_some_and(|condition| !condition.is_of_flags()) {
                return fault("a condition code has four bits");
            }
            if slot > 0 && self.sites[slot - 1].offset > site.offset {
                return fault("sites are sorted by their place in the file");
            }
        }
        match &self.fault_entry {
            Some(entry) if !is_instruction(&entry.instruction) => Err(Invalid::FaultEntry),
            _ => Ok(()),
        }
    }

    fn check_point(&self, point: &Point) -> Result<(), Invalid> {
        let id = point.id;
        if point.file as usize >= self.files.len() {
            return Err(Invalid::File { point: id, file: point.file, files: self.files.len() });
        }
        check_range(point.span, || format!("point {id}"))?;
        check_set(&point.lines, || format!("point {id}"))?;
        let Status::Observed(instances) = &point.status else { return Ok(()) };
        let mut seen = HashSet::new();
        for &slot in instances.iter().flat_map(|instance| &instance.sites) {
            if slot as usize >= self.sites.len() {
                return Err(Invalid::Slot { point: id, slot, sites: self.sites.len() });
            }
            if !seen.insert(slot) {
                return Err(Invalid::RepeatedSlot { point: id, slot });
            }
        }
        if seen.is_empty() { Err(Invalid::NoSite { point: id }) } else { Ok(()) }
    }

    fn check_components(&self) -> Result<(), Invalid> {
        for (place, component) in self.components.iter().enumerate() {
            if usize::try_from(component.id) != Ok(place) {
                return Err(Invalid::ComponentId { place, id: component.id });
            }
            let mut before = 0;
            for &point in &component.points {
                if point <= before || point as usize > self.points.len() {
                    let (component, points) = (component.id, self.points.len());
                    return Err(Invalid::ComponentPoint { component, point, points });
                }
                before = point;
            }
        }
        match self.component {
            Some(component) if component as usize >= self.components.len() => {
                Err(Invalid::Component { component, components: self.components.len() })
            }
            _ => Ok(()),
        }
    }
}

fn is_instruction(bytes: &[u8]) -> bool {
    (1..=MAX_INSTRUCTION).contains(&bytes.len())
}

fn check_range(run: LineRange, place: impl Fn() -> String) -> Result<(), Invalid> {
    let LineRange { first, last } = run;
    if first == 0 || first > last || last > MAX_LINE {
        return Err(Invalid::Lines { place: place(), first, last });
    }
    Ok(())
}

/// A set that was read from a file is not yet known to be one: sorted runs that neither overlap nor touch.
fn check_set(set: &LineSet, place: impl Fn() -> String) -> Result<(), Invalid> {
    for &run in set.runs() {
        check_range(run, &place)?;
    }
    for pair in set.runs().windows(2) {
        if pair[0].last + 1 >= pair[1].first {
            return Err(Invalid::Lines { place: place(), first: pair[0].last, last: pair[1].first });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        addr::{FileOffset, VirtAddr},
        plan::{Condition, Fallback, FaultEntry, ProbeClass, sample},
    };

    #[test]
    fn a_plan_that_points_nowhere_is_refused() {
        let check = |spoil: fn(&mut ProbePlan), expected: &str| {
            let mut plan = sample::plan();
            assert_eq!(plan.check(), Ok(()));
            spoil(&mut plan);
            let message = plan.check().expect_err(expected).to_string();
            assert!(message.starts_with(expected), "{message:?} does not start with {expected:?}");
        };
        check(|p| p.precision = 4, "precision 4");
        check(|p| p.points[1].id = 7, "the point at place 1 has the number 7");
        check(|p| p.points[0].id = 0, "the point at place 0 has the number 0");
        check(|p| p.points[0].file = 2, "point 1 lies in file 2");
        check(|p| sites_of(p, 0)[0] = 3, "point 1 names slot 3");
        check(|p| sites_of(p, 0).push(0), "point 1 names slot 0 twice");
        check(|p| p.points[0].status = Status::Observed(vec![]), "point 1 is observed, but has no site");
        check(|p| p.components[1].id = 0, "the component at place 1 has the number 0");
        check(|p| p.components[0].points = vec![7], "component 0 names point 7");
        check(|p| p.components[0].points = vec![0], "component 0 names point 0");
        check(|p| p.components[0].points = vec![2, 1], "component 0 names point 1");
        check(|p| p.component = Some(2), "the binary is component 2");
        check(|p| p.points[0].span = LineRange { first: 5, last: 4 }, "lines 5-4 of point 1");
        check(|p| p.points[0].span = LineRange { first: 0, last: 4 }, "lines 0-4 of point 1");
        check(|p| p.points[0].lines = LineSet::from_iter([u32::MAX]), "lines 4294967295-4294967295 of point 1");
        check(|p| p.files[0].source[0].line = 0, "lines 0-0 of file 0");
        check(|p| p.files.reverse(), "file 1 does not come behind");
        check(|p| p.sites[0].instruction.clear(), "slot 0: an instruction has");
        check(|p| p.sites[0].instruction = vec![0x90; 16], "slot 0: an instruction has");
        check(|p| p.sites[0].class = ProbeClass::Fault, "slot 0: a site for faults");
        check(|p| p.sites[0].fallback = Some(fallback(0)), "slot 0: an instruction has");
        check(|p| p.fault_entry = Some(fault_entry(16)), "the entry for faults");
        check(|p| p.sites[0].condition = Some(Condition(16)), "slot 0: a condition code");
        check(|p| p.sites[0].offset = FileOffset(u64::MAX), "slot 1: sites are sorted");
    }

    fn fallback(len: usize) -> Fallback {
        let (address, offset) = (VirtAddr(0), FileOffset(0));
        Fallback { address, offset, instruction: vec![0x90; len], class: ProbeClass::Stepped }
    }

    fn fault_entry(len: usize) -> FaultEntry {
        FaultEntry { address: VirtAddr(0), offset: FileOffset(0), instruction: vec![0x90; len] }
    }

    fn sites_of(plan: &mut ProbePlan, point: usize) -> &mut Vec<u32> {
        match &mut plan.points[point].status {
            Status::Observed(instances) => &mut instances[0].sites,
            other => panic!("point {point} is not observed: {other:?}"),
        }
    }

    #[test]
    fn sets_that_are_none_are_refused() {
        // A LineSet can't be built wrong; read from bytes it can. Postcard: number of runs, then first and last of each.
        let check = |bytes: &[u8], good: bool| {
            let set: LineSet = postcard::from_bytes(bytes).unwrap();
            assert_eq!(check_set(&set, || "file 0".into()).is_ok(), good, "{bytes:?}");
        };
        check(&[2, 1, 2, 4, 5], true);
        check(&[2, 1, 2, 3, 5], false);
        check(&[2, 4, 5, 1, 2], false);
        check(&[1, 5, 4], false);
        check(&[1, 0, 4], false);
    }

    #[test]
    fn a_few_bytes_can_not_name_billions_of_lines() {
        let mut plan = sample::plan();
        let mut all = LineSet::new();
        all.insert(LineRange::new(1, MAX_LINE));
        for point in &mut plan.points {
            point.lines = all.clone();
        }
        assert_eq!(plan.check(), Err(Invalid::TooManyLines));
    }
}
