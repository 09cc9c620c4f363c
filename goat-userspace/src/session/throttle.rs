//! Does what the governor orders, and keeps the accounts that its orders make necessary.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{
    arming::Arming,
    breakpoints::Breakpoints,
    counters::Counters,
    cpu_time::CpuTime,
    governor::{Account, Clock, Costs, Governor, Index, Reading, Sample},
};
use crate::{
    counts::Sampled,
    plan::{ProbePlan, Slot},
};

/// Which part of the budget traps may take. The rest is for what can't be counted: the pages of text that are the process's own
/// for as long as a breakpoint is in them, and how far what a trap is charged with may be from what it costs.
const PART_FOR_TRAPS: f64 = 0.5;
/// How long nothing is looked at while breakpoints are to be left where they are.
const PAUSE: Duration = Duration::from_millis(100);

/// What other threads may see of it.
#[derive(Default)]
pub(super) struct Ledger(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    /// Slots that were throttled ever.
    samples: HashMap<Slot, Sample>,
    clock: Clock,
    account: Account,
    /// By slot: hits that may have been counted twice.
    twice: HashMap<Slot, u64>,
    /// As measured on this machine, once it is.
    costs: Option<Costs>,
}

impl Ledger {
    /// How often `slot`, whose counter holds `hits`, was hit at least, and what is known besides; `None` if that is all there
    /// is to know.
    pub(super) fn known(&self, slot: Slot, hits: u64) -> (u64, Option<Sampled>) {
        let entries = self.lock();
        let sampled = entries.samples.get(&slot).map(|sample| sample.known(entries.clock, hits));
        let Some(twice) = entries.twice.get(&slot).copied() else { return (hits, sampled) };
        let armed = entries.clock.at;
        let sampled = sampled.unwrap_or(Sampled { unseen_high: Some(0), armed, watched: armed, ..Sampled::default() });
        let unseen_high = sampled.unseen_high.map(|high| high.saturating_add(twice));
        (hits.saturating_sub(twice), Some(Sampled { unseen_high, ..sampled }))
    }

    /// Notes that `more` of the hits of `slot` may be others of them again.
    pub(super) fn counted_twice(&self, slot: Slot, more: u64) {
        if more > 0 {
            *self.lock().twice.entry(slot).or_default() += more;
        }
    }

    /// What the probes cost.
    pub(super) fn account(&self) -> Account {
        self.lock().account
    }

