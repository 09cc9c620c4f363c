//! Which sites tell nothing more: those of points that have been covered.

use std::collections::BTreeMap;

use crate::{
    addr::FileOffset,
    plan::{Point, ProbePlan, Site, Slot, Status},
};

/// Which slots tell nothing more: those of points that have been covered.
pub(super) struct Coverage {
    /// By slot: the points that it is a site of.
    points: Lists,
    /// By point.
    slots: Lists,
    covered: Vec<bool>,
    is_done: Vec<bool>,
    /// By slot: the slots at its address, itself among them. They share one breakpoint.
    together: Lists,
    /// The slots that tell nothing more, in the order of their becoming so.
    done: Vec<Slot>,
}

impl Coverage {
    /// Nothing covered yet but what `skip`, slots that have told all that they can, tell.
    pub(super) fn new(plan: &ProbePlan, skip: &[Slot]) -> Self {
        let sites = plan.sites.len();
        let of_point = |point: &Point| -> Vec<Slot> {
            let Status::Observed(instances) = &point.status else { return Vec::new() };
            instances.iter().flat_map(|i| &i.sites).copied().filter(|s| (*s as usize) < sites).collect()
        };
        let slots: Lists = plan.points.iter().map(of_point).collect();
        let mut points = vec![Vec::new(); sites];
        for point in 0..plan.points.len() {
            slots.of(point).iter().for_each(|slot| points[*slot as usize].push(point as u32));
        }
        let (covered, is_done) = (vec![false; plan.points.len()], vec![false; sites]);
        let mut at: BTreeMap<FileOffset, Vec<Slot>> = BTreeMap::new();
        for (slot, site) in (0..).zip(&plan.sites).filter(|(_, site)| !site.is_fault()) {
            at.entry(site.offset).or_default().push(slot);
        }
        let together =
            |(slot, site): (Slot, &Site)| if site.is_fault() { vec![slot] } else { at[&site.offset].clone() };
        let together = (0..).zip(&plan.sites).map(together).collect();
        let points = points.into_iter().collect();
        let mut coverage = Self { points, slots, covered, is_done, together, done: Vec::new() };
        // They were hit, or are of points that were.
        skip.iter().for_each(|slot| drop(coverage.hit(*slot)));
        coverage
    }

    /// All slots that tell nothing more.
    pub(super) fn done(&self) -> &[Slot] {
        &self.done
    }

    /// Notes a hit on `slot`. Returns the slots that tell nothing more and did so far: this one, and those of its points.
    /// A slot that is also another point's waits for that point, and all slots of one address wait for the last of them: a
    /// branch that was reached may still have a side that was not taken.
    pub(super) fn hit(&mut self, slot: Slot) -> Vec<Slot> {
        if slot as usize >= self.is_done.len() {
            return Vec::new();
        }
        let mut candidates = vec![slot];
        for point in self.points.of(slot as usize) {
            if !std::mem::replace(&mut self.covered[*point as usize], true) {
                candidates.extend(self.slots.of(*point as usize));
            }
        }
        candidates.retain(|slot| {
            let slot = *slot as usize;
            let is_done = self.points.of(slot).iter().all(|p| self.covered[*p as usize]);
            is_done && !std::mem::replace(&mut self.is_done[slot], true)
        });
        let at_rest = |slot: &Slot| self.is_done[*slot as usize];
        let mut found: Vec<Slot> = Vec::new();
        for slot in candidates {
            let together = self.together.of(slot as usize);
            if together.iter().all(at_rest) {
                found.extend(together.iter().filter(|s| !found.contains(s)).copied().collect::<Vec<_>>());
            }
        }
        self.done.extend(&found);
        found
    }
}

/// Many short lists of numbers, one behind the other: a vector for each would take ten times the memory.
struct Lists {
    numbers: Box<[u32]>,
    /// Where each ends.
    ends: Box<[u32]>,
}

impl FromIterator<Vec<u32>> for Lists {
    fn from_iter<I: IntoIterator<Item = Vec<u32>>>(lists: I) -> Self {
        let (mut numbers, mut ends) = (Vec::new(), Vec::new());
        for list in lists {
            numbers.extend(list);
            ends.push(u32::try_from(numbers.len()).expect("a plan's sites are numbered by u32"));
        }
        Self { numbers: numbers.into(), ends: ends.into() }
    }
}

impl Lists {
    fn of(&self, index: usize) -> &[u32] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.numbers[start as usize..self.ends[index] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_done_when_every_point_of_it_is_covered() {
        // Points by their slots; hits in order, each with the slots that it finishes.
        check(&[&[0], &[1]], &[(1, &[1]), (0, &[0])]);
        check(&[&[0, 1, 2]], &[(1, &[1, 0, 2]), (2, &[])]);
        // Slot 1 is also the second point's: it is hit, and both points are covered by it.
        check(&[&[0, 1], &[1, 2]], &[(1, &[1, 0, 2])]);
        // Slot 1 goes on for the second point's sake.
        check(&[&[0, 1], &[1, 2]], &[(0, &[0]), (2, &[2, 1])]);
        // A site of no point, a second hit, and a slot that there is not.
        check(&[&[0]], &[(3, &[3]), (3, &[]), (9, &[])]);
    }

    #[test]
    fn slots_at_one_address_rest_together() {
        // Slots 2 and 3 are both sides of one branch.
        check_at(&[&[0], &[1], &[2], &[3]], &[0, 1, 2, 2], &[(2, &[]), (3, &[2, 3]), (0, &[0])]);
    }

    fn check(points: &[&[Slot]], hits: &[(Slot, &[Slot])]) {
        check_at(points, &[0, 1, 2, 3], hits);
    }

    fn check_at(points: &[&[Slot]], addresses: &[u32; 4], hits: &[(Slot, &[Slot])]) {
        let mut coverage = Coverage {
            together: (0..4)
                .map(|slot: usize| (0..4).filter(|s| addresses[*s as usize] == addresses[slot]).collect())
                .collect(),
            points: (0..4)
                .map(|slot| (0..points.len() as u32).filter(|p| points[*p as usize].contains(&slot)).collect())
                .collect(),
            slots: points.iter().map(|p| p.to_vec()).collect(),
            covered: vec![false; points.len()],
            is_done: vec![false; 4],
            done: Vec::new(),
        };
        for (slot, finished) in hits {
            let mut found = coverage.hit(*slot);
            found.dedup();
            assert_eq!(found, *finished, "hit on {slot} of {points:?}");
        }
    }
}
