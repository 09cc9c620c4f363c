//! Jumps through tables, as cmd/compile makes them of a `switch` since Go 1.20:
//!
//! ```text
//! CMP   $last, R1
//! BHI   default
//! ADRP  table, R0
//! ADD   $table, R0, R0
//! MOVD  (R0)(R1<<3), R27
//! JMP   (R27)
//! ```

use super::{
    access::Access,
    address, flags,
    word::{Word, ZR_OR_SP},
    words,
};
use crate::{
    addr::{AddrRange, VirtAddr},
    cfg::{Condition, Flow, Insn, Tables, jump_table::targets},
};

/// How many instructions in front of a jump through a table hold the table's address and the bounds check.
const TABLE_WINDOW: usize = 20;

/// The targets of jumps through tables, which hold absolute addresses, bounded by a comparison of the index in front of them.
pub(in crate::cfg) fn tables<'d>(
    insns: &[Insn],
    code: &[u8],
    range: AddrRange,
    data: &dyn Fn(VirtAddr, usize) -> Option<&'d [u8]>,
) -> Tables {
    let words = words(code);
    let mut tables = Tables::new();
    for (i, _) in insns.iter().enumerate().filter(|(_, insn)| insn.flow == Flow::Table) {
        let Some((base, entries)) = table(&words, i, range.low) else { continue };
        if let Some(targets) = targets(insns, range, base, entries, data) {
            tables.insert(i, targets);
        }
    }
    tables
}

/// The table's address and, if the bounds check is in sight, how many entries it has.
fn table(words: &[Word], jump: usize, low: VirtAddr) -> Option<(VirtAddr, Option<usize>)> {
    let window = jump.saturating_sub(TABLE_WINDOW);
    let made = |register: u8, before: usize| (window..before).rev().find(|i| writes(words[*i], register));
    let load = made(words[jump].rn(), jump)?;
    // LDR Xt, [Xn, Xm, LSL #3].
    if !words[load].is(0xffe0_fc00, 0xf860_7800) {
        return None;
    }
    let (base, index) = (words[load].rn(), words[load].rm());
    let sum = made(base, load).filter(|i| words[*i].is(0xff80_0000, 0x9100_0000))?;
    let page = made(words[sum].rn(), sum).filter(|i| words[*i].is_adrp())?;
    let table = VirtAddr(words[page].address(address(low, page)).wrapping_add(words[sum].constant()));
    // SUBS of a constant, with no result.
    let compares = |word: &Word| word.is(0x7f80_001f, 0x7100_001f) && word.rn() == index;
    let compare = (window..load).rev().find(|i| compares(&words[*i]));
    let entries = compare.and_then(|at| {
        let bound = usize::try_from(words[at].constant()).ok()?;
        // The first branch behind the comparison leaves for values above the bound.
        let branch = words[at + 1..load].iter().find(|word| word.is(0xff00_0010, 0x5400_0000))?;
        match flags::condition(branch.bits(3, 0))? {
            Condition::ABOVE => bound.checked_add(1),
            Condition::ABOVE_OR_EQUAL => Some(bound),
            _ => None,
        }
    });
    Some((table, entries))
}

/// Whether an instruction may write the register: what is no store and no branch, and names it first.
fn writes(word: Word, register: u8) -> bool {
    let stores = Access::of(word).is_some_and(|access| access.stores && !access.loads);
    let branches = word.is(0x1c00_0000, 0x1400_0000);
    register != ZR_OR_SP && word.rd() == register && !stores && !branches
}
