//! The counters, read from the map's memory: a read costs no system call.

use std::{
    mem::offset_of,
    os::fd::BorrowedFd,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use goat_common::SlotCounter;
use memmap2::{MmapOptions, MmapRaw};

use super::Error;

/// The counter map's elements, by slot.
pub(super) struct Counters {
    memory: MmapRaw,
    slots: usize,
    clock: Clock,
}

impl Counters {
    /// Maps the memory of the array map `map`, which has at least `slots` elements.
    pub(super) fn open(map: BorrowedFd<'_>, slots: usize) -> Result<Self, Error> {
        let memory = MmapOptions::new()
            .len((slots * size_of::<SlotCounter>()).max(1))
            .map_raw_read_only(&map)
            .map_err(|e| Error::kernel("map the counters", e))?;
        Ok(Self { memory, slots, clock: Clock::now() })
    }

    /// How often `slot` was hit.
    pub(super) fn hits(&self, slot: usize) -> u64 {
        self.load(slot, offset_of!(SlotCounter, hits))
    }

    /// The hits of every slot.
    pub(super) fn all_hits(&self) -> Vec<u64> {
        (0..self.slots).map(|slot| self.hits(slot)).collect()
    }

    /// How often `slot` trapped, whether or not that counted.
    pub(super) fn traps(&self, slot: usize) -> u64 {
        self.hits(slot).saturating_add(self.load(slot, offset_of!(SlotCounter, misses)))
    }

    /// When `slot` was hit first; `None` if it was not, or if the time is still on its way.
    pub(super) fn first_hit(&self, slot: usize) -> Option<SystemTime> {
        let at_ns = self.load(slot, offset_of!(SlotCounter, first_hit_ns));
        (at_ns != 0).then(|| self.clock.system_time(at_ns))
    }

    /// How many slots there are.
    pub(super) fn len(&self) -> usize {
        self.slots
    }

    fn load(&self, slot: usize, field: usize) -> u64 {
        assert!(slot < self.slots, "slot {slot} of {}", self.slots);
        // SAFETY: the mapping is page-aligned, at least `slots` elements long and lives as long as `self`. The kernel
        // writes to it at any time, so it is read through atomics; here it is never written to.
        unsafe {
            let field = self.memory.as_mut_ptr().add(slot * size_of::<SlotCounter>() + field);
            AtomicU64::from_ptr(field.cast()).load(Ordering::Relaxed)
        }
    }
}

/// What ties the kernel's CLOCK_MONOTONIC to the time of day. Taken once: a first hit's time does not change from read to
/// read.
struct Clock {
    time: SystemTime,
    monotonic_ns: u64,
}

impl Clock {
    fn now() -> Self {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
        let monotonic_ns = seconds * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or_default();
        Self { time: SystemTime::now(), monotonic_ns }
    }

    fn system_time(&self, at_ns: u64) -> SystemTime {
        match at_ns.checked_sub(self.monotonic_ns) {
            Some(later) => self.time + Duration::from_nanos(later),
            None => self.time - Duration::from_nanos(self.monotonic_ns - at_ns),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn monotonic_times_become_times_of_day() {
        let day = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let clock = Clock { time: day, monotonic_ns: 500 };
        let check = |at_ns: u64, expected: SystemTime| assert_eq!(clock.system_time(at_ns), expected, "{at_ns}");
        check(500, day);
        check(700, day + Duration::from_nanos(200));
        check(100, day - Duration::from_nanos(400));
    }
}
