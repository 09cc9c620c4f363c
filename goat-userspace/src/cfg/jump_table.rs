//! What a jump through a table finds there: absolute addresses, on every architecture.

use super::Insn;
use crate::addr::{AddrRange, VirtAddr};

/// No switch has more cases than this; the compiler stops at 2^16 cases long before.
const MAX_TABLE: usize = 4096;

/// The targets in the table at `base`, of as many `entries` as are known; `None` where it is no table of the function in `range`.
pub(super) fn targets<'d>(
    insns: &[Insn],
    range: AddrRange,
    base: VirtAddr,
    entries: Option<usize>,
    data: &dyn Fn(VirtAddr, usize) -> Option<&'d [u8]>,
) -> Option<Vec<VirtAddr>> {
    let mut targets = Vec::new();
    for entry in 0..entries.unwrap_or(MAX_TABLE).min(MAX_TABLE) {
        let Some(bytes) = base.checked_add(entry as u64 * 8).and_then(|a| data(a, 8)) else { break };
        let target = VirtAddr(u64::from_le_bytes(bytes.try_into().expect("eight bytes were asked for")));
        if !range.contains(target) || insns.binary_search_by_key(&target, |i| i.addr).is_err() {
            break;
        }
        targets.push(target);
    }
    // A table that ends early was not understood: better no edges, and said so, than some.
    (!targets.is_empty() && entries.is_none_or(|n| n == targets.len())).then_some(targets)
}