    /// Notes what a trap costs on this machine.
    pub(super) fn set_costs(&self, costs: Costs) {
        self.lock().costs = Some(costs);
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        // Each entry is whole whatever a thread was doing when it panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The governor with the world that it governs.
pub(super) struct Throttle {
    governor: Governor,
    ledger: Arc<Ledger>,
    arming: Arc<Arming>,
    outlet: Arc<Breakpoints>,
    counters: Arc<Counters>,
    cpu: CpuTime,
    began: Instant,
    /// By breakpoint: the slots at its address.
    slots: Vec<Box<[Slot]>>,
    classes: Vec<crate::plan::ProbeClass>,
    /// By slot.
    breakpoints: Box<[Index]>,
    /// By breakpoint.
    traps: Vec<u64>,
    costs: Costs,
    last: Duration,
    next: Duration,
}

impl Throttle {
    /// Keeps the cost of `plan`'s sites under `budget`, a share of the targets' CPU time.
    pub(super) fn new(
        plan: &ProbePlan,
        budget: f64,
        ledger: Arc<Ledger>,
        arming: Arc<Arming>,
        outlet: Arc<Breakpoints>,
        counters: Arc<Counters>,
    ) -> Self {
        let mut slots: Vec<Box<[Slot]>> = Vec::new();
        let mut classes = Vec::new();
        let mut breakpoints = vec![0; plan.sites.len()].into_boxed_slice();
        let offset = |slot: &Slot| plan.sites[*slot as usize].offset;
        for together in arming.order().chunk_by(|a, b| offset(a) == offset(b)) {
            together.iter().for_each(|slot| breakpoints[*slot as usize] = slots.len() as Index);
            classes.push(plan.sites[together[0] as usize].class);
            slots.push(together.into());
        }
        let costs = Costs::default();
        let mut governor = Governor::new(PART_FOR_TRAPS * budget, classes.iter().map(|class| costs.of(*class)));
        // What can't be taken out is not the governor's to take out.
        for (index, slots) in (0..).zip(&slots) {
            if !outlet.relinks() && !slots.iter().all(|slot| arming.is_writable(*slot)) {
                governor.leave(index);
            }
        }
        Self {
            governor,
            ledger,
            arming,
            outlet,
            counters,
            cpu: CpuTime::default(),
            began: Instant::now(),
            traps: vec![0; slots.len()],
            slots,
            classes,
            breakpoints,
            costs,
            last: Duration::ZERO,
            next: Duration::ZERO,
        }
    }

    /// Leaves `slots`, which are out for good, alone.
    pub(super) fn leave(&mut self, slots: &[Slot]) {
        slots.iter().for_each(|slot| self.governor.leave(self.breakpoints[*slot as usize]));
    }

    /// How long until there is something to do; with `hurry` as soon as may be.
    pub(super) fn due_in(&self, hurry: bool) -> Duration {
        let at = if hurry { self.last + super::governor::TICK } else { self.next };
        at.saturating_sub(self.began.elapsed())
    }

    /// Looks at what the traps have cost, and acts on it.
    pub(super) fn step(&mut self) -> io::Result<()> {
        if self.arming.is_paused() {
            // What would be taken out stays in, and is to be counted as what is in.
            (self.last, self.next) = (self.began.elapsed(), self.began.elapsed() + PAUSE);
            return Ok(());
        }
        self.take_costs();
        let cpu = self.read_cpu(self.began.elapsed());
        for (traps, slots) in self.traps.iter_mut().zip(&self.slots) {
            // Each slot of an address sees each of its traps.
            *traps = slots.iter().map(|slot| self.counters.traps(*slot as usize)).max().unwrap_or(0);
        }
        let at = self.began.elapsed();
        let orders = self.governor.step(Reading { at, cpu, traps: &self.traps });
        (self.last, self.next) = (at, orders.next);
        let (out, back) = (self.slots_of(&orders.throttle), self.slots_of(&orders.arm));
        let done = self.outlet.throttle(&out, &back);
        // The time of the change itself is what counts, not that of the reading.
        let now = match orders.throttle.is_empty() && orders.arm.is_empty() {
            true => self.governor.clock(at, cpu),
            false => {
                let at = self.began.elapsed();
                let cpu = self.read_cpu(at);
                self.governor.clock(at, cpu)
            }
        };
        let mut entries = self.ledger.lock();
        for slot in out {
            let hits = self.counters.hits(slot as usize);
            entries
                .samples
                .entry(slot)
                .and_modify(|sample| sample.take_out(now, hits))
                .or_insert_with(|| Sample::new(Clock::default(), now));
        }
        for slot in back {
            let hits = self.counters.hits(slot as usize);
            if let Some(sample) = entries.samples.get_mut(&slot) {
                sample.put_in(now, hits);
            }
        }
        entries.clock = now;
        entries.account = self.governor.account();
        done
    }

    fn slots_of(&self, breakpoints: &[Index]) -> Vec<Slot> {
        breakpoints.iter().flat_map(|index| &*self.slots[*index as usize]).copied().collect()
    }

    fn read_cpu(&mut self, at: Duration) -> Duration {
        let processes = self.arming.processes();
        self.cpu.read(at, processes.iter().map(|process| &**process))
    }

    fn take_costs(&mut self) {
        let Some(costs) = self.ledger.lock().costs.take() else { return };
        self.costs = costs;
        self.governor.set_costs(self.classes.iter().map(|class| costs.of(*class)));
    }
}
