//! What a plan's sites have counted over all of goat's lives.

use std::time::SystemTime;

use crate::{
    DataType,
    counts::{Counts, Sampled, SlotCount},
    plan::{Digest, ProbePlan, Slot, Status},
};

/// What is kept of one plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct State {
    /// The plan that the slots are of.
    pub plan: Digest,
    /// The binary's Go build id, else its GNU build id; empty if it has none. For people: the plan's digest decides.
    pub build: String,
    /// Whether hits say how often: what was counted to know whether is no count.
    pub data_type: DataType,
    /// When counting began.
    pub since: SystemTime,
    /// What was counted, and until when.
    pub counts: Counts,
    /// What other plans' probes have counted of points that this plan has too; by id.
    pub carried: Vec<Carried>,
}

/// What was counted of a point by another plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Carried {
    /// The point's id.
    pub point: u32,
    /// How often it ran.
    pub count: u64,
    /// When it ran first.
    pub first_hit: Option<SystemTime>,
}

impl State {
    /// All that was ever counted: this, and what `live` has counted since. Hits never become fewer by it, the first hit is the
    /// earlier one, and whether a site is armed is what `live` says of it.
    ///
    /// Clocks jump, in either direction: the instant is that of `live`, and no first hit is later.
    pub fn with(&self, live: &Counts) -> Counts {
        let taken = live.taken;
        let slots = live.slots.iter().enumerate().map(|(slot, now)| {
            let before = self.counts.slots.get(slot).copied().unwrap_or_default();
            total(&before, now, taken)
        });
        Counts { taken, slots: slots.collect() }
    }

    /// The slots of `plan` that have told whether, which is all that they can under `dataType: bool`: those of points that are
    /// all covered.
    pub fn told(&self, plan: &ProbePlan) -> Vec<Slot> {
        let is_carried = |id: u32| self.carried.iter().any(|carried| carried.point == id);
        let was_hit = |slot: &Slot| self.counts.slots.get(*slot as usize).is_some_and(|count| count.hits > 0);
        let mut untold = vec![false; plan.sites.len()];
        let mut told: Vec<bool> = (0..).take(plan.sites.len()).map(|slot| was_hit(&slot)).collect();
        for point in &plan.points {
            let Status::Observed(instances) = &point.status else { continue };
            let slots = || instances.iter().flat_map(|instance| &instance.sites);
            let of_point = if is_carried(point.id) || slots().any(was_hit) { &mut told } else { &mut untold };
            for slot in slots() {
                if let Some(known) = of_point.get_mut(*slot as usize) {
                    *known = true;
                }
            }
        }
        (0..).zip(told.iter().zip(&untold)).filter(|(_, (told, untold))| **told && !**untold).map(|(s, _)| s).collect()
    }
}

fn total(before: &SlotCount, now: &SlotCount, taken: SystemTime) -> SlotCount {
    let first_hit = [before.first_hit, now.first_hit].into_iter().flatten().min();
    SlotCount {
        hits: before.hits.saturating_add(now.hits),
        first_hit: first_hit.map(|at| at.min(taken)),
        armed: now.armed,
        sampled: sampled(before.sampled, now.sampled),
    }
}

