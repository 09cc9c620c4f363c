//! What loads and stores do: through which register, to which registers, how far.

use super::word::{Group, Word, ZR_OR_SP};

/// A load or a store, or both.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Access {
    /// The register that holds the address; [`ZR_OR_SP`] is the stack pointer.
    pub(super) base: u8,
    /// What is added to it: a constant, or a register.
    pub(super) offset: Offset,
    /// How many bytes are read or written from there on.
    pub(super) bytes: u32,
    pub(super) loads: bool,
    pub(super) stores: bool,
    /// Whether the base is moved.
    pub(super) moves_base: bool,
    /// Whether the registers are general ones.
    pub(super) general: bool,
    /// Whether it transfers two registers.
    pub(super) pair: bool,
}

/// What is added to the base.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Offset {
    Constant(i64),
    Register(u8),
}

impl Access {
    /// How the instruction touches memory; `None` if it does not, or reads what lies in the code itself.
    pub(super) fn of(word: Word) -> Option<Self> {
        if word.group() != Group::LoadOrStore {
            return None;
        }
        match word.bits(29, 28) {
            0b00 => Some(if word.bit(26) { structure(word) } else { ordered(word) }),
            0b01 if word.bit(24) => Some(unscaled_ordered(word)),
            // A literal.
            0b01 => None,
            0b10 => Some(pair(word)),
            _ => single(word),
        }
    }

    /// Whether the registers are 64-bit ones, one or two.
    pub(super) fn is_wide(&self) -> bool {
        self.general && self.bytes == if self.pair { 16 } else { 8 }
    }
}

/// Exclusive and ordered loads and stores, compare and swap: the base alone.
fn ordered(word: Word) -> Access {
    let compare_and_swap = word.bit(21) && (word.bit(23) || !word.bit(31));
    let pair = word.bit(21) && !word.bit(23);
    let size = 1 << word.bits(31, 30);
    Access {
        base: word.rn(),
        offset: Offset::Constant(0),
        bytes: if pair { 16 } else { size },
        loads: compare_and_swap || word.bit(22),
        stores: compare_and_swap || !word.bit(22),
        moves_base: false,
        general: true,
        pair,
    }
}

/// LD1, ST1 and their like.
fn structure(word: Word) -> Access {
    Access {
        base: word.rn(),
        offset: Offset::Constant(0),
        // Up to four registers of 16 bytes.
        bytes: 64,
        loads: word.bit(22),
        stores: !word.bit(22),
        moves_base: word.bit(23),
        general: false,
        pair: false,
    }
}

/// LDAPUR and STLUR; also copies of memory and tags, which Go does not use.
fn unscaled_ordered(word: Word) -> Access {
    let plain = word.is(0x3f20_0c00, 0x1900_0000);
    Access {
        base: word.rn(),
        offset: Offset::Constant(word.signed(20, 12)),
        bytes: 1 << word.bits(31, 30),
        loads: !plain || word.bits(23, 22) != 0,
        stores: !plain || word.bits(23, 22) == 0,
        moves_base: !plain,
        general: true,
        pair: false,
    }
}

fn pair(word: Word) -> Access {
    let each: u32 = match (word.bit(26), word.bits(31, 30)) {
        (true, size) => 4 << size,
        (false, 2) => 8,
        (false, _) => 4,
    };
    let post = word.bits(24, 23) == 0b01;
    Access {
        base: word.rn(),
        offset: Offset::Constant(if post { 0 } else { word.signed(21, 15) * i64::from(each) }),
        bytes: 2 * each,
        loads: word.bit(22),
        stores: !word.bit(22),
        moves_base: word.bit(23),
        general: !word.bit(26),
        pair: true,
    }
}

fn single(word: Word) -> Option<Access> {
    let vector = word.bit(26);
    let (size, opc) = (word.bits(31, 30), word.bits(23, 22));
    let bytes = if vector && opc & 2 != 0 { 16 } else { 1 << size };
    // PRFM faults at nothing and writes nothing; its bits say that it is a signed load of 8 bytes.
    let prefetches = !vector && size == 3 && opc == 2;
    let loads = if vector { opc & 1 == 1 } else { opc != 0 };
    let plain = Access {
        base: word.rn(),
        offset: Offset::Constant(0),
        bytes,
        loads,
        stores: !loads,
        moves_base: false,
        general: !vector,
        pair: false,
    };
    if word.bit(24) {
        let offset = Offset::Constant(i64::from(word.bits(21, 10)) * i64::from(bytes));
        return (!prefetches).then_some(Access { offset, ..plain });
    }
    let form = word.bits(11, 10);
    match (word.bit(21), form) {
        (false, 0b00 | 0b10) => {
            let offset = Offset::Constant(word.signed(20, 12));
            (!prefetches || form != 0).then_some(Access { offset, ..plain })
        }
        (false, 0b01) => Some(Access { moves_base: true, ..plain }),
        (false, _) => Some(Access { offset: Offset::Constant(word.signed(20, 12)), moves_base: true, ..plain }),
        (true, 0b10) => (!prefetches).then_some(Access { offset: Offset::Register(word.rm()), ..plain }),
        // LDADD, SWP and their like; LDAPR, which loads alone.
        (true, 0b00) => {
            let loads_alone = word.is(0x0020_fc00, 0x0020_c000) && word.bit(23);
            Some(Access { loads: true, stores: !loads_alone, ..plain })
        }
        // LDRAA and LDRAB.
        (true, _) => Some(Access { moves_base: word.bit(11), loads: true, stores: false, ..plain }),
    }
}

/// The general registers that a load fills, one or two; those of zero are left out.
pub(super) fn filled(word: Word, access: &Access) -> impl Iterator<Item = u8> {
    // LDADD and SWP put what was there into Rt; CAS puts it into Rs, a store-exclusive its outcome.
    let compares = word.is(0x3f00_0000, 0x0800_0000) && access.stores;
    let transferred = access.general && (access.loads && !compares);
    let first = transferred.then_some(word.rd());
    let second = (transferred && access.pair).then_some(word.rt2());
    // CASP takes a pair of them.
    let status = compares.then_some(word.rm());
    let status_pair = (compares && access.pair).then_some(word.rm() | 1);
    [first, second, status, status_pair].into_iter().flatten().filter(|register| *register != ZR_OR_SP)
}
