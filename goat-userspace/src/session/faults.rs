//! What tells of instructions that fault: one more uprobe, where Go's signal handler sends control when memory is not there. Slots
//! behind such an instruction are only right together with it; where it can't be had, their fallbacks are probed instead.

use std::{
    borrow::Cow,
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
};

use goat_common::ProcessFilter;

use super::{Error, executable::Executable, loader, uprobe_multi};
use crate::plan::{Fallback, ProbePlan, Site, Slot, Status};

/// The program for the entry of faults, loaded.
pub(super) struct Faults {
    program: OwnedFd,
    /// Where it goes in the file.
    offset: u64,
    /// By slot: where the instruction lies, in bytes from the entry.
    distances: Arc<[(u64, Slot)]>,
}

impl Faults {
    /// Loads the program; `None` if the plan has no use for it.
    pub(super) fn load(plan: &ProbePlan, maps: &loader::Maps, filter: ProcessFilter) -> Result<Option<Self>, Error> {
        let Some(entry) = &plan.fault_entry else { return Ok(None) };
        let distance = |site: &Site| site.address.0.wrapping_sub(entry.address.0);
        let slots = 0u32..;
        let distances: Arc<[(u64, Slot)]> =
            slots.zip(&plan.sites).filter(|(_, s)| s.is_fault()).map(|(slot, s)| (distance(s), slot)).collect();
        if distances.is_empty() {
            return Ok(None);
        }
        let program = loader::fault_program(maps, filter, &distances)?;
        Ok(Some(Self { program, offset: entry.offset.0, distances }))
    }

    /// The same for the faults of one process alone.
    pub(super) fn reloaded(&self, maps: &loader::Maps, filter: ProcessFilter) -> Result<Self, Error> {
        let program = loader::fault_program(maps, filter, &self.distances)?;
        Ok(Self { program, offset: self.offset, distances: Arc::clone(&self.distances) })
    }

    /// Attaches it in `executable`, in process `pid` alone unless it is 0.
    pub(super) fn link(&self, executable: &Executable, pid: u32) -> Result<OwnedFd, Error> {
        let site = [uprobe_multi::Site { offset: self.offset, cookie: 0 }];
        uprobe_multi::link(self.program.as_fd(), &executable.path(), &site, pid)
            .map_err(|e| Error::kernel("attach the uprobe for faults", e))
    }
}

/// The plan with the sites that are to be armed: fallbacks stand in where the plan's own can't tell, or cost more. With `faults`, those
/// are told of; with `disarm`, a site stays only until its first hit.
///
/// A conditional site traps whichever way control goes, and goes on doing so where the one that it waits for never comes. What it stands
/// for costs nothing until then, and where it is disarmed next, what that one hit costs does not matter.
pub(super) fn settle(plan: &ProbePlan, faults: bool, disarm: bool) -> Cow<'_, ProbePlan> {
    let is_replaced =
        |site: &Site| site.fallback.is_some() && (site.behind_faults && !faults || site.condition.is_some() && disarm);
    if !plan.sites.iter().any(is_replaced) {
        return Cow::Borrowed(plan);
    }
    let mut settled = plan.clone();
    for site in settled.sites.iter_mut().filter(|site| is_replaced(site)) {
        if let Some(Fallback { address, offset, instruction, class }) = site.fallback.take() {
            *site = Site { address, offset, instruction, class, condition: None, behind_faults: false, fallback: None };
        }
    }
    Cow::Owned(settled)
}

/// The slots of faults that some site of `plan` can't do without.
pub(super) fn needed(plan: &ProbePlan) -> impl Iterator<Item = Slot> {
    let site = |slot: &Slot| plan.sites.get(*slot as usize);
    let observed = plan.points.iter().filter_map(|point| match &point.status {
        Status::Observed(instances) => Some(instances),
        _ => None,
    });
    let behind = observed
        .flatten()
        .filter(move |i| i.sites.iter().any(|slot| site(slot).is_some_and(|site| site.behind_faults)));
    behind.flat_map(|instance| &instance.sites).copied().filter(move |slot| site(slot).is_some_and(Site::is_fault))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        addr::VirtAddr,
        plan::{ProbeClass, sample},
    };

    #[test]
    fn fallbacks_stand_in_where_faults_are_not_told_of_or_conditions_would_stay() {
        let mut plan = sample::plan();
        sample::add_fault(&mut plan);
        // Slot 0 relies on the fault of slot 3; slot 2 is conditional.
        let fallback = Fallback { address: VirtAddr(0x49_a1e8), ..plan.sites[0].fallback.clone().unwrap() };
        plan.sites[2].fallback = Some(fallback);
        let check = |faults: bool, disarm: bool, expected: [u64; 4], needed_then: &[Slot]| {
            let settled = settle(&plan, faults, disarm);
            let addresses: Vec<u64> = settled.sites.iter().map(|site| site.address.0).collect();
            assert_eq!(addresses, expected, "{faults} {disarm}");
            assert_eq!(needed(&settled).collect::<Vec<_>>(), needed_then, "{faults} {disarm}");
            assert!(settled.sites[2].condition.is_none() == disarm && settled.sites[3].class == ProbeClass::Fault);
            settled.check().unwrap_or_else(|e| assert!(e.to_string().contains("sorted"), "{e}"));
        };
        check(true, false, [0x49_a1c0, 0x49_a1d0, 0x49_a1e0, 0x49_a1f0], &[3]);
        check(false, false, [0x49_a1b0, 0x49_a1d0, 0x49_a1e0, 0x49_a1f0], &[]);
        check(true, true, [0x49_a1c0, 0x49_a1d0, 0x49_a1e8, 0x49_a1f0], &[3]);
        check(false, true, [0x49_a1b0, 0x49_a1d0, 0x49_a1e8, 0x49_a1f0], &[]);
    }

    #[test]
    fn a_fault_that_a_site_without_fallback_relies_on_is_needed_in_any_case() {
        let mut plan = sample::plan();
        sample::add_fault(&mut plan);
        plan.sites[0].fallback = None;
        assert_eq!(needed(&settle(&plan, false, true)).collect::<Vec<_>>(), [3]);
    }
}
