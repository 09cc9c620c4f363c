//! goat's own memory while it observes: making a plan takes a hundred times what its probes take, and the C library's allocator keeps
//! what was freed, in case it is wanted again.

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
    // SAFETY: takes no pointer; malloc_trim(3) may be called at any time, by any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}
