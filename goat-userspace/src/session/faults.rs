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
