//! The report by lines, for formats that know nothing else: of each line whether, or how often, it ran.
//!
//! Lines of points that can't be observed are not in it: such formats have no word for them, and both others would be wrong.

use std::collections::BTreeMap;

use super::{Item, State};

/// How often each line ran, by its number. Of several points on a line, the one that ran least speaks for it: a line counts as
/// run when all of it did. Where one of them can't be observed, no one knows that; the line stands here only if another did not run.
pub(super) fn line_hits(items: &[&Item]) -> BTreeMap<u32, u64> {
    let mut hits = BTreeMap::new();
    for item in items.iter().filter(|item| item.is_observable()) {
        for line in item.shown_lines() {
            hits.entry(line).and_modify(|least: &mut u64| *least = (*least).min(item.count)).or_insert(item.count);
        }
    }
    for item in items.iter().filter(|item| item.state == State::Unobservable) {
        for line in item.shown_lines() {
            if hits.get(&line).is_some_and(|&hits| hits > 0) {
                hits.remove(&line);
            }
        }
    }
    hits
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::{DataType, counts::Counts, lines::LineSet, plan::sample, report};

    #[test]
    fn lines_have_the_count_of_the_point_that_ran_least() {
        let mut plan = sample::plan();
        // A branch that is entered at a line of point 1.
        (plan.points[1].lines, plan.points[1].span.first) = (LineSet::new(), 11);
        let mut counts = Counts::none(3, UNIX_EPOCH);
        counts.slots[0].hits = 5;
        counts.slots[2].hits = 3;
        let report = report::new(&plan, &counts, DataType::Count);
        let hits = line_hits(&report.points("").unwrap().items);
        assert_eq!(hits, BTreeMap::from([(10, 5), (11, 3)]));
    }

    #[test]
    fn a_line_of_which_a_part_cannot_be_observed_has_not_run_as_a_whole() {
        let check = |slots: [u64; 3], expected: &[(u32, u64)]| {
            let mut plan = sample::plan();
            // Point 3 can't be observed; points 1 and 2 can.
            plan.points[2].lines = LineSet::from_iter([11, 12]);
            let mut counts = Counts::none(3, UNIX_EPOCH);
            counts.slots.iter_mut().zip(slots).for_each(|(slot, hits)| slot.hits = hits);
            let report = report::new(&plan, &counts, DataType::Count);
            assert_eq!(line_hits(&report.points("").unwrap().items), BTreeMap::from_iter(expected.iter().copied()));
        };
        check([5, 0, 0], &[(10, 5), (12, 0)]);
        check([0, 0, 3], &[(10, 0), (11, 0)]);
        check([1, 0, 1], &[(10, 1)]);
    }
}
