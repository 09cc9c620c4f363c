//! The last seconds: what the probes cost, and what the targets used.

use std::{collections::VecDeque, time::Duration};

use super::Account;

/// How long a span is looked back on.
const LENGTH: Duration = Duration::from_secs(10);
/// Spans are joined until they are this long.
const GRAIN_NS: f64 = 1e8;

/// What happened between two readings.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Span {
    pub(super) end: Duration,
    pub(super) wall_ns: f64,
    /// What the budget is a share of.
    pub(super) base_ns: f64,
    pub(super) cost_ns: f64,
    pub(super) traps: u64,
}

#[derive(Default)]
pub(super) struct Window {
    spans: VecDeque<Span>,
}

impl Window {
    pub(super) fn add(&mut self, span: Span) {
        match self.spans.back_mut() {
            Some(last) if last.wall_ns < GRAIN_NS => {
                last.end = span.end;
                last.wall_ns += span.wall_ns;
                last.base_ns += span.base_ns;
                last.cost_ns += span.cost_ns;
                last.traps += span.traps;
            }
            _ => self.spans.push_back(span),
        }
        while self.spans.len() > 1 && self.spans.front().is_some_and(|first| first.end + LENGTH < span.end) {
            self.spans.pop_front();
        }
    }

    /// How many cores the base is worth: 1 at least.
    pub(super) fn width(&self) -> f64 {
        let wall: f64 = self.spans.iter().map(|s| s.wall_ns).sum();
        let base: f64 = self.spans.iter().map(|s| s.base_ns).sum();
        if wall > 0.0 { (base / wall).max(1.0) } else { 1.0 }
    }

    pub(super) fn account(&self) -> Account {
        let sum = |of: fn(&Span) -> f64| self.spans.iter().map(of).sum::<f64>();
        let (wall, base) = (sum(|s| s.wall_ns), sum(|s| s.base_ns));
        if wall <= 0.0 || base <= 0.0 {
            return Account::default();
        }
        Account { ratio: sum(|s| s.cost_ns) / base, traps_per_second: sum(|s| s.traps as f64) / wall * 1e9 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(end_ms: u64, wall_ms: u64, cost_ms: u64, traps: u64) -> Span {
        let ns = |ms: u64| ms as f64 * 1e6;
        let (wall_ns, base_ns) = (ns(wall_ms), ns(2 * wall_ms));
        Span { end: Duration::from_millis(end_ms), wall_ns, base_ns, cost_ns: ns(cost_ms), traps }
    }

    #[test]
    fn it_forgets_what_is_long_past() {
        let mut window = Window::default();
        assert_eq!((window.width(), window.account()), (1.0, Account::default()));
        window.add(span(1_000, 1_000, 20, 500));
        assert_eq!((window.width(), window.account()), (2.0, Account { ratio: 0.01, traps_per_second: 500.0 }));
        for second in 2..=20 {
            window.add(span(1_000 * second, 1_000, 0, 0));
        }
        assert_eq!(window.account(), Account::default());
    }

    #[test]
    fn short_spans_are_joined() {
        let mut window = Window::default();
        (1..=10_000).for_each(|ms| window.add(span(ms, 1, 0, 1)));
        assert!(window.spans.len() <= 101, "{}", window.spans.len());
        assert!((window.account().traps_per_second - 1_000.0).abs() < 1e-6);
    }
}
