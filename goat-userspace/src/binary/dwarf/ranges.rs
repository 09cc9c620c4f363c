//! Sets of addresses, as ranges that are sorted and neither overlap nor touch.

use crate::addr::{AddrRange, VirtAddr};

/// Sorts `ranges` and joins those that overlap or touch.
pub(super) fn normalise(ranges: &mut Vec<AddrRange>) {
    ranges.sort_unstable();
    ranges.dedup_by(|next, range| {
        let joined = next.low <= range.high;
        if joined {
            range.high = range.high.max(next.high);
        }
        joined
    });
}

/// The lowest address in `ranges` that is not in `holes`, both normalised.
pub(super) fn first_outside(ranges: &[AddrRange], holes: &[AddrRange]) -> Option<VirtAddr> {
    ranges.iter().find_map(|range| {
        // Holes do not touch, so that behind one there is an address outside.
        let hole = holes.get(holes.partition_point(|hole| hole.high <= range.low));
        let first = hole.filter(|hole| hole.contains(range.low)).map_or(range.low, |hole| hole.high);
        (first < range.high).then_some(first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(list: &[(u64, u64)]) -> Vec<AddrRange> {
        list.iter().map(|&(low, high)| AddrRange { low: VirtAddr(low), high: VirtAddr(high) }).collect()
    }

    #[test]
    fn ranges_that_overlap_or_touch_are_joined() {
        let check = |input: &[_], expected: &[_]| {
            let mut list = ranges(input);
            normalise(&mut list);
            assert_eq!(list, ranges(expected));
        };
        check(&[], &[]);
        check(&[(5, 6), (1, 3)], &[(1, 3), (5, 6)]);
        check(&[(3, 5), (1, 3)], &[(1, 5)]);
        check(&[(1, 9), (2, 3), (4, 12), (20, 21)], &[(1, 12), (20, 21)]);
    }

    #[test]
    fn the_first_address_outside_the_holes_is_found() {
        let check = |input: &[_], holes: &[_], expected: Option<u64>| {
            assert_eq!(first_outside(&ranges(input), &ranges(holes)), expected.map(VirtAddr));
        };
        check(&[(1, 3)], &[], Some(1));
        check(&[(1, 3)], &[(1, 2)], Some(2));
        check(&[(1, 3)], &[(0, 3)], None);
        check(&[(1, 3), (5, 9)], &[(0, 4), (5, 6)], Some(6));
        check(&[(1, 3), (5, 9)], &[(0, 10)], None);
    }
}
