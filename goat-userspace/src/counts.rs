//! What the probes have counted at an instant.

use std::time::{Duration, SystemTime};

/// Hits by slot, read at one instant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counts {
    /// When the counters were read.
    pub taken: SystemTime,
    /// One entry per site of the plan; the index is the site's slot.
    pub slots: Vec<SlotCount>,
}

/// What one site has counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SlotCount {
    /// How often the site ran while it was armed.
    pub hits: u64,
    /// When it ran for the first time; `None` if it has not.
    pub first_hit: Option<SystemTime>,
    /// Whether the site's breakpoint has been seen in the text.
    pub armed: Armed,
    /// What is known of the time when it was not armed, because it was hit too often; `None` if it was armed all the time
    /// until it had told what it can.
    pub sampled: Option<Sampled>,
}

/// How often a site that was throttled ran beside its hits, and how long it was watched.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sampled {
    /// Executions that were not counted, by the best estimate.
    pub unseen: u64,
    /// The least that is likely: with 95 % certainty, what was not counted lies between this and the next.
    pub unseen_low: u64,
    /// The most; `None` where nothing limits it.
    pub unseen_high: Option<u64>,
    /// For how long it was armed.
    pub armed: Duration,
    /// Out of how long.
    pub watched: Duration,
}

/// Whether a site's breakpoint is in the target's text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Armed {
    /// Attached, but no process was there yet to read the text of.
    #[default]
    Pending,
    /// The breakpoint was read back from the target's text.
    Armed,
    /// The kernel accepted the site, but the breakpoint is not in the target's text: hits are not counted.
    NotArmed,
    /// The breakpoint was taken out for good, because the site has told what it can (`dataType: bool`).
    Disarmed,
    /// The breakpoint was taken out for a while, because the site is hit too often for the budget.
    Throttled,
}

impl Counts {
    /// No hits on any of `slots` sites.
    pub fn none(slots: usize, taken: SystemTime) -> Self {
        Self { taken, slots: vec![SlotCount::default(); slots] }
    }
}
