//! Keeps what the probes cost under a share of the target's CPU time: sees how often each breakpoint traps, takes out those
//! that are too hot, and gives each of them short turns in the text, so that what it sees stays a sample.
//!
//! Pure: what was counted and when comes in, what is to be done goes out; [`super::disarm`] does it. The budget is
//! `share` of the *base*: the CPU time that the targets used without the probes' own, and at least one core. It fills a token
//! bucket that holds a second of it. While the bucket is not empty nothing is throttled, so that counts are exact; once it
//! is, the costliest breakpoints go until the others take half of the budget at most, and the other half is for turns.

mod bucket;
mod cost;
mod sampling;
mod turns;
mod waves;
mod window;

#[cfg(test)]
mod simulation;

use std::{collections::VecDeque, time::Duration};

use self::{
    bucket::Bucket,
    turns::Turn,
    window::{Span, Window},
};
pub(super) use self::{
    cost::{Cost, Costs},
    sampling::{Clock, Sample},
    waves::Waves,
};

/// How soon after one step the next may follow, however much there is to do.
pub(super) const TICK: Duration = Duration::from_millis(1);
/// How late the next step may be when nothing is to be done.
const IDLE: Duration = Duration::from_secs(1);
/// Over how long a breakpoint's cost is remembered.
const MEMORY_NS: f64 = 1e9;
/// Which part of the budget breakpoints that stay in may take once others were throttled; the rest is for turns.
const PART_OF_FREE: f64 = 0.5;
/// Up to which part of the budget a throttled breakpoint that has cooled down may come back for good.
const PART_FOR_RETURN: f64 = 0.25;

/// Where in the governor's list a breakpoint is.
pub(super) type Index = u32;

/// What was measured at an instant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading<'a> {
    /// Since the governor began.
    pub(super) at: Duration,
    /// The CPU time that the targets have used, ever growing.
    pub(super) cpu: Duration,
    /// By breakpoint: how often it has trapped.
    pub(super) traps: &'a [u64],
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Orders {
    /// To be taken out.
    pub(super) throttle: Vec<Index>,
    /// To be put back.
    pub(super) arm: Vec<Index>,
    /// When to step again, if nothing happens before.
    pub(super) next: Duration,
}

/// What it has come to, over the last seconds.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Account {
    /// The probes' cost by the base.
    pub(super) ratio: f64,
    /// Traps a second.
    pub(super) traps_per_second: f64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// In the text for good.
    Free,
    /// Out, and in the queue.
    Queued,
    /// In the text for a while.
    InTurn,
    /// Out for good, or never to be taken out: not the governor's.
    Left,
}

#[derive(Clone, Debug)]
struct Breakpoint {
    /// What a trap costs, with what follows from it.
    cost_ns: f64,
    /// And by itself.
    itself_ns: f64,
    /// As of the last reading.
    traps: u64,
    place: Place,
    /// Cost of the last second or so, in nanoseconds: fades by half in 0.7 s.
    recent_ns: f64,
    /// Nanoseconds of cost per nanosecond in the text, as of its last turns.
    heat: f64,
}

/// The state of it all.
pub(super) struct Governor {
    share: f64,
    breakpoints: Vec<Breakpoint>,
    bucket: Bucket,
    window: Window,
    /// Throttled, in the order of their turns.
    queue: VecDeque<Index>,
    turns: Vec<Turn>,
    last: Option<(Duration, Duration)>,
    cost_ns: f64,
    itself_ns: f64,
}

impl Governor {
    /// For breakpoints whose traps cost `costs`, all of them in the text; their cost may take `share` of the base.
    pub(super) fn new(share: f64, costs: impl IntoIterator<Item = Cost>) -> Self {
        let breakpoint = |Cost { itself, in_all }| Breakpoint {
            cost_ns: in_all,
            itself_ns: itself,
            traps: 0,
            place: Place::Free,
            recent_ns: 0.0,
            heat: 0.0,
        };
        Self {
            share,
            breakpoints: costs.into_iter().map(breakpoint).collect(),
            bucket: Bucket::full(share * MEMORY_NS),
            window: Window::default(),
            queue: VecDeque::new(),
            turns: Vec::new(),
            last: None,
            cost_ns: 0.0,
            itself_ns: 0.0,
        }
    }

