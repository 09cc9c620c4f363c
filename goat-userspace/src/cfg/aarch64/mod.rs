//! A64 machine code, as cmd/compile and Go's assembler write it. Each instruction is one word, whose fields say everything that is
//! asked here ([`word`]); there is no need for a disassembler's names.

mod access;
mod flags;
mod pointers;
mod probe_class;
mod tables;
mod word;

pub(super) use pointers::{CONTEXT, effects};
pub(super) use tables::tables;

use std::collections::BTreeSet;

use self::{
    access::{Access, Offset},
    word::{Group, Word, ZR_OR_SP},
};
use super::{Callee, Flow, Insn, callee, flags::Condition};
use crate::addr::VirtAddr;

/// Bytes of an instruction.
const LEN: u8 = 4;

/// The assembler's own register: no value of the program is in it, nor is an index of the program's (cmd/internal/obj/arm64,
/// `REGTMP`).
const ASSEMBLERS: u8 = 27;
/// Holds the goroutine (`REGG`).
const GOROUTINE: u8 = 28;
/// The frame pointer (`REGFP`).
const FRAME: u8 = 29;

/// Decodes `code`, which begins at `base`. Words that are no instruction, constants that stand between instructions, and what is
/// left behind the last whole word become traps.
pub(super) fn decode<'a>(code: &[u8], base: VirtAddr, symbol: &dyn Fn(VirtAddr) -> Option<&'a str>) -> Vec<Insn> {
    let words = words(code);
    let constants = constants(&words, base);
    let exclusive = probe_class::exclusive(&words);
    let mut insns = Vec::with_capacity(words.len() + 1);
    for (i, &word) in words.iter().enumerate() {
        let addr = address(base, i);
        let flow = flow(word, addr, symbol);
        if constants.contains(&i) || flow == Flow::Trap {
            insns.push(Insn::trap(addr, LEN));
            continue;
        }
        let access = Access::of(word);
        let by_address = follows_address(&words, i);
        insns.push(Insn {
            addr,
            len: LEN,
            flow,
            probe: probe_class::classify(word).filter(|_| !exclusive[i]),
            weak: is_weak(word, access.as_ref(), by_address),
            effect: flow == Flow::Call || writes_memory(word, access.as_ref()),
            may_fault: may_fault(word, access.as_ref(), by_address),
            flags: flags::flags(word, flow),
            callee: known_callee(word, addr, symbol),
        });
    }
    let rest = code.len() % usize::from(LEN);
    if rest != 0 {
        insns.push(Insn::trap(address(base, words.len()), u8::try_from(rest).expect("less than a word")));
    }
    insns
}

fn words(code: &[u8]) -> Vec<Word> {
    code.chunks_exact(usize::from(LEN))
        .map(|bytes| Word(u32::from_le_bytes(bytes.try_into().expect("chunks of four bytes"))))
        .collect()
}

/// Where the `i`-th word lies.
fn address(base: VirtAddr, i: usize) -> VirtAddr {
    VirtAddr(base.0.wrapping_add(i as u64 * u64::from(LEN)))
}

/// The words that loads read relative to themselves: the assembler puts large constants between instructions, behind a jump.
fn constants(words: &[Word], base: VirtAddr) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    for (i, word) in words.iter().enumerate() {
        // They stand behind the loads that read them, so that what is one is known when it is come to.
        let Some((addr, len)) = word.literal(address(base, i)).filter(|_| !found.contains(&i)) else { continue };
        let Some(first) = addr.offset_from(base).and_then(|offset| usize::try_from(offset).ok()) else { continue };
        let first = first / usize::from(LEN);
        found.extend((first..first + len as usize / usize::from(LEN)).filter(|at| *at < words.len()));
    }
    found
}

/// Whether the instruction takes the page that the one in front of it has made the address of: `ADRP R0; ADD $lo, R0, R0`, and
/// `ADRP R27; MOVD lo(R27), R0`. Its address is that of something in the data.
fn follows_address(words: &[Word], i: usize) -> bool {
    let takes = words[i].is_add_constant() || Access::of(words[i]).is_some();
    takes && i > 0 && words[i - 1].is_adrp() && words[i - 1].rd() == words[i].rn()
}

/// What `UNDEF` was in Go's assembler before it became 0: no instruction (cmd/internal/obj/arm64/asm7.go).
const OLD_UNDEF: u32 = 0xbea7_1700;

