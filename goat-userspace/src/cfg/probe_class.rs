//! What the kernel's uprobes do with an x86-64 instruction: emulate it, single-step a copy, or refuse it.
//!
//! The rules are those of `arch/x86/kernel/uprobes.c`: `validate_insn_64bits` (which opcodes are accepted) and
//! `branch_setup_xol_ops`, `push_setup_xol_ops` (which are emulated). One rule is our own: flags and control registers that
//! a single step disturbs (`pushf`, `popf`) are left alone, since a single-stepped `pushf` leaves the trap flag on the stack.

use serde::{Deserialize, Serialize};

/// What the kernel does at the site, by uprobe's rules.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeClass {
    /// Emulated: a trap, and no single step.
    Emulated,
    /// A 5-byte nop, which Linux 6.18+ turns into a call after the first hit: emulated, but never to be disarmed by hand.
    Nop5,
    /// Single-stepped out of line.
    Stepped,
    /// Not probed: a hit is a fault of the instruction, of which the runtime's entry for faults tells.
    Fault,
}

impl ProbeClass {
    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Emulated => "emulated",
            Self::Nop5 => "nop5",
            Self::Stepped => "stepped",
            Self::Fault => "fault",
        }
    }
}

/// What the kernel does at an instruction; `None` if it refuses it or if it must not be tried.
pub type Probe = Option<ProbeClass>;

/// The bytes that decide: what stands in front of the opcode, and the opcode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Encoding<'a> {
    /// Legacy prefixes, in order: 66, F2, F3, segment overrides, lock.
    pub prefixes: &'a [u8],
    /// The REX byte, or 0.
    pub rex: u8,
    /// How the opcode is encoded.
    pub map: Map,
    /// The opcode's last byte: the one behind `0F`, for two-byte opcodes.
    pub opcode: u8,
    /// The whole instruction.
    pub bytes: &'a [u8],
}

/// Which opcode map an opcode byte belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Map {
    /// One byte.
    Legacy,
    /// `0F xx`.
    TwoByte,
    /// `0F 38 xx` and `0F 3A xx`.
    ThreeByte,
    /// VEX: the kernel looks the opcode up as if it had one byte.
    Vex,
    /// EVEX, or anything that the kernel's decoder does not know.
    Other,
}

/// Rows of 16 opcodes as bit sets, least significant bit first: the opcodes that may be probed.
const GOOD_ONE_BYTE: [u16; 16] = [
    row("1111110011111100"), // 00
    row("1111110011111100"), // 10
    row("1111110011111100"), // 20
    row("1111110011111100"), // 30
    row("0000000000000000"), // 40: REX, never an opcode
    row("1111111111111111"), // 50
    row("0001110011110000"), // 60
    row("1111111111111111"), // 70
    row("1101111111111111"), // 80
    row("1111111111111111"), // 90
    row("1111111111111111"), // a0
    row("1111111111111111"), // b0
    row("1111001111110000"), // c0
    row("1111000111111111"), // d0
    row("1111000011110000"), // e0
    row("0011011111001111"), // f0
];

const GOOD_TWO_BYTE: [u16; 16] = [
    row("0000000000000011"), // 00: no system instructions; 0d (prefetch) only on newer kernels
    row("1111111101111111"), // 10
    row("1111000011111111"), // 20
    row("0111000000000000"), // 30
    row("1111111111111111"), // 40
    row("1111111111111111"), // 50
    row("1111111111111111"), // 60
    row("1111111100000011"), // 70
    row("1111111111111111"), // 80
    row("1111111111111111"), // 90
    row("1111110011111101"), // a0
    row("1111111101111111"), // b0
    row("1111111111111111"), // c0
    row("0111111111111111"), // d0
    row("1111111111111111"), // e0
    row("0111111111111110"), // f0
];

const fn row(bits: &str) -> u16 {
    let bytes = bits.as_bytes();
    let (mut set, mut i) = (0, 0);
    while i < 16 {
        if bytes[i] == b'1' {
            set |= 1 << i;
        }
        i += 1;
    }
    set
}

const fn good(table: &[u16; 16], opcode: u8) -> bool {
    table[(opcode >> 4) as usize] >> (opcode & 15) & 1 == 1
}

