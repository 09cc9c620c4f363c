//! How often a site ran while it was out of the text: between two turns about as often as in them.
//!
//! Each stretch without the breakpoint is filled with the mean of the rates in the turns before and behind it, however long
//! these were: a turn that was cut short because much happened counts as much as any. What one turn differs from the next is
//! the error, whether it is chance (which a Poisson distribution bounds from below) or the load's own ups and downs: the
//! successive-difference estimator of a systematic sample, with Student's t for few turns.
//!
//! A trap slows the target down, so that a rate by the clock is too low for a target that works without a pause. Rates
//! are therefore by the target's CPU time without that of the probes. How much theirs is can only be told as well as a trap's
//! cost is known, which is more in the midst of other work than by itself, and which thread paid for it can't be told at all; the interval spans what is possible, and has no upper end
//! where the probes may have taken all of the time.

use std::time::Duration;

use crate::counts::Sampled;

/// How far what a trap costs may be off.
const COST_ERROR: f64 = 0.15;

/// Longer than any turn.
const LONG: Duration = Duration::from_millis(200);

/// Ever-growing times, read together.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(in crate::session) struct Clock {
    /// Since the governor began.
    pub(in crate::session) at: Duration,
    /// CPU time of the targets.
    pub(in crate::session) cpu: Duration,
    /// CPU time of theirs that the probes have taken, as reckoned.
    pub(in crate::session) cost: Duration,
    /// The same with what follows from a trap: nothing in a loop that does nothing else.
    pub(in crate::session) most: Duration,
}

/// Nanoseconds between two clocks.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    wall: f64,
    cpu: f64,
    cost: f64,
    most: f64,
}

/// Executions by nanosecond.
#[derive(Clone, Copy, Debug)]
struct Rate {
    /// Of the targets' own CPU time.
    by_cpu: f64,
    by_cpu_low: f64,
    /// `None` where the probes may have taken all of it.
    by_cpu_high: Option<f64>,
    /// Of the time.
    by_wall: f64,
    /// Of the time, had one thread run into all traps.
    by_wall_high: Option<f64>,
    /// What chance alone makes of the square of an error, by CPU time.
    variance: f64,
}

/// A slot whose breakpoint is taken out at times.
#[derive(Clone, Debug)]
pub(in crate::session) struct Sample {
    since: Clock,
    place: Place,
    /// The stretch without the breakpoint that waits for the rate behind it.
    gap: Option<Stretch>,
    /// In the last turn.
    rate: Option<Rate>,
    /// How many turns have told a rate.
    turns: u32,
    out: Duration,
    unseen: Unseen,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    In { since: Clock, hits: u64 },
    Out { since: Clock },
}

/// Executions that no one has counted, by the targets' CPU time, and within which limits.
#[derive(Clone, Copy, Debug, Default)]
struct Unseen {
    number: f64,
    low: f64,
    high: f64,
    is_unbounded: bool,
    variance: f64,
}

impl Sample {
    /// Watched since `since`; taken out for the first time `now`. What it counted until then says little of what follows: it
    /// was taken out because it had become hot.
    pub(in crate::session) fn new(since: Clock, now: Clock) -> Self {
        Self {
            since,
            place: Place::Out { since: now },
            gap: None,
            rate: None,
            turns: 0,
            out: Duration::ZERO,
            unseen: Unseen::default(),
        }
    }

    /// The breakpoint is in again, at `hits`.
    pub(in crate::session) fn put_in(&mut self, now: Clock, hits: u64) {
        if let Place::Out { since } = self.place {
            self.out += now.at.saturating_sub(since.at);
            self.gap = Some(Stretch::between(since, now));
            self.place = Place::In { since: now, hits };
        }
    }

    /// It is out again, at `hits`.
    pub(in crate::session) fn take_out(&mut self, now: Clock, hits: u64) {
        let Place::In { since, hits: before } = self.place else { return };
        self.place = Place::Out { since: now };
        let rate = Rate::of(hits.saturating_sub(before), Stretch::between(since, now));
        if let Some(gap) = self.gap.take() {
            self.unseen.fill(gap, self.rate.unwrap_or(rate), rate);
        }
        self.rate = Some(rate);
        self.turns += 1;
    }