    /// Corrects what a trap costs.
    pub(super) fn set_costs(&mut self, costs: impl IntoIterator<Item = Cost>) {
        for (breakpoint, Cost { itself, in_all }) in self.breakpoints.iter_mut().zip(costs) {
            (breakpoint.cost_ns, breakpoint.itself_ns) = (in_all, itself);
        }
    }

    /// Leaves breakpoint `index` alone from now on: it was taken out for good.
    pub(super) fn leave(&mut self, index: Index) {
        if let Some(breakpoint) = self.breakpoints.get_mut(index as usize) {
            breakpoint.place = Place::Left;
            self.turns.retain(|turn| turn.index != index);
            self.queue.retain(|queued| *queued != index);
        }
    }

    /// The time so far, with what all traps have cost.
    pub(super) fn clock(&self, at: Duration, cpu: Duration) -> Clock {
        let [cost, most] = [self.itself_ns, self.cost_ns].map(|ns| Duration::from_nanos(ns as u64));
        Clock { at, cpu, cost, most }
    }

    /// The last seconds.
    pub(super) fn account(&self) -> Account {
        self.window.account()
    }

    /// Takes in what was measured, and says what is to be done.
    pub(super) fn step(&mut self, reading: Reading<'_>) -> Orders {
        let Some((last_at, last_cpu)) = self.last.replace((reading.at, reading.cpu)) else {
            for (breakpoint, traps) in self.breakpoints.iter_mut().zip(reading.traps) {
                breakpoint.traps = *traps;
            }
            return Orders { next: reading.at + TICK, ..Orders::default() };
        };
        let wall_ns = reading.at.saturating_sub(last_at).as_nanos() as f64;
        let mut orders = Orders::default();
        let (cost_ns, traps) = self.charge(reading.traps, wall_ns, &mut orders);
        let cpu_ns = reading.cpu.saturating_sub(last_cpu).as_nanos() as f64;
        // The probes' own cost is in the targets' CPU time, and must not make room for more of it.
        let base_ns = wall_ns.max(cpu_ns - cost_ns);
        self.cost_ns += cost_ns;
        self.window.add(Span { end: reading.at, wall_ns, base_ns, cost_ns, traps });
        // How many cores' worth of base there is.
        let width = self.window.width();
        self.bucket.resize(self.share * MEMORY_NS * width);
        self.bucket.fill(self.share * base_ns);
        self.bucket.take(cost_ns);

        self.end_turns(reading.at, width, &mut orders);
        self.throttle(width, &mut orders);
        self.begin_turns(reading.at, &mut orders);
        orders.next = self.next(reading.at, width);
        orders
    }

    /// Adds up what has trapped since the last reading: its cost, and how often.
    fn charge(&mut self, traps: &[u64], wall_ns: f64, orders: &mut Orders) -> (f64, u64) {
        let fading = (-wall_ns / MEMORY_NS).exp();
        let (mut all_ns, mut all) = (0.0, 0);
        for (index, (breakpoint, now)) in self.breakpoints.iter_mut().zip(traps).enumerate() {
            breakpoint.recent_ns *= fading;
            let new = now.saturating_sub(breakpoint.traps);
            if new > 0 {
                breakpoint.traps = *now;
                let cost_ns = new as f64 * breakpoint.cost_ns;
                self.itself_ns += new as f64 * breakpoint.itself_ns;
                breakpoint.recent_ns += cost_ns;
                (all_ns, all) = (all_ns + cost_ns, all + new);
                // A trap that was on its way; or someone else has put the breakpoint back.
                if breakpoint.place == Place::Queued {
                    orders.throttle.push(index as Index);
                }
            }
        }
        (all_ns, all)
    }

    /// What breakpoints that are in for good have cost of late.
    fn free_ns(&self) -> f64 {
        self.breakpoints.iter().filter(|b| b.place == Place::Free).map(|b| b.recent_ns).sum()
    }