/// Applies the kernel's rules.
pub fn classify(insn: &Encoding<'_>) -> Probe {
    // is_prefix_bad: ES, CS, SS, DS overrides and lock.
    if insn.prefixes.iter().any(|p| matches!(p, 0x26 | 0x2e | 0x36 | 0x3e | 0xf0)) {
        return None;
    }
    let accepted = match insn.map {
        Map::Legacy | Map::Vex => good(&GOOD_ONE_BYTE, insn.opcode),
        Map::TwoByte => good(&GOOD_TWO_BYTE, insn.opcode),
        // The kernel looks at the second opcode byte only when there are exactly two; 38 and 3a fail the one-byte test of 0f.
        Map::ThreeByte | Map::Other => false,
    };
    if !accepted {
        return None;
    }
    if insn.map == Map::Legacy {
        // A repeated string instruction traps once for each round when it is single-stepped.
        if insn.prefixes.iter().any(|p| matches!(p, 0xf2 | 0xf3)) && matches!(insn.opcode, 0xa4..=0xa7 | 0xaa..=0xaf) {
            return None;
        }
        match insn.opcode {
            // pushf, popf; mov to and pop of a segment register: see the module's comment and insn_masking_exception.
            0x9c | 0x9d | 0x8e | 0x17 | 0x1f | 0x07 => return None,
            0xe8 | 0xe9 | 0xeb | 0x70..=0x7f => {
                // branch_setup_xol_ops turns 66-prefixed branches down, and they are not single-stepped either.
                return (!insn.prefixes.contains(&0x66)).then_some(ProbeClass::Emulated);
            }
            // With REX.B it is no nop but xchg with r8, which kernels take for one all the same (insn_is_nop came late).
            0x90 => return (insn.rex & 1 == 0).then_some(ProbeClass::Emulated),
            0x50..=0x57 if insn.prefixes.is_empty() && matches!(insn.rex, 0 | 0x41) => {
                return Some(ProbeClass::Emulated);
            }
            _ => {}
        }
    }
    if insn.map == Map::TwoByte {
        match insn.opcode {
            0x80..=0x8f => return (!insn.prefixes.contains(&0x66)).then_some(ProbeClass::Emulated),
            0x1f if insn.bytes == [0x0f, 0x1f, 0x44, 0x00, 0x00] => return Some(ProbeClass::Nop5),
            0x1f => return Some(ProbeClass::Emulated),
            _ => {}
        }
    }
    Some(ProbeClass::Stepped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cfg::x86_64;

    fn check(bytes: &[u8], expected: Probe) {
        let insns = x86_64::decode(bytes, crate::addr::VirtAddr(0x40_1000), &|_| None);
        assert_eq!(insns[0].probe, expected, "{bytes:02x?}");
        assert_eq!(usize::from(insns[0].len), bytes.len(), "{bytes:02x?}");
    }

    #[test]
    fn follows_the_kernels_tables() {
        use ProbeClass::*;
        check(&[0x90], Some(Emulated)); // nop
        check(&[0x66, 0x90], Some(Emulated)); // nop of two bytes
        check(&[0x49, 0x90], None); // xchg r8, rax
        check(&[0x55], Some(Emulated)); // push rbp
        check(&[0x41, 0x54], Some(Emulated)); // push r12
        check(&[0xe8, 0, 0, 0, 0], Some(Emulated)); // call
        check(&[0xeb, 0x00], Some(Emulated)); // jmp
        check(&[0x0f, 0x84, 0, 0, 0, 0], Some(Emulated)); // je
        check(&[0x0f, 0x1f, 0x44, 0x00, 0x00], Some(Nop5));
        check(&[0x0f, 0x1f, 0x40, 0x00], Some(Emulated)); // nop of four bytes
        check(&[0x48, 0x89, 0xe5], Some(Stepped)); // mov rbp, rsp
        check(&[0xc3], Some(Stepped)); // ret
        check(&[0xff, 0xd0], Some(Stepped)); // call rax
        check(&[0xf0, 0x0f, 0xb1, 0x32], None); // lock cmpxchg
        check(&[0xf3, 0x48, 0xab], None); // rep stosq
        check(&[0xcc], None); // int3
        check(&[0x9c], None); // pushf
        check(&[0x0f, 0x05], None); // syscall
        check(&[0x0f, 0x0b], None); // ud2
        check(&[0xc5, 0xfe, 0x6f, 0x06], None); // vmovdqu ymm0, [rsi]
        check(&[0xc5, 0xf5, 0xef, 0xc9], None); // vpxor
        check(&[0x62, 0xf1, 0x7c, 0x48, 0x28, 0xc1], None); // vmovaps zmm0, zmm1 (EVEX)
        check(&[0x66, 0x0f, 0x38, 0x00, 0xc1], None); // pshufb: three-byte opcode
        check(&[0x66, 0x0f, 0xef, 0xc0], Some(Stepped)); // pxor
    }
}