    /// What is known `now`, at `hits`.
    pub(in crate::session) fn known(&self, now: Clock, hits: u64) -> Sampled {
        let mut end = self.clone();
        match end.place {
            // In for good, or so it seems: as if it ended now.
            Place::In { since, .. } if now.at.saturating_sub(since.at) > LONG || end.rate.is_none() => {
                end.take_out(now, hits);
            }
            // A turn that has just begun says less than the one before.
            Place::In { .. } => end.fill_from_before(),
            Place::Out { since } => {
                end.put_in(now, hits);
                end.fill_from_before();
                end.unseen.is_unbounded |= end.rate.is_none() && since != now;
            }
        }
        let Unseen { number, low, high, is_unbounded, variance } = end.unseen;
        let error = student(end.turns) * variance.sqrt();
        let watched = now.at.saturating_sub(self.since.at);
        Sampled {
            unseen: number.round() as u64,
            unseen_low: (low - error).max(0.0).floor() as u64,
            unseen_high: (!is_unbounded).then_some((high + error).ceil() as u64),
            armed: watched.saturating_sub(end.out),
            watched,
        }
    }
}

impl Sample {
    /// As if the next turn were like the last.
    fn fill_from_before(&mut self) {
        if let (Some(rate), Some(gap)) = (self.rate, self.gap.take()) {
            self.unseen.fill(gap, rate, rate);
        }
    }
}

impl Stretch {
    fn between(begin: Clock, end: Clock) -> Self {
        let ns = |of: fn(&Clock) -> Duration| of(&end).saturating_sub(of(&begin)).as_nanos() as f64;
        Self { wall: ns(|c| c.at), cpu: ns(|c| c.cpu), cost: ns(|c| c.cost), most: ns(|c| c.most) }
    }

    /// The targets' CPU time without what the probes take of it; `None` where nothing to speak of is left.
    fn without(&self, cost: f64) -> Option<f64> {
        let own = self.cpu - cost;
        (own > 0.01 * self.cpu).then_some(own)
    }

    /// What the probes take at most.
    fn most(&self) -> f64 {
        self.most * (1.0 + COST_ERROR)
    }
}

impl Rate {
    fn of(hits: u64, turn: Stretch) -> Self {
        let hits = hits as f64;
        let by = |time: f64| if hits > 0.0 { hits / time.max(1.0) } else { 0.0 };
        // Where the probes may have taken all, what is certain: as if they had cost nothing.
        let own = turn.without(turn.cost).unwrap_or(turn.cpu).max(1.0);
        let bounded = |time: Option<f64>| if hits > 0.0 { time.map(by) } else { Some(0.0) };
        let left = turn.wall - turn.most();
        Self {
            by_cpu: by(own),
            by_cpu_low: by(turn.without(turn.cost * (1.0 - COST_ERROR)).unwrap_or(own)),
            by_cpu_high: bounded(turn.without(turn.most())),
            by_wall: by(turn.wall),
            by_wall_high: bounded((left > 0.01 * turn.wall).then_some(left)),
            // One more, since no hit is no proof of none.
            variance: (hits + 1.0) / (own * own),
        }
    }
}

impl Unseen {
    /// Adds what ran in `gap`, which lies between turns of these rates.
    fn fill(&mut self, gap: Stretch, before: Rate, behind: Rate) {
        let own = gap.without(gap.cost).unwrap_or(0.0);
        let mean = |of: fn(&Rate) -> f64| (of(&before) + of(&behind)) / 2.0;
        let both = |of: fn(&Rate) -> Option<f64>| Some((of(&before)? + of(&behind)?) / 2.0);
        let (by_cpu, by_wall) = (mean(|r| r.by_cpu) * own, mean(|r| r.by_wall) * gap.wall);
        self.number += by_cpu;
        self.low += by_wall.min(mean(|r| r.by_cpu_low) * own);
        match (both(|r| r.by_cpu_high), both(|r| r.by_wall_high)) {
            (Some(cpu), Some(wall)) => self.high += (cpu * own).max(wall * gap.wall),
            _ => self.is_unbounded = true,
        }
        let difference = before.by_cpu - behind.by_cpu;
        // Neighbouring stretches share a turn and its error: half of the difference's square and not a quarter.
        self.variance += own * own * (difference * difference / 2.0).max(mean(|r| r.variance));
    }
}

