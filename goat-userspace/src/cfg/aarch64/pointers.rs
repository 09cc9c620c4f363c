//! What A64 instructions do with pointers, for [`faults`](crate::cfg::faults).

use super::{
    access::{self, Access, Offset},
    called, follows_address, is_frame, may_fault,
    word::{Group, Word, ZR_OR_SP},
    words, writes_memory,
};
use crate::{
    addr::VirtAddr,
    cfg::{
        Flow, Insn, callee,
        faults::{Effects, Place},
    },
};

/// The register that holds the closure's context when a function is entered (cmd/internal/obj/arm64, `REGCTXT`).
pub(in crate::cfg) const CONTEXT: u8 = 26;
/// The register of a function's first result (Go's internal ABI).
const RESULT: u8 = 0;
/// Bytes of a pointer, and of a slot.
const POINTER: i64 = 8;

/// What each instruction does with pointers.
pub(in crate::cfg) fn effects<'a>(
    insns: &[Insn],
    code: &[u8],
    symbol: &dyn Fn(VirtAddr) -> Option<&'a str>,
) -> Vec<Effects> {
    let words = words(code);
    (insns.iter().enumerate())
        .map(|(i, insn)| {
            // What was left behind the last whole word is a trap.
            let Some(word) = words.get(i).copied().filter(|_| insn.flow != Flow::Trap) else {
                return Effects::default();
            };
            let returned = called(word, insn.addr).and_then(symbol).filter(|_| insn.flow == Flow::Call);
            if returned.is_some_and(callee::returns_memory) {
                return Effects { writes: vec![Place::Register(RESULT)], makes_address: true, ..Effects::default() };
            }
            pointers(word, follows_address(&words, i))
        })
        .collect()
}

fn pointers(word: Word, by_address: bool) -> Effects {
    if let Some(access) = Access::of(word) {
        return transfer(word, &access, by_address);
    }
    let tests = word.is(0x7c00_0000, 0x3400_0000).then(|| word.rd());
    let mut effects = Effects { compares_with_nil: compared_with_nil(word), tests, ..Effects::default() };
    let result = match word.group() {
        // CBZ and their like write nothing; MRS does, and where SYSL or BLR do, it does no harm to think so.
        Group::BranchOrSystem if !word.is(0xff00_0000, 0xd500_0000) => None,
        _ => Some(word.rd()),
    };
    effects.writes.extend(result.filter(|register| *register != ZR_OR_SP).map(Place::Register));
    if word.is_move() && word.is_wide() && word.rm() != ZR_OR_SP {
        effects.copies = Some(Place::Register(word.rm()));
    }
    let sum = word.is_add_constant() && !word.bit(29) && word.is_wide();
    effects.makes_frame_address = sum && is_frame(word.rn());
    let data = word.is(0x1f00_0000, 0x1000_0000) || sum && by_address;
    effects.makes_address = effects.makes_frame_address || data;
    effects
}

/// The register that is compared with nil: CBZ, CBNZ, CMP with zero.
fn compared_with_nil(word: Word) -> Option<u8> {
    let branch = word.is(0xfe00_0000, 0xb400_0000).then(|| word.rd());
    let constant = (word.is(0xffff_fc1f, 0xf100_001f)).then(|| word.rn());
    let register = word.is(0xffff_fc1f, 0xeb1f_001f).then(|| word.rn());
    branch.or(constant).or(register).filter(|register| *register != ZR_OR_SP)
}

fn transfer(word: Word, access: &Access, by_address: bool) -> Effects {
    let mut effects = Effects::default();
    let nil_faults = may_fault(word, Some(access), by_address) && matches!(access.offset, Offset::Constant(_));
    effects.through = nil_faults.then_some(access.base);
    effects.stores_through = writes_memory(word, Some(access)).then_some(access.base);
    effects.writes.extend(access::filled(word, access).map(Place::Register));
    if access.moves_base && access.base != ZR_OR_SP {
        effects.writes.push(Place::Register(access.base));
    }
    // Only the stack pointer stays where it is.
    let slots = slots(access).filter(|_| access.base == ZR_OR_SP && !access.moves_base);
    let Some((first, last)) = slots else { return effects };
    if access.stores {
        effects.writes.extend((first..=last).step_by(POINTER as usize).map(Place::Slot));
    }
    let whole = access.is_wide() && !access.pair && access.offset == Offset::Constant(first);
    if whole && access.stores && word.rd() != ZR_OR_SP {
        effects.copies = Some(Place::Register(word.rd()));
    } else if whole && access.loads {
        effects.copies = Some(Place::Slot(first));
    }
    effects
}

/// The first and the last slot that an access at a constant distance from the stack pointer touches.
fn slots(access: &Access) -> Option<(i64, i64)> {
    let Offset::Constant(offset) = access.offset else { return None };
    let slot = |at: i64| at - at.rem_euclid(POINTER);
    Some((slot(offset), slot(offset + i64::from(access.bytes) - 1)))
}
