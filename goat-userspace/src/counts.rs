//! What the probes have counted at an instant.

use std::time::SystemTime;

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