fn flow<'a>(word: Word, at: VirtAddr, symbol: &dyn Fn(VirtAddr) -> Option<&'a str>) -> Flow {
    match word.group() {
        Group::Reserved => return Flow::Trap,
        Group::BranchOrSystem => {}
        _ if word.0 == OLD_UNDEF => return Flow::Trap,
        _ => return Flow::Next,
    }
    let target = |high, low| VirtAddr(at.0.wrapping_add((word.signed(high, low) << 2) as u64));
    match word.bits(31, 24) {
        0x14..=0x17 => Flow::Jump(target(25, 0)),
        0x94..=0x97 => callee::flow(symbol(target(25, 0)).unwrap_or_default()),
        0x54 => match flags::condition(word.bits(3, 0)) {
            Some(condition) => Flow::Branch(target(23, 5), condition),
            None => Flow::Jump(target(23, 5)),
        },
        0x34 | 0xb4 => Flow::Branch(target(23, 5), Condition::EQUAL.of_register()),
        0x35 | 0xb5 => Flow::Branch(target(23, 5), Condition::NOT_EQUAL.of_register()),
        0x36 | 0xb6 => Flow::Branch(target(18, 5), flags::tested(word)),
        0x37 | 0xb7 => Flow::Branch(target(18, 5), flags::tested(word).inverted()),
        // BR, BLR, RET, ERET, and those that authenticate.
        0xd6 | 0xd7 => match word.bits(23, 21) {
            0b000 => Flow::Table,
            0b001 => Flow::Call,
            0b010 => Flow::Return,
            _ => Flow::Trap,
        },
        // SVC, and what leaves the program.
        0xd4 if word.is(0xffe0_001f, 0xd400_0001) => Flow::Next,
        0xd5 => Flow::Next,
        _ => Flow::Trap,
    }
}

/// Where a BL leads.
fn called(word: Word, at: VirtAddr) -> Option<VirtAddr> {
    word.is(0xfc00_0000, 0x9400_0000).then(|| VirtAddr(at.0.wrapping_add((word.signed(25, 0) << 2) as u64)))
}

fn known_callee<'a>(word: Word, at: VirtAddr, symbol: &dyn Fn(VirtAddr) -> Option<&'a str>) -> Callee {
    called(word, at).map_or(Callee::Other, |target| callee::known(symbol(target).unwrap_or_default()))
}

/// Whether a register holds an address of the frame, or is the stack pointer.
fn is_frame(register: u8) -> bool {
    matches!(register, ZR_OR_SP | FRAME)
}

/// What the register allocator and the assembler put in: copies, spills, reloads, constants, addresses, nops, frame set-up.
fn is_weak(word: Word, access: Option<&Access>, by_address: bool) -> bool {
    match word.group() {
        Group::BranchOrSystem => word.is(0xffff_f01f, 0xd503_201f),
        Group::LoadOrStore => access.map_or(word.literal(VirtAddr(0)).is_some(), |access| is_frame(access.base)),
        Group::Immediate => {
            let address = word.is(0x1f00_0000, 0x1000_0000);
            let constant = word.is(0x1f80_0000, 0x1280_0000);
            // MOV of a constant that is a pattern: ORR with the zero register.
            let pattern = word.is(0x7f80_03e0, 0x3200_03e0);
            let sets_flags = word.bit(29);
            let frame = word.is_add_constant() && !sets_flags && (word.rn() == ZR_OR_SP || word.rd() == ZR_OR_SP);
            address || constant || pattern || frame || word.is_add_constant() && by_address || extends(word)
        }
        Group::Register => {
            // ADD and SUB of a register: where the frame is too large for a constant.
            let frame = word.is(0x3fe0_0000, 0x0b20_0000) && (word.rn() == ZR_OR_SP || word.rd() == ZR_OR_SP);
            word.is_move() || frame
        }
        // FMOV: between registers, to and from general ones, of a constant.
        Group::Vector => {
            word.is(0xff3f_fc00, 0x1e20_4000) || word.is(0x7f3e_fc00, 0x1e26_0000) || word.is(0xff20_1fe0, 0x1e20_1000)
        }
        Group::Scalable | Group::Reserved => false,
    }
}

/// Whether it only widens a value: SXTB, SXTH, SXTW, UXTB, UXTH, and UXTW where it is no MOV.
fn extends(word: Word) -> bool {
    let bit_field = word.is(0x1f80_0000, 0x1300_0000) && matches!(word.bits(30, 29), 0b00 | 0b10);
    bit_field && word.bits(21, 16) == 0 && matches!(word.bits(15, 10), 7 | 15 | 31)
}

/// Whether it writes memory other than the stack.
fn writes_memory(word: Word, access: Option<&Access>) -> bool {
    let stores = access.is_some_and(|access| access.stores && !is_frame(access.base));
    // SYS: DC ZVA clears memory. SVC: the system writes where it is told to.
    let system = word.is(0xfff8_0000, 0xd508_0000) || word.is(0xffe0_001f, 0xd400_0001);
    stores || system || word.group() == Group::Scalable
}

fn may_fault(word: Word, access: Option<&Access>, by_address: bool) -> bool {
    let Some(access) = access else {
        return word.is(0xfff8_0000, 0xd508_0000) || word.group() == Group::Scalable;
    };
    let harmless = is_frame(access.base) || access.base == GOROUTINE || by_address;
    !harmless && !is_indexed(access)
}

/// Whether the address has an index: that is only used behind a bounds check, and what has a length is there. The assembler's own
/// register holds a constant that does not fit into the instruction.
fn is_indexed(access: &Access) -> bool {
    matches!(access.offset, Offset::Register(index) if index != ASSEMBLERS)
}

#[cfg(test)]
mod tests;