/// The 97.5 % quantile of Student's t, for the differences between so many turns.
fn student(turns: u32) -> f64 {
    match turns {
        0..=2 => 12.71,
        3 => 4.30,
        4 => 3.18,
        5 => 2.78,
        6 => 2.57,
        7..=9 => 2.45,
        10..=14 => 2.26,
        15..=29 => 2.14,
        _ => 2.05,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(ms: u64, cpu_ms: u64, cost_ms: u64) -> Clock {
        let [at, cpu, cost] = [ms, cpu_ms, cost_ms].map(Duration::from_millis);
        Clock { at, cpu, cost, most: cost }
    }

    #[test]
    fn gaps_are_filled_with_the_rates_on_both_sides() {
        // A target that works without a pause; probes that cost next to nothing.
        let at = |ms| clock(ms, ms, 0);
        let mut sample = Sample::new(at(0), at(100));
        let check = |sample: &Sample, ms, hits, unseen, armed_ms, bounded: bool| {
            let known = sample.known(at(ms), hits);
            assert_eq!((known.unseen, known.armed.as_millis()), (unseen, armed_ms), "{known:?}");
            assert_eq!(known.watched.as_millis(), u128::from(ms));
            assert_eq!(known.unseen_high.is_some(), bounded, "{known:?}");
            assert!(known.unseen_low <= unseen && known.unseen_high.is_none_or(|high| unseen <= high), "{known:?}");
        };
        // No turn yet: nothing is known.
        check(&sample, 150, 1_000, 0, 100, false);
        sample.put_in(at(200), 1_000);
        sample.take_out(at(210), 1_050);
        // 5 a millisecond.
        check(&sample, 210, 1_050, 500, 110, true);
        check(&sample, 250, 1_050, 700, 110, true);
        sample.put_in(at(310), 1_050);
        sample.take_out(at(320), 1_060);
        // 3 a millisecond between the two turns.
        check(&sample, 320, 1_060, 800, 120, true);
        // In for good: what follows is counted.
        sample.put_in(at(330), 1_060);
        check(&sample, 430, 1_160, 810, 220, true);
        check(&sample, 9_430, 10_160, 810, 9_220, true);
    }

    #[test]
    fn what_probes_take_from_the_target_is_not_its_own_time() {
        // In a turn of 10 ms the target works all the time, 4 of them in probes, and counts 600; then it runs freely for 90.
        let mut sample = Sample::new(clock(0, 0, 0), clock(10, 10, 0));
        for turn in 0..50u64 {
            let (begin, cost) = (100 * turn + 100, 4 * turn);
            sample.put_in(clock(begin, begin, cost), 600 * turn);
            sample.take_out(clock(begin + 10, begin + 10, cost + 4), 600 * turn + 600);
        }
        let known = sample.known(clock(5_010, 5_010, 200), 30_000);
        assert_eq!(known.unseen, 450_000);
        assert!(known.unseen_low <= 270_000 + 30_000, "the clock's rate is possible: {known:?}");
        assert!(known.unseen_high.unwrap() >= 450_000, "{known:?}");
    }

    #[test]
    fn there_is_no_upper_end_where_probes_take_all() {
        let mut sample = Sample::new(clock(0, 0, 0), clock(10, 10, 0));
        for turn in 0..3u64 {
            let (begin, cost) = (100 * turn + 100, 10 * turn);
            sample.put_in(clock(begin, begin, cost), 1_100 * turn);
            sample.take_out(clock(begin + 10, begin + 10, cost + 10), 1_100 * turn + 1_100);
        }
        let known = sample.known(clock(400, 400, 30), 3_300);
        assert_eq!(known.unseen_high, None);
        assert!(known.unseen_low > 0, "{known:?}");
    }

    #[test]
    fn an_idle_target_runs_nothing_unseen() {
        // 1 ms of CPU in 1 000, all of it in the turns.
        let mut sample = Sample::new(clock(0, 0, 0), clock(0, 0, 0));
        sample.put_in(clock(1_000, 0, 0), 0);
        sample.take_out(clock(1_010, 1, 0), 10);
        let known = sample.known(clock(2_000, 1, 0), 10);
        assert_eq!((known.unseen, known.unseen_low), (0, 0));
        assert!(known.unseen_high.unwrap() >= 1_980, "by the clock it may have: {known:?}");
    }
}
