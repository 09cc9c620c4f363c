//! What goat's eBPF program and its user-space half agree on: names, layouts and limits.

#![no_std]

pub mod condition;
mod cookie;

pub use cookie::Cookie;

/// The uprobe program's name in the object, on amd64.
pub const PROGRAM: &str = "goat_hit";
/// The same on arm64, whose flags are kept elsewhere.
pub const PROGRAM_ARM64: &str = "goat_hit_arm64";
/// The array map of [`SlotCounter`]s, one per slot; made with as many entries as the plan has sites.
pub const COUNTERS: &str = "COUNTERS";
/// The ring buffer of [`FirstHit`]s.
pub const FIRST_HITS: &str = "FIRST_HITS";
/// The name of the program at the entry of `runtime.sigpanic0`, to which Go's signal handler sends what touched memory that is not
/// there: it counts a hit for the instruction that did.
pub const FAULT_PROGRAM: &str = "goat_fault";
/// The hash map from where an instruction lies, in bytes from that entry (wrapping), to the slot that counts its faults: the
/// distance is the same wherever the binary is loaded.
pub const FAULTS: &str = "FAULTS";
/// The per-CPU array of one element that counts every trap, of whatever site; each [`TRAPS_PER_WAKE`]th wakes goat.
pub const TRAPS: &str = "TRAPS";
/// The read-only global of type [`ProcessFilter`].
pub const PROCESS_FILTER: &str = "PROCESS_FILTER";

/// The most sites that one plan can arm: the kernel's limit for one uprobe_multi link (`MAX_UPROBE_MULTI_CNT`,
/// kernel/trace/bpf_trace.c).
pub const MAX_SITES: usize = 1 << 20;

/// Bytes of the ring buffer. An event takes 24 of them with its header; events that find it full are lost, and their
/// hits are found in the counters.
pub const FIRST_HITS_BYTES: u32 = 256 * 1024;

/// After how many traps on one CPU goat is woken to see what they cost: 0.1 to 2 ms of a CPU. A power of two.
pub const TRAPS_PER_WAKE: u64 = 256;

/// In place of a slot in a [`FirstHit`] that tells of [`TRAPS_PER_WAKE`] traps and not of a first hit.
pub const NO_SLOT: u32 = u32::MAX;

/// What one site has counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
pub struct SlotCounter {
    /// How often the site ran.
    pub hits: u64,
    /// When it ran first, in nanoseconds of CLOCK_MONOTONIC; 0 until it has.
    pub first_hit_ns: u64,
    /// How often it trapped for nothing: its condition did not hold, or the process is not the one that counts. They cost
    /// as much as hits.
    pub misses: u64,
}

/// Tells user space that a site was hit for the first time, or, with [`NO_SLOT`], that there were many traps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
pub struct FirstHit {
    /// The time that the counter holds too; 0 with [`NO_SLOT`].
    pub at_ns: u64,
    /// The site's slot, or [`NO_SLOT`].
    pub slot: u32,
    /// Zero: the layout has no hidden padding.
    pub reserved: u32,
}

/// The one process whose hits count, where the kernel can't be told to trap no other.
///
/// The process is named as it sees itself, in its own pid namespace, so that goat may stand in another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
pub struct ProcessFilter {
    /// The pid namespace's device, in the kernel's encoding (`major << 20 | minor`).
    pub namespace_dev: u64,
    /// The pid namespace's inode.
    pub namespace_ino: u64,
    /// The process's id in that namespace; 0 lets every process count.
    pub tgid: u32,
    /// Zero: the layout has no hidden padding.
    pub reserved: u32,
}

#[cfg(feature = "user")]
mod pod {
    // SAFETY: repr(C), integers without padding: every bit pattern is a value.
    unsafe impl aya::Pod for super::SlotCounter {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::FirstHit {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::ProcessFilter {}
}

const _: () =
    assert!(size_of::<SlotCounter>() == 24 && size_of::<FirstHit>() == 16 && size_of::<ProcessFilter>() == 24);
