//! goat's own memory while it observes: making a plan takes a hundred times what its probes take, and the C library's allocator keeps
//! what was freed, in case it is wanted again.

#[cfg(target_env = "gnu")]
use std::{hint, num::NonZero, sync::Mutex, thread};

/// From this size on an allocation is a mapping of its own, in bytes: glibc's first threshold, which it otherwise raises as far as 32 MiB
/// when a larger one is freed. What is read whole, binaries and plans, then leaves no hole in the heap.
#[cfg(target_env = "gnu")]
const MAPPED: libc::c_int = 128 << 10;

/// Has large allocations go back to the kernel as soon as they are freed.
pub(super) fn map_what_is_large() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes no pointer; the parameter is one that mallopt(3) names. If it is refused, all stays as it was.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED);
    }
}

/// Gives free memory back to the kernel: after work that takes much more than what follows.
pub(super) fn give_back() {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: takes no pointer; malloc_trim(3) may be called at any time, by any thread.
        unsafe { libc::malloc_trim(0) };
        trim_arenas();
    }
}

/// Gives back the free ends of the arenas that threads have left behind: malloc_trim(3) does so for the first arena alone, others are
/// only trimmed when something large is freed in them. A new thread takes an arena that none has.
#[cfg(target_env = "gnu")]
fn trim_arenas() {
    // As many at a time as have worked at a time: one for each processor, and one that read the binary.
    let threads = thread::available_parallelism().map_or(1, NonZero::get) + 1;
    let gate = Mutex::new(());
    thread::scope(|scope| {
        let closed = gate.lock();
        for _ in 0..threads {
            let trim = || {
                // Just smaller than what is a mapping of its own.
                drop(hint::black_box(Vec::<u8>::with_capacity(MAPPED as usize - (8 << 10))));
                // Keeps the arena from the next thread.
                drop(gate.lock());
            };
            // Where no thread can be had, the memory stays.
            let _ = thread::Builder::new().spawn_scoped(scope, trim);
        }
        drop(closed);
    });
}