/// Of two times, one after the other. What was armed all the time has missed nothing, and is in the hits.
fn sampled(before: Option<Sampled>, now: Option<Sampled>) -> Option<Sampled> {
    let (Some(before), Some(now)) = (before, now) else { return before.or(now) };
    let highs = before.unseen_high.zip(now.unseen_high);
    Some(Sampled {
        unseen: before.unseen.saturating_add(now.unseen),
        unseen_low: before.unseen_low.saturating_add(now.unseen_low),
        unseen_high: highs.map(|(before, now)| before.saturating_add(now)),
        armed: before.armed.saturating_add(now.armed),
        watched: before.watched.saturating_add(now.watched),
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::{counts::Armed, plan::sample};

    fn at(second: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(second)
    }

    fn slot(hits: u64, first_hit: Option<u64>, armed: Armed) -> SlotCount {
        SlotCount { hits, first_hit: first_hit.map(at), armed, ..SlotCount::default() }
    }

    /// Before: (taken, slot); now: (taken, slot); together: (taken, slot).
    fn check(before: (u64, SlotCount), now: (u64, SlotCount), expected: (u64, SlotCount)) {
        let counts = |(taken, slot)| Counts { taken: at(taken), slots: vec![slot] };
        let state = State {
            plan: Digest::default(),
            build: String::new(),
            data_type: DataType::Count,
            since: UNIX_EPOCH,
            counts: counts(before),
            carried: Vec::new(),
        };
        assert_eq!(state.with(&counts(now)), counts(expected));
    }

    #[test]
    fn hits_add_up_and_the_first_hit_stays() {
        use Armed::{Armed as A, Disarmed, NotArmed, Pending};
        check((10, slot(3, Some(5), A)), (20, slot(4, Some(15), A)), (20, slot(7, Some(5), A)));
        check((10, slot(0, None, A)), (20, slot(4, Some(15), A)), (20, slot(4, Some(15), A)));
        check((10, slot(3, Some(5), A)), (20, slot(0, None, Disarmed)), (20, slot(3, Some(5), Disarmed)));
        check((10, slot(0, None, NotArmed)), (20, slot(0, None, A)), (20, slot(0, None, A)));
        check((10, slot(0, None, A)), (20, slot(0, None, NotArmed)), (20, slot(0, None, NotArmed)));
        check((10, slot(3, Some(5), Disarmed)), (20, slot(0, None, Pending)), (20, slot(3, Some(5), Pending)));
        check((10, slot(u64::MAX, Some(5), A)), (20, slot(4, None, A)), (20, slot(u64::MAX, Some(5), A)));
    }

    #[test]
    fn what_was_not_seen_adds_up() {
        let of = |unseen, high, armed, watched| Sampled {
            unseen,
            unseen_low: unseen / 2,
            unseen_high: high,
            armed: Duration::from_secs(armed),
            watched: Duration::from_secs(watched),
        };
        let check = |before, now, expected| assert_eq!(sampled(before, now), expected, "{before:?} {now:?}");
        let some = Some(of(10, Some(20), 1, 30));
        check(None, None, None);
        check(some, None, some);
        check(None, some, some);
        check(some, Some(of(30, Some(50), 2, 10)), Some(of(40, Some(70), 3, 40)));
        check(some, Some(of(30, None, 2, 10)), Some(of(40, None, 3, 40)));
    }

    #[test]
    fn slots_have_told_once_all_their_points_are_covered() {
        // Of the sample plan's points, 1 is observed at the slots 0 and 1, and 2 at slot 2; in the other plan 2 at 1 and 2.
        let shared = || {
            let mut plan = sample::plan();
            let Status::Observed(instances) = &mut plan.points[1].status else { panic!("point 2 is observed") };
            instances[0].sites = vec![1, 2];
            plan
        };
        let check = |plan: &ProbePlan, hits: [u64; 3], expected: &[Slot]| {
            let slots = hits.map(|hits| slot(hits, None, Armed::Armed)).to_vec();
            let state = State {
                plan: Digest::default(),
                build: String::new(),
                data_type: DataType::Bool,
                since: UNIX_EPOCH,
                counts: Counts { taken: at(1), slots },
                carried: Vec::new(),
            };
            assert_eq!(state.told(plan), expected, "{hits:?}");
        };
        check(&sample::plan(), [0, 0, 0], &[]);
        check(&sample::plan(), [1, 0, 0], &[0, 1]);
        check(&sample::plan(), [0, 0, 1], &[2]);
        check(&shared(), [1, 0, 0], &[0]);
        check(&shared(), [0, 1, 0], &[0, 1, 2]);
        check(&shared(), [1, 0, 1], &[0, 1, 2]);
    }

    #[test]
    fn a_clock_that_jumps_makes_no_first_hit_of_the_future() {
        use Armed::Armed as A;
        // It went back between two lives of goat.
        check((1_000, slot(3, Some(900), A)), (20, slot(4, Some(15), A)), (20, slot(7, Some(15), A)));
        check((1_000, slot(3, Some(900), A)), (20, slot(0, None, A)), (20, slot(3, Some(20), A)));
        // It went back while goat ran: the hit was later than now.
        check((10, slot(0, None, A)), (20, slot(1, Some(500), A)), (20, slot(1, Some(20), A)));
        // A state whose own hit lies behind it.
        check((10, slot(1, Some(99), A)), (20, slot(0, None, A)), (20, slot(1, Some(20), A)));
    }
}
