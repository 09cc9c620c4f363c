//! How the tracing itself does: which processes it watches, which of its probes are in place, and what they cost.

use std::{path::PathBuf, time::SystemTime};

use crate::counts::{Armed, Counts};

/// The tracing's own state at an instant, beside the report's answer about the change.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Status {
    /// When tracing began; `None` for a report that was read from a file.
    pub started: Option<SystemTime>,
    /// How the probes were attached: `uprobe_multi`, `perf_event`.
    pub backend: Option<String>,
    /// The processes that are or were watched, in the order of their arrival.
    pub targets: Vec<TargetStatus>,
    /// Sites by what has become of them.
    pub probes: ProbeStates,
    /// What the probes cost; `None` while nobody measures it.
    pub overhead: Option<Overhead>,
    /// How counts are kept on disk; `None` if they are not to be.
    pub kept: Option<Kept>,
}

/// How counts are kept on disk.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Kept {
    /// The state file; `None` while none could be opened.
    pub path: Option<PathBuf>,
    /// When it was written last.
    pub saved: Option<SystemTime>,
    /// What keeps it from being written now.
    pub failure: Option<String>,
}

/// A watched process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TargetStatus {
    /// Its id, as goat sees it.
    pub pid: u32,
    /// The file that it runs, as it calls it.
    pub exe: PathBuf,
    /// Its Go build id, if it has one.
    pub build_id: Option<String>,
    /// When goat came upon it.
    pub since: SystemTime,
    /// Whether it still runs.
    pub up: bool,
    /// Whether it is or was probed: not if there is no plan for its build.
    pub probed: bool,
}

/// Sites by state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ProbeStates {
    /// Attached or about to be, but not yet seen in a text.
    pub pending: usize,
    /// In the text now.
    pub armed: usize,
    /// Taken out because they have told what they can.
    pub disarmed: usize,
    /// Taken out for a while, because they were hit too often for the budget.
    pub throttled: usize,
    /// Refused by the kernel, or not found in the text.
    pub not_armed: usize,
}

/// What the probes cost, by the governor's reckoning over its window.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Overhead {
    /// The share of the budget's base (the targets' CPU time, at least one core's) that hits took.
    pub ratio: f64,
    /// The share that they may take.
    pub budget: f64,
    /// Hits a second, all sites together.
    pub hits_per_second: f64,
    /// Sites that still wait for their wave.
    pub waiting: usize,
}

impl ProbeStates {
    /// Counts the sites of `counts`.
    pub fn of(counts: &Counts) -> Self {
        let mut states = Self::default();
        for slot in &counts.slots {
            *match slot.armed {
                Armed::Pending => &mut states.pending,
                Armed::Armed => &mut states.armed,
                Armed::Disarmed => &mut states.disarmed,
                Armed::Throttled => &mut states.throttled,
                Armed::NotArmed => &mut states.not_armed,
            } += 1;
        }
        states
    }
}
