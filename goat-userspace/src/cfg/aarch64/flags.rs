//! What A64 instructions do with the flags, and what its branches ask.

use super::word::{Group, Word, ZR_OR_SP};
use crate::cfg::{Comparison, Condition, Flags, Flow};

/// By A64's number of a condition, the number that [`Condition`] gives it. The last two, "always", are none.
const CONDITIONS: [Condition; 14] = [
    Condition::EQUAL,
    Condition::NOT_EQUAL,
    // Carry is set where nothing was borrowed.
    Condition::ABOVE_OR_EQUAL,
    Condition::BELOW,
    Condition::NEGATIVE,
    Condition::NOT_NEGATIVE,
    Condition::OVERFLOW,
    Condition::NO_OVERFLOW,
    Condition::ABOVE,
    Condition::BELOW_OR_EQUAL,
    Condition::GREATER_OR_EQUAL,
    Condition::LESS,
    Condition::GREATER,
    Condition::LESS_OR_EQUAL,
];

/// The condition of that number; `None` for "always".
pub(super) fn condition(number: u32) -> Option<Condition> {
    CONDITIONS.get(number as usize).copied()
}

/// What TBZ asks: whether a bit is zero; of a number's highest one, whether it is not negative (cmd/compile makes that of `x >= 0`).
pub(super) fn tested(word: Word) -> Condition {
    let highest = word.bits(23, 19) == 31;
    let asked = if highest { Condition::NOT_NEGATIVE } else { Condition::EQUAL };
    asked.of_register()
}

/// What the instruction does with the flags.
pub(super) fn flags(word: Word, flow: Flow) -> Flags {
    match word.group() {
        Group::BranchOrSystem => branch(word, flow),
        Group::Immediate if word.is_add_constant() && word.bit(29) => {
            compared(word, Comparison { constant: true, zero: word.constant() == 0, ..PLAIN })
        }
        // ANDS.
        Group::Immediate if word.is(0x7f80_0000, 0x7200_0000) => compared(word, MASKED),
        Group::Register => register(word),
        Group::Vector => vector(word),
        Group::Scalable | Group::Reserved => Flags::Clobbered,
        Group::Immediate | Group::LoadOrStore => Flags::Untouched,
    }
}

const PLAIN: Comparison = Comparison { constant: false, zero: false, byte_zero: false, masked: false, bit: false };
const ZERO: Comparison = Comparison { constant: true, zero: true, ..PLAIN };
const MASKED: Comparison = Comparison { masked: true, ..PLAIN };

/// What has no result but the flags compares; else they come along with a result.
fn compared(word: Word, comparison: Comparison) -> Flags {
    if word.rd() == ZR_OR_SP { Flags::Compared(comparison) } else { Flags::Clobbered }
}

fn register(word: Word) -> Flags {
    // CSEL, CSINC, CSINV, CSNEG.
    if word.is(0x3fe0_0800, 0x1a80_0000) {
        return condition(word.bits(15, 12)).map_or(Flags::Untouched, Flags::Chosen);
    }
    // ORR has bit 29 as well, for its name.
    if !word.bit(29) || word.is(0x7f00_0000, 0x2a00_0000) {
        return Flags::Untouched;
    }
    let subtracts = word.is(0x5f00_0000, 0x4b00_0000);
    let tests = word.is(0x7f20_0000, 0x6a00_0000);
    let itself = word.rn() == word.rm() && word.bits(15, 10) == 0;
    match (subtracts, tests) {
        (true, _) if word.rm() == ZR_OR_SP => compared(word, ZERO),
        (true, _) => compared(word, PLAIN),
        // TST of a value with itself compares it with zero.
        (_, true) if itself => compared(word, ZERO),
        (_, true) => compared(word, MASKED),
        // CMN, which compares with the opposite of what it names; CCMP, which may compare nothing; BICS, ADCS.
        _ => Flags::Clobbered,
    }
}

fn vector(word: Word) -> Flags {
    // FCSEL.
    if word.is(0xff20_0c00, 0x1e20_0c00) {
        return condition(word.bits(15, 12)).map_or(Flags::Untouched, Flags::Chosen);
    }
    // FCMP, FCCMP: numbers that are none make neither side the greater one, so that nothing follows from an answer.
    let compares = word.is(0xff20_fc07, 0x1e20_2000) || word.is(0xff20_0c00, 0x1e20_0400);
    if compares { Flags::Clobbered } else { Flags::Untouched }
}

fn branch(word: Word, flow: Flow) -> Flags {
    match (word.bits(30, 24), flow) {
        (0x34 | 0x35, Flow::Branch(..)) => Flags::Compared(ZERO),
        (0x36 | 0x37, Flow::Branch(..)) => bit_test(word),
        (_, Flow::Branch(..) | Flow::Jump(_) | Flow::Return | Flow::Table) => Flags::Untouched,
        // MSR. A call leaves nothing of them either.
        (0x55, _) if !word.bit(21) && (word.bit(20) || word.is(0xfff8_f01f, 0xd500_401f)) => Flags::Clobbered,
        (0x55, _) => Flags::Untouched,
        _ => Flags::Clobbered,
    }
}

/// TBZ and TBNZ. The lowest bit is all that there is of a truth value, also of one that came about as the opposite of what the
/// program names, or of a number's lowest bit: which of them it is, the machine code does not say.
fn bit_test(word: Word) -> Flags {
    let lowest = word.bits(23, 19) == 0 && !word.bit(31);
    let sign = tested(word).equality().is_none();
    match (lowest, sign) {
        (true, _) => Flags::Clobbered,
        (_, true) => Flags::Compared(ZERO),
        _ => Flags::Compared(MASKED),
    }
}