    fn end_turns(&mut self, at: Duration, width: f64, orders: &mut Orders) {
        let broke = self.bucket.is_empty();
        let mut room_ns = PART_FOR_RETURN * self.share * MEMORY_NS * width - self.free_ns();
        for turn in std::mem::take(&mut self.turns) {
            let breakpoint = &mut self.breakpoints[turn.index as usize];
            let spent_ns = (breakpoint.traps - turn.traps) as f64 * breakpoint.cost_ns;
            if !turn.is_over(at, spent_ns, broke) {
                self.turns.push(turn);
                continue;
            }
            breakpoint.heat = turn.heat(at, spent_ns, breakpoint.heat);
            let costs_ns = breakpoint.heat * MEMORY_NS;
            if !broke && costs_ns <= room_ns {
                room_ns -= costs_ns;
                breakpoint.place = Place::Free;
                breakpoint.recent_ns = costs_ns;
            } else {
                breakpoint.place = Place::Queued;
                self.queue.push_back(turn.index);
                orders.throttle.push(turn.index);
            }
        }
    }

    /// Takes out the costliest until the others can stay.
    fn throttle(&mut self, width: f64, orders: &mut Orders) {
        let budget_ns = self.share * MEMORY_NS * width;
        let allowed_ns = if self.bucket.is_empty() {
            // The deeper in debt, the less may stay: at a second's budget of debt, nothing that has trapped of late.
            PART_OF_FREE * budget_ns * (1.0 - self.bucket.debt()).max(0.0)
        } else if !self.queue.is_empty() {
            // Those that stay must leave something for turns.
            0.75 * budget_ns
        } else {
            return;
        };
        let mut left_ns = self.free_ns();
        if left_ns <= allowed_ns {
            return;
        }
        let allowed_ns = allowed_ns.min(PART_OF_FREE * budget_ns);
        let indices = 0..self.breakpoints.len();
        let mut costly: Vec<usize> = indices
            .filter(|i| self.breakpoints[*i].place == Place::Free && self.breakpoints[*i].recent_ns > 0.0)
            .collect();
        costly.sort_by(|a, b| self.breakpoints[*b].recent_ns.total_cmp(&self.breakpoints[*a].recent_ns));
        for index in costly {
            let breakpoint = &mut self.breakpoints[index];
            // What has faded to less than one trap has not trapped of late.
            if left_ns <= allowed_ns || breakpoint.recent_ns < breakpoint.cost_ns / 2.0 {
                break;
            }
            left_ns -= breakpoint.recent_ns;
            breakpoint.heat = breakpoint.recent_ns / MEMORY_NS;
            breakpoint.place = Place::Queued;
            self.queue.push_back(index as Index);
            orders.throttle.push(index as Index);
        }
    }

    /// Puts back those whose turn it is, as far as the bucket pays for their turns in advance.
    fn begin_turns(&mut self, at: Duration, orders: &mut Orders) {
        let mut available = self.bucket.tokens() - self.pledged_ns();
        while let Some(index) = self.queue.front().copied() {
            let breakpoint = &mut self.breakpoints[index as usize];
            let turn = Turn::plan(index, at, breakpoint.traps, breakpoint.heat, self.bucket.capacity());
            if turn.reserve_ns > available || orders.throttle.contains(&index) {
                break;
            }
            available -= turn.reserve_ns;
            self.queue.pop_front();
            breakpoint.place = Place::InTurn;
            self.turns.push(turn);
            orders.arm.push(index);
        }
    }

    fn pledged_ns(&self) -> f64 {
        self.turns.iter().map(|turn| turn.reserve_ns).sum()
    }

    fn next(&self, at: Duration, width: f64) -> Duration {
        let refill = self.queue.front().map(|index| {
            let breakpoint = &self.breakpoints[*index as usize];
            let turn = Turn::plan(*index, at, 0, breakpoint.heat, self.bucket.capacity());
            let missing_ns = (turn.reserve_ns + self.pledged_ns() - self.bucket.tokens()).max(0.0);
            at + Duration::from_nanos((missing_ns / (self.share * width)).min(1e18) as u64)
        });
        let ends = self.turns.iter().map(|turn| turn.end);
        ends.chain(refill).min().unwrap_or(at + IDLE).clamp(at + TICK, at + IDLE)
    }
}
