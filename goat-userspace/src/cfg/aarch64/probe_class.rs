//! What Linux does with a uprobe on an A64 instruction: arch/arm64/kernel/probes/decode-insn.c (`arm_probe_decode_insn`,
//! `aarch64_insn_is_steppable`), with the masks of arch/arm64/include/asm/insn.h. Where its releases differ, the strictest counts:
//!
//! - a nop is simulated since Linux 6.13, and single-stepped before; other hints are left alone here;
//! - loads of literals were simulated, wrongly, until Linux 6.12 ("arm64: probes: Remove broken LDR (literal) uprobe support");
//! - MRS is refused here altogether, where the kernel lets most of them be stepped.
//!
//! One rule is the kernel's for its own text alone and ours for programs: nothing between an exclusive load and its store, since a
//! trap in between makes the store fail each time, and the loop around it never ends.

use super::word::{Group, Word};
use crate::cfg::probe_class::{Probe, ProbeClass};

/// How many instructions behind an exclusive load its store is looked for: the kernel's `MAX_ATOMIC_CONTEXT_SIZE`.
const MAX_EXCLUSIVE: usize = 32;

/// Applies the kernel's rules to one instruction.
pub(super) fn classify(word: Word) -> Probe {
    match word.group() {
        Group::Reserved | Group::Scalable => None,
        Group::BranchOrSystem => branch_or_system(word),
        // ADR, ADRP.
        Group::Immediate if word.is(0x1f00_0000, 0x1000_0000) => Some(ProbeClass::Emulated),
        Group::LoadOrStore => {
            let literal = word.is(0x3b00_0000, 0x1800_0000);
            let exclusive = word.is(0x3f80_0000, 0x0800_0000);
            let copies_memory = word.is(0x3b20_0c00, 0x1900_0400);
            (!literal && !exclusive && !copies_memory).then_some(ProbeClass::Stepped)
        }
        Group::Immediate | Group::Register | Group::Vector => Some(ProbeClass::Stepped),
    }
}

fn branch_or_system(word: Word) -> Probe {
    // B, BL; B.cond; CBZ, CBNZ; TBZ, TBNZ; BR, BLR, RET.
    let simulated = word.is(0x7c00_0000, 0x1400_0000)
        || word.is(0xff00_0010, 0x5400_0000)
        || word.is(0x7e00_0000, 0x3400_0000)
        || word.is(0x7e00_0000, 0x3600_0000)
        || word.is(0xff9f_fc1f, 0xd61f_0000) && word.bits(22, 21) != 0b11
        || word.0 == NOP;
    if simulated {
        return Some(ProbeClass::Emulated);
    }
    // DMB, DSB, ISB; SYS, SYSL: caches and the like. Exceptions, hints, MSR and MRS are left alone.
    let barrier = word.is(0xffff_f000, 0xd503_3000);
    let system = word.is(0xffd8_0000, 0xd508_0000);
    (barrier || system).then_some(ProbeClass::Stepped)
}

const NOP: u32 = 0xd503_201f;

/// Whether each instruction of `words` stands between an exclusive load and its store.
pub(super) fn exclusive(words: &[Word]) -> Vec<bool> {
    let mut inside = vec![false; words.len()];
    for load in (0..words.len()).filter(|i| words[*i].is_exclusive_load()) {
        let window = words.len().min(load + 1 + MAX_EXCLUSIVE);
        let store = (load + 1..window).find(|i| words[*i].is_exclusive_store());
        inside[load..store.map_or(window, |store| store + 1)].fill(true);
    }
    inside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_kernels_rules() {
        use ProbeClass::*;
        let check = |word, expected, what| assert_eq!(classify(Word(word)), expected, "{what}");
        check(0x1400_0000, Some(Emulated), "b");
        check(0x97ff_fffe, Some(Emulated), "bl");
        check(0x5400_0061, Some(Emulated), "b.ne");
        check(0xb400_0040, Some(Emulated), "cbz x0");
        check(0x3500_0041, Some(Emulated), "cbnz w1");
        check(0x3600_0040, Some(Emulated), "tbz w0, #0");
        check(0xb7f8_0040, Some(Emulated), "tbnz x0, #63");
        check(0xd61f_0360, Some(Emulated), "br x27");
        check(0xd63f_0020, Some(Emulated), "blr x1");
        check(0xd65f_03c0, Some(Emulated), "ret");
        check(0xd503_201f, Some(Emulated), "nop");
        check(0x1000_0000, Some(Emulated), "adr x0");
        check(0x9000_001b, Some(Emulated), "adrp x27");
        check(0xd503_203f, None, "yield");
        check(0xd503_245f, None, "bti c");
        check(0xd503_233f, None, "paciasp");
        check(0xd61f_0800, None, "braaz x0");
        check(0xd65f_0bff, None, "retaa");
        check(0xd69f_03e0, None, "eret");
        check(0xd400_0001, None, "svc #0");
        check(0xd420_00a0, None, "brk #5");
        check(0xd53b_e040, None, "mrs x0, cntvct_el0");
        check(0xd51b_4200, None, "msr nzcv, x0");
        check(0xd503_3bbf, Some(Stepped), "dmb ish");
        check(0xd50b_7420, Some(Stepped), "dc zva, x0");
        check(0x5800_0040, None, "ldr x0, literal");
        check(0x1c00_0040, None, "ldr s0, literal");
        check(0x9800_0040, None, "ldrsw x0, literal");
        check(0xd800_0040, None, "prfm literal");
        check(0xc85f_fc20, None, "ldaxr x0, [x1]");
        check(0xc802_fc20, None, "stlxr w2, x0, [x1]");
        check(0xc87f_0820, None, "ldxp x0, x2, [x1]");
        check(0xc8df_fc20, Some(Stepped), "ldar x0, [x1]");
        check(0xc89f_fc20, Some(Stepped), "stlr x0, [x1]");
        check(0xc8e0_fc22, Some(Stepped), "casal x0, x2, [x1]");
        check(0xf8e0_0022, Some(Stepped), "ldaddal x0, x2, [x1]");
        check(0x1900_0400, None, "cpyfp");
        check(0xf940_0020, Some(Stepped), "ldr x0, [x1]");
        check(0x9100_0420, Some(Stepped), "add x0, x1, #1");
        check(0x1e60_2008, Some(Stepped), "fcmp d0, #0.0");
        check(0x0000_0000, None, "udf #0");
        check(0x7400_0000, None, "no branch that the kernel knows");
    }

    #[test]
    fn nothing_is_probed_between_an_exclusive_load_and_its_store() {
        let (load, add, store, again) = (0xc85f_fc20, 0x8b02_0000, 0xc803_fc20, 0x35ff_ffa3);
        let words = [add, load, add, store, again].map(Word);
        assert_eq!(exclusive(&words), [false, true, true, true, false]);
        let endless: Vec<Word> = std::iter::once(load).chain(std::iter::repeat_n(add, 40)).map(Word).collect();
        assert_eq!(exclusive(&endless).iter().filter(|inside| **inside).count(), 33);
    }
}
