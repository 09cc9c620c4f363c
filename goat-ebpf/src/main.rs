//! goat's uprobe programs. The one counts a hit in the slot that the uprobe's cookie names, and reports a slot's first, and many
//! traps; the other counts for the slot of an instruction that has faulted.
//!
//! The same object serves amd64 and arm64, which keep their flags in different places: each has a program of its own that counts
//! hits. Only amd64 has fault slots.

#![no_std]
#![no_main]
#![feature(core_intrinsics)]
#![expect(internal_features, reason = "the target has an atomic add, but core's atomic types offer none for it")]

use core::{
    ffi::c_void,
    intrinsics::{AtomicOrdering, atomic_xadd},
};

use aya_ebpf::{
    EbpfContext,
    bindings::{BPF_F_MMAPABLE, bpf_pidns_info},
    helpers::generated::{bpf_copy_from_user, bpf_get_attach_cookie, bpf_get_ns_current_pid_tgid, bpf_ktime_get_ns},
    macros::{map, uprobe},
    maps::{Array, HashMap, PerCpuArray, RingBuf},
    programs::ProbeContext,
};
use goat_common::{Cookie, FIRST_HITS_BYTES, FirstHit, NO_SLOT, ProcessFilter, SlotCounter, TRAPS_PER_WAKE, condition};

// Where `struct pt_regs` keeps the instruction pointer, the flags and the stack pointer (arch/x86/include/asm/ptrace.h).
const IP_OFFSET: usize = 128;
const FLAGS_OFFSET: usize = 144;
const SP_OFFSET: usize = 152;
/// Where arm64's `struct user_pt_regs` keeps the flags: behind 31 registers, the stack pointer and the instruction pointer
/// (arch/arm64/include/uapi/asm/ptrace.h).
const PSTATE_OFFSET: usize = 264;

#[map]
static COUNTERS: Array<SlotCounter> = Array::with_max_entries(1, BPF_F_MMAPABLE);

#[map]
static FIRST_HITS: RingBuf = RingBuf::with_byte_size(FIRST_HITS_BYTES, 0);

#[map]
static FAULTS: HashMap<u64, u32> = HashMap::with_max_entries(1, 0);

#[map]
static TRAPS: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);

/// Written by user space before the program is loaded.
#[unsafe(no_mangle)]
static PROCESS_FILTER: ProcessFilter = ProcessFilter { namespace_dev: 0, namespace_ino: 0, tgid: 0, reserved: 0 };

#[uprobe]
pub fn goat_hit(ctx: ProbeContext) -> u32 {
    count(&ctx, |ctx, code| condition::holds(code, register(ctx, FLAGS_OFFSET)))
}

#[uprobe]
pub fn goat_hit_arm64(ctx: ProbeContext) -> u32 {
    count(&ctx, |ctx, code| condition::holds_arm64(code, register(ctx, PSTATE_OFFSET)))
}

#[inline(always)]
fn count(ctx: &ProbeContext, holds: impl Fn(&ProbeContext, u8) -> bool) -> u32 {
    // SAFETY: the context is the program's own.
    let cookie = Cookie::unpack(unsafe { bpf_get_attach_cookie(ctx.as_ptr()) });
    if let Some(counter) = COUNTERS.get_ptr_mut(cookie.slot) {
        if cookie.condition.is_none_or(|code| holds(ctx, code)) && is_wanted() {
            hit(counter, cookie.slot);
        } else {
            miss(counter);
        }
    }
    trapped();
    0
}

/// At the first instruction of `runtime.sigpanic0`. Go's signal handler has made the stack look as if the instruction that faulted
/// had called it (runtime/signal_amd64.go, `preparePanic`), so that the stack's top is where that instruction lies.
///
/// Sleepable, for the helper that reads user memory without being kept for the GPL needs that.
#[uprobe(sleepable)]
pub fn goat_fault(ctx: ProbeContext) -> u32 {
    let mut pc = 0u64;
    let top = register(&ctx, SP_OFFSET) as *const c_void;
    // SAFETY: `pc` has eight bytes; whether `top` can be read is the helper's business.
    let failed = unsafe { bpf_copy_from_user((&raw mut pc).cast(), size_of::<u64>() as u32, top) } != 0;
    if failed {
        return 0;
    }
    // SAFETY: user space changes nothing in the map once the program is loaded.
    let slot = unsafe { FAULTS.get(pc.wrapping_sub(register(&ctx, IP_OFFSET))) }.copied();
    if let Some(slot) = slot
        && is_wanted()
        && let Some(counter) = COUNTERS.get_ptr_mut(slot)
    {
        hit(counter, slot);
    }
    0
}

#[inline(always)]
fn register(ctx: &ProbeContext, offset: usize) -> u64 {
    // SAFETY: `pt_regs` is longer than that on every 64-bit architecture, or the verifier would say so.
    unsafe { ctx.as_ptr().byte_add(offset).cast::<u64>().read_volatile() }
}

#[inline(always)]
fn is_wanted() -> bool {
    // SAFETY: a valid static; volatile, because the value is not the compiler's to know.
    let filter = unsafe { (&raw const PROCESS_FILTER).read_volatile() };
    if filter.tgid == 0 {
        return true;
    }
    let mut ids = bpf_pidns_info { pid: 0, tgid: 0 };
    let size = size_of::<bpf_pidns_info>() as u32;
    // SAFETY: `ids` is as long as `size` says.
    let failed =
        unsafe { bpf_get_ns_current_pid_tgid(filter.namespace_dev, filter.namespace_ino, &raw mut ids, size) } != 0;
    !failed && ids.tgid == filter.tgid
}

#[inline(always)]
fn hit(counter: *mut SlotCounter, slot: u32) {
    // Not relaxed: LLVM 22 makes of that an add which returns nothing, and takes what was added for the old value.
    // SAFETY: the kernel gave the pointer to a live element; every write to `hits` is this one.
    let before = unsafe { atomic_xadd::<u64, u64, { AtomicOrdering::SeqCst }>(&raw mut (*counter).hits, 1) };
    if before == 0 {
        // SAFETY: takes no pointer.
        let at_ns = unsafe { bpf_ktime_get_ns() };
        // SAFETY: as above; only a slot's first hit gets here.
        unsafe { (&raw mut (*counter).first_hit_ns).write_volatile(at_ns) };
        tell(FirstHit { at_ns, slot, reserved: 0 });
    }
}

#[inline(always)]
fn miss(counter: *mut SlotCounter) {
    // SAFETY: as in `hit`.
    unsafe { atomic_xadd::<u64, u64, { AtomicOrdering::SeqCst }>(&raw mut (*counter).misses, 1) };
}

/// Every so many traps are worth a look at what they cost, whichever sites they were of.
#[inline(always)]
fn trapped() {
    let Some(traps) = TRAPS.get_ptr_mut(0) else { return };
    // SAFETY: the kernel gave the pointer to this CPU's live element. A trap that preempts another there may lose one.
    let now = unsafe {
        *traps += 1;
        *traps
    };
    if now % TRAPS_PER_WAKE == 0 {
        tell(FirstHit { at_ns: 0, slot: NO_SLOT, reserved: 0 });
    }
}

#[inline(always)]
fn tell(event: FirstHit) {
    // A full buffer loses nothing: the hit is in its counter.
    let _ = FIRST_HITS.output::<FirstHit>(&event, 0);
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// The program calls no helper that the kernel keeps for the GPL.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 11] = *b"Apache-2.0\0";
