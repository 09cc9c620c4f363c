//! A throttled breakpoint's turn in the text: planned from what the last ones cost, and paid in advance.

use std::time::Duration;

use super::{Index, TICK};

/// What a turn should cost.
const QUANTUM_NS: f64 = 500_000.0;
/// The longest.
const LONGEST: Duration = Duration::from_millis(100);
/// A turn is cut short when it costs so many times what it was planned for. Its length is fixed beforehand otherwise: one that
/// ended by its count would count too much.
const TOO_MUCH: f64 = 4.0;

#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    pub(super) index: Index,
    begin: Duration,
    pub(super) end: Duration,
    /// The breakpoint's traps when it began.
    pub(super) traps: u64,
    /// What it is expected to cost.
    expected_ns: f64,
    /// What must be there to pay for it: more than is expected, so that it need not be cut short when it costs more.
    pub(super) reserve_ns: f64,
}

impl Turn {
    /// From `at` on, for a breakpoint that costs `heat` by time. A bucket of `capacity` can always pay for it.
    pub(super) fn plan(index: Index, at: Duration, traps: u64, heat: f64, capacity: f64) -> Self {
        let wanted = Duration::from_nanos((QUANTUM_NS / heat.max(1e-9)) as u64);
        let length = wanted.clamp(TICK, LONGEST);
        let expected_ns = heat * length.as_nanos() as f64;
        let reserve_ns = (TOO_MUCH * expected_ns).min(capacity / 2.0);
        Self { index, begin: at, end: at + length, traps, expected_ns, reserve_ns }
    }

    /// Whether it ends at `at`, when it has cost `spent_ns`; `broke` when nothing is left to spend.
    pub(super) fn is_over(&self, at: Duration, spent_ns: f64, broke: bool) -> bool {
        let too_much = spent_ns > TOO_MUCH * self.expected_ns.max(QUANTUM_NS);
        at >= self.end || too_much || (broke && spent_ns > 0.0)
    }

    /// What the breakpoint costs by time, now that the turn is over: no less than half of what it was thought to, since a
    /// breakpoint that is hot by fits is hot.
    pub(super) fn heat(&self, at: Duration, spent_ns: f64, before: f64) -> f64 {
        let length_ns = at.saturating_sub(self.begin).as_nanos().max(1) as f64;
        (spent_ns / length_ns).max(before / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_the_shorter_the_hotter_the_breakpoint() {
        let check = |heat, capacity, millis, reserve_ns: f64| {
            let turn = Turn::plan(0, Duration::ZERO, 0, heat, capacity);
            let found = (turn.end.as_millis(), turn.reserve_ns.round());
            assert_eq!(found, (millis, reserve_ns), "{heat} {capacity}");
        };
        check(0.0, 1e7, 100, 0.0);
        check(0.001, 1e7, 100, 4e5);
        check(0.01, 1e7, 50, 2e6);
        check(1.0, 1e7, 1, 4e6);
        check(16.0, 1e7, 1, 5e6);
    }

    #[test]
    fn a_turn_ends_by_the_clock_unless_it_costs_far_too_much() {
        let turn = Turn::plan(0, Duration::ZERO, 0, 0.01, 1e7);
        let check = |millis, spent_ns, broke, over| {
            assert_eq!(turn.is_over(Duration::from_millis(millis), spent_ns, broke), over, "{millis} {spent_ns}");
        };
        check(49, 0.0, false, false);
        check(50, 0.0, false, true);
        check(5, 1.9e6, false, false);
        check(5, 2.1e6, false, true);
        check(5, 0.0, true, false);
        check(5, 1.0, true, true);
    }

    #[test]
    fn a_breakpoint_cools_down_by_half_at_a_time() {
        let turn = Turn::plan(0, Duration::ZERO, 0, 0.01, 1e7);
        let at = Duration::from_millis(50);
        assert_eq!(turn.heat(at, 5e6, 0.01), 0.1);
        assert_eq!(turn.heat(at, 0.0, 0.01), 0.005);
    }
}
