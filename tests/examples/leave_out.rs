//! A plan without some of its points, so that those that run millions of times are not counted one by one.
//!
//! `leave_out PLAN OUTPUT < IDS`, one id a line. The points stay in the plan, as points that can't be observed.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
};

use anyhow::{Context, Result};
use goat::plan::{self, ProbePlan, Slot, Status, Unobservable};

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let mut next = || args.next().context("usage: leave_out PLAN OUTPUT < IDS");
    let (from, to) = (next()?, next()?);
    let ids: BTreeSet<u32> = io::stdin().lines().map(|id| Ok(id?.trim().parse()?)).collect::<Result<_>>()?;
    let mut plan = plan::read(Path::new(&from))?;
    leave_out(&mut plan, &ids);
    plan::write(Path::new(&to), &plan)?;
    Ok(())
}

fn leave_out(plan: &mut ProbePlan, ids: &BTreeSet<u32>) {
    let mut used: BTreeSet<Slot> = BTreeSet::new();
    for point in &mut plan.points {
        if let Status::Observed(instances) = &point.status {
            if ids.contains(&point.id) {
                point.status = Status::Unobservable(Unobservable::Speculated);
            } else {
                used.extend(instances.iter().flat_map(|instance| &instance.sites));
            }
        }
    }
    let old = std::mem::take(&mut plan.sites);
    let new: BTreeMap<Slot, Slot> = used.iter().copied().zip(0..).collect();
    plan.sites = used.iter().filter_map(|slot| old.get(*slot as usize).cloned()).collect();
    for point in &mut plan.points {
        let Status::Observed(instances) = &mut point.status else { continue };
        for slot in instances.iter_mut().flat_map(|instance| &mut instance.sites) {
            *slot = new[slot];
        }
    }
}
