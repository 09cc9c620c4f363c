//! Counts from before the present probes, by point: what an earlier plan's probes have counted of points that are the same.

use std::{collections::HashMap, time::SystemTime};

use super::{Estimate, Item, Report, State, Totals};
use crate::{DataType, plan};

/// What was counted of a point before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Carried {
    /// The point's id in the present plan.
    pub id: u32,
    /// How often it ran.
    pub count: u64,
    /// When it ran first.
    pub first_hit: Option<SystemTime>,
}

/// What `before`, a report of the plan `old`, counts of the points that `new` has too, less what `now`, a report of `new`,
/// counts of them already: for a while, both plans' probes were in place.
pub fn carry(before: &Report, old: &plan::ProbePlan, now: &Report, new: &plan::ProbePlan) -> Vec<Carried> {
    let [before, now] = [before, now].map(|r| all(r).map(|item| (item.id, item)).collect::<HashMap<u32, &Item>>());
    let carried = |(earlier, id): (u32, u32)| {
        let item = before.get(&earlier).filter(|item| item.state == State::Covered)?;
        let counted = now.get(&id).map_or(0, |item| item.count);
        Some(Carried { id, count: item.count.saturating_sub(counted), first_hit: item.first_hit })
    };
    plan::common_points(old, new).into_iter().filter_map(carried).collect()
}

fn all(report: &Report) -> impl Iterator<Item = &Item> {
    report.components.iter().flat_map(|c| &c.items).chain(&report.no_component)
}

impl Report {
    /// Adds what was counted before. A point that no site can tell of stays so.
    pub fn add(&mut self, carried: &[Carried]) {
        if carried.is_empty() {
            return;
        }
        let by_id: HashMap<u32, &Carried> = carried.iter().map(|c| (c.id, c)).collect();
        let items = self.components.iter_mut().flat_map(|c| &mut c.items).chain(&mut self.no_component);
        for item in items.filter(|item| item.is_observable()) {
            let Some(before) = by_id.get(&item.id) else { continue };
            item.count = match self.data_type {
                DataType::Bool => 1,
                DataType::Count => item.count.saturating_add(before.count),
            };
            if item.state != State::Covered {
                (item.state, item.reason) = (State::Covered, None);
            }
            // What was carried is certain.
            item.estimate = item.estimate.filter(|_| self.data_type == DataType::Count).map(|e| Estimate {
                low: e.low.saturating_add(before.count),
                high: e.high.map(|high| high.saturating_add(before.count)),
                ..e
            });
            item.first_hit = item.first_hit.into_iter().chain(before.first_hit).min();
        }
        for component in &mut self.components {
            component.totals = Totals::of(&component.items);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::{
        counts::{Counts, SlotCount},
        plan::sample,
        report,
    };

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn counted(hits: &[u64], data_type: DataType) -> Report {
        let mut counts = Counts::none(hits.len(), at(9));
        for (slot, hits) in counts.slots.iter_mut().zip(hits) {
            *slot = SlotCount { hits: *hits, first_hit: (*hits > 0).then(|| at(5)), ..*slot };
        }
        report::new(&sample::plan(), &counts, data_type)
    }

    #[test]
    fn what_was_counted_goes_on_under_the_plan_that_follows() {
        let plan = sample::plan();
        let slots = plan.sites.len();
        let mut before = vec![0; slots];
        before[0] = 3;
        // What both count at once is counted once.
        for (data_type, both, later, expected) in [
            (DataType::Count, 0, 0, 3),
            (DataType::Count, 2, 4, 5),
            (DataType::Bool, 0, 0, 1),
            (DataType::Bool, 1, 9, 1),
        ] {
            let earlier = counted(&before, data_type);
            let after = |hits| counted(&[&[hits], &before[1..]].concat(), data_type);
            let carried = carry(&earlier, &plan, &after(both), &plan);
            let covered: Vec<u32> = carried.iter().map(|c| c.id).collect();
            assert!(!covered.is_empty());
            let mut report = after(later);
            report.add(&carried);
            for item in all(&report).filter(|item| covered.contains(&item.id)) {
                assert_eq!((item.count, item.state, item.first_hit), (expected, State::Covered, Some(at(5))));
            }
            let totals = |report: &Report| report.components.iter().map(|c| c.totals).collect::<Vec<_>>();
            assert_eq!(totals(&report), totals(&earlier));
        }
    }

    #[test]
    fn nothing_is_added_to_what_can_not_be_observed() {
        let plan = sample::plan();
        let mut report = counted(&vec![0; plan.sites.len()], DataType::Count);
        let carried: Vec<Carried> =
            plan.points.iter().map(|p| Carried { id: p.id, count: 1, first_hit: None }).collect();
        report.add(&carried);
        for item in all(&report) {
            assert_eq!(item.count > 0, item.state == State::Covered, "{item:?}");
            assert_eq!(item.is_observable(), item.state == State::Covered, "{item:?}");
        }
    }
}
