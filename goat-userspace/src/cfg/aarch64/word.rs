//! One A64 instruction: 32 bits, whose fields say what it is. The encodings are those of the Arm Architecture Reference Manual,
//! chapter C4 ("A64 Instruction Set Encoding"), by whose sections the groups are named here.

use crate::addr::VirtAddr;

/// The register number that means the stack pointer or zero.
pub(super) const ZR_OR_SP: u8 = 31;

/// An instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Word(pub(super) u32);

/// The group that bits 28 to 25 choose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Group {
    /// Constants, addresses, bit fields.
    Immediate,
    /// Branches, exceptions, system instructions.
    BranchOrSystem,
    /// Memory.
    LoadOrStore,
    /// Arithmetic on general registers.
    Register,
    /// Floating point and vectors.
    Vector,
    /// SVE, which Go does not use: nothing is known of it.
    Scalable,
    /// No instruction.
    Reserved,
}

impl Word {
    /// Whether the bits of `mask` have this value.
    pub(super) const fn is(self, mask: u32, value: u32) -> bool {
        self.0 & mask == value
    }

    /// The bits from `low` to `high`, both included.
    pub(super) const fn bits(self, high: u32, low: u32) -> u32 {
        (self.0 >> low) & ((1 << (high - low + 1)) - 1)
    }

    pub(super) const fn bit(self, at: u32) -> bool {
        self.0 >> at & 1 == 1
    }

    const fn register(self, low: u32) -> u8 {
        (self.0 >> low & 31) as u8
    }

    /// The destination of arithmetic, and the first register that a load or store transfers.
    pub(super) const fn rd(self) -> u8 {
        self.register(0)
    }

    /// The first operand, and the base of an address.
    pub(super) const fn rn(self) -> u8 {
        self.register(5)
    }

    /// The second register of a pair.
    pub(super) const fn rt2(self) -> u8 {
        self.register(10)
    }

    /// The second operand, and the index of an address.
    pub(super) const fn rm(self) -> u8 {
        self.register(16)
    }

    /// The bits from `low` to `high` as a signed number.
    pub(super) const fn signed(self, high: u32, low: u32) -> i64 {
        ((self.0 as i32) << (31 - high) >> (31 - high + low)) as i64
    }

    pub(super) const fn group(self) -> Group {
        match self.bits(28, 25) {
            0b1000 | 0b1001 => Group::Immediate,
            0b1010 | 0b1011 => Group::BranchOrSystem,
            0b0100 | 0b0110 | 0b1100 | 0b1110 => Group::LoadOrStore,
            0b0101 | 0b1101 => Group::Register,
            0b0111 | 0b1111 => Group::Vector,
            0b0010 => Group::Scalable,
            _ => Group::Reserved,
        }
    }

    /// ADRP.
    pub(super) const fn is_adrp(self) -> bool {
        self.is(0x9f00_0000, 0x9000_0000)
    }

    /// ADD or SUB of a constant, with or without flags.
    pub(super) const fn is_add_constant(self) -> bool {
        self.is(0x1f80_0000, 0x1100_0000)
    }

    /// MOV between general registers: ORR with the zero register.
    pub(super) const fn is_move(self) -> bool {
        self.is(0x7fe0_ffe0, 0x2a00_03e0)
    }

    /// Whether a data-processing instruction works on 64 bits.
    pub(super) const fn is_wide(self) -> bool {
        self.bit(31)
    }

    /// The constant that ADD and SUB take.
    pub(super) const fn constant(self) -> u64 {
        let plain = self.bits(21, 10) as u64;
        if self.bit(22) { plain << 12 } else { plain }
    }

    /// Where ADRP and ADR at `at` point.
    pub(super) const fn address(self, at: VirtAddr) -> u64 {
        let offset = self.signed(23, 5) << 2 | self.bits(30, 29) as i64;
        if self.is_adrp() {
            (at.0 & !0xfff).wrapping_add((offset << 12) as u64)
        } else {
            at.0.wrapping_add(offset as u64)
        }
    }

    /// The literal that a load at `at` reads relative to itself: its address and its length.
    pub(super) const fn literal(self, at: VirtAddr) -> Option<(VirtAddr, u64)> {
        if !self.is(0x3b00_0000, 0x1800_0000) {
            return None;
        }
        let addr = VirtAddr(at.0.wrapping_add((self.signed(23, 5) << 2) as u64));
        let len = match (self.bit(26), self.bits(31, 30)) {
            (true, size) => 4 << size,
            // LDR Wt; LDRSW.
            (false, 0 | 2) => 4,
            (false, _) => 8,
        };
        Some((addr, len))
    }

    /// The load that begins an exclusive sequence: LDXR, LDAXR, LDXP, ... The masks are Linux's
    /// (arch/arm64/include/asm/insn.h, `load_ex`).
    pub(super) const fn is_exclusive_load(self) -> bool {
        self.is(0x3fc0_0000, 0x0840_0000)
    }

    /// The store that ends it (`store_ex`).
    pub(super) const fn is_exclusive_store(self) -> bool {
        self.is(0x3fc0_0000, 0x0800_0000)
    }
}
