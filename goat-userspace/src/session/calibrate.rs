//! What a trap costs on this machine, measured on goat itself: hardware and virtual machines differ by ten times.
//!
//! Two functions of goat's own are probed for a moment, one on an instruction that the kernel emulates, one on an instruction
//! that it single-steps, and called a few times.

use std::{
    arch::naked_asm,
    fs,
    os::fd::{AsFd, OwnedFd},
    path::Path,
    thread,
    time::Instant,
};

use goat_common::{Cookie, NO_SLOT};

use super::{
    governor::Costs,
    throttle::Ledger,
    uprobe_multi::{self, Site},
};

/// How many calls are timed at once, and how often; the fastest counts, as it was disturbed the least.
const CALLS: u32 = 20;
const ROUNDS: u32 = 8;
/// No trap costs less than the least or more than the most: what is measured outside is an accident.
const LEAST_NS: f64 = 50.0;
const MOST_NS: f64 = 100_000.0;

/// Measures in the background, and notes the result in `ledger`. `program` is the uprobe program; no slot of its counters
/// is touched.
pub(super) fn start(program: &OwnedFd, ledger: std::sync::Arc<Ledger>) {
    let Ok(program) = program.as_fd().try_clone_to_owned() else { return };
    let measure = move || match measure(&program) {
        Some(costs) => {
            tracing::debug!(?costs, "what a trap costs here");
            ledger.set_costs(costs);
        }
        None => tracing::debug!("cannot measure what a trap costs"),
    };
    // Without a thread, what is usual is good enough.
    let _ = thread::Builder::new().name("goat-calibrate".into()).spawn(measure);
}

fn measure(program: &OwnedFd) -> Option<Costs> {
    let functions = [emulated as extern "C" fn(), stepped as extern "C" fn()];
    let free: [f64; 2] = functions.map(time);
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    // No counter has that number, so that none is touched.
    let cookie = Cookie { slot: NO_SLOT, condition: None }.pack();
    let mut sites = Vec::with_capacity(functions.len());
    for function in functions {
        sites.push(Site { offset: offset(&maps, function as usize as u64)?, cookie });
    }
    let link = uprobe_multi::link(program.as_fd(), Path::new("/proc/self/exe"), &sites, std::process::id()).ok()?;
    let probed: [f64; 2] = functions.map(time);
    drop(link);
    let cost = |place: usize| {
        let ns = probed[place] - free[place];
        (LEAST_NS..MOST_NS).contains(&ns).then_some(ns)
    };
    let (emulated, stepped) = (cost(0)?, cost(1)?);
    Some(Costs { emulated, stepped: stepped.max(emulated) })
}

/// Nanoseconds a call.
fn time(function: extern "C" fn()) -> f64 {
    let round = |_| {
        let started = Instant::now();
        (0..CALLS).for_each(|_| std::hint::black_box(function)());
        started.elapsed().as_nanos() as f64 / f64::from(CALLS)
    };
    (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min)
}

/// Where in its file lies what is at `address` of this process, by the text of /proc/self/maps.
fn offset(maps: &str, address: u64) -> Option<u64> {
    maps.lines().find_map(|line| {
        let mut fields = line.split_whitespace();
        let (start, end) = fields.next()?.split_once('-')?;
        let (start, end) = (u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?);
        let offset = u64::from_str_radix(fields.nth(1)?, 16).ok()?;
        (start..end).contains(&address).then(|| offset + (address - start))
    })
}

#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
extern "C" fn emulated() {
    naked_asm!("nop", "ret")
}

#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
extern "C" fn stepped() {
    naked_asm!("mov rax, rax", "ret")
}

#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
extern "C" fn emulated() {
    naked_asm!("nop", "ret")
}

#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
extern "C" fn stepped() {
    naked_asm!("mov x9, x9", "ret")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_in_the_file() {
        let maps = "\
00400000-00452000 r-xp 00001000 08:02 173521 /usr/bin/goat
00651000-00652000 r--p 00051000 08:02 173521 /usr/bin/goat
garbage
";
        let check = |address, expected| assert_eq!(offset(maps, address), expected, "{address:#x}");
        check(0x40_0010, Some(0x1010));
        check(0x65_1000, Some(0x5_1000));
        check(0x45_2000, None);
    }

    #[test]
    fn the_functions_return() {
        emulated();
        stepped();
    }
}
