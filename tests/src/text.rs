//! A process's machine code, as it is now: where breakpoints show.

use std::{fs::File, os::unix::fs::FileExt};

use anyhow::{Context, Result};

/// The breakpoint instruction on amd64.
pub const INT3: u8 = 0xcc;

/// The byte at each of `addresses` in process `pid`. The program must not be position-independent.
pub fn bytes(pid: u32, addresses: &[u64]) -> Result<Vec<u8>> {
    let path = format!("/proc/{pid}/mem");
    let mem = File::open(&path).with_context(|| format!("opening {path}"))?;
    let read = |&address: &u64| {
        let mut byte = [0];
        mem.read_exact_at(&mut byte, address).with_context(|| format!("reading {address:#x} of {path}"))?;
        Ok(byte[0])
    };
    addresses.iter().map(read).collect()
}
