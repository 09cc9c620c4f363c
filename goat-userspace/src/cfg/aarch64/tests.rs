//! Single instructions, by their words: what the tables in tests/tests/arm64.rs, held against Go's disassembler, can't name.

use super::*;
use crate::cfg::{
    Comparison, Flags, ProbeClass,
    faults::{Effects, Place},
};

const BASE: VirtAddr = VirtAddr(0x40_1000);

fn decoded(words: &[u32]) -> Vec<Insn> {
    let code: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    decode(&code, BASE, &|addr| match addr.0 {
        0x40_2000 => Some("runtime.morestack_noctxt.abi0"),
        0x40_3000 => Some("runtime.panicIndex"),
        0x40_4000 => Some("runtime.newobject"),
        _ => None,
    })
}

fn effects_of(words: &[u32]) -> Vec<Effects> {
    let code: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    effects(&decoded(words), &code, &|addr| (addr.0 == 0x40_4000).then_some("runtime.newobject"))
}

#[test]
fn control_goes_where_the_instruction_says() {
    let check = |word, expected| assert_eq!(decoded(&[word])[0].flow, expected, "{word:#010x}");
    let at = |offset: i64| VirtAddr(BASE.0.wrapping_add_signed(offset));
    check(0x1400_0003, Flow::Jump(at(12))); // b
    check(0x17ff_ffff, Flow::Jump(at(-4)));
    check(0x5400_0060, Flow::Branch(at(12), Condition::EQUAL)); // b.eq
    check(0x54ff_ffe9, Flow::Branch(at(-4), Condition::BELOW_OR_EQUAL)); // b.ls
    check(0x5400_006e, Flow::Jump(at(12))); // b.al
    check(0xb400_0060, Flow::Branch(at(12), Condition::EQUAL.of_register())); // cbz x0
    check(0x35ff_ffe0, Flow::Branch(at(-4), Condition::NOT_EQUAL.of_register())); // cbnz w0
    check(0x3610_0060, Flow::Branch(at(12), Condition::EQUAL.of_register())); // tbz w0, #2
    check(0xb7ff_ffe0, Flow::Branch(at(-4), Condition::NEGATIVE.of_register())); // tbnz x0, #63
    check(0x36f8_0060, Flow::Branch(at(12), Condition::NOT_NEGATIVE.of_register())); // tbz w0, #31
    check(0xd61f_0360, Flow::Table); // br x27
    check(0xd63f_0020, Flow::Call); // blr x1
    check(0xd65f_03c0, Flow::Return); // ret
    check(0x9400_0400, Flow::MoreStack); // bl
    check(0x9400_0800, Flow::Panic { explicit: false });
    check(0x9400_0c00, Flow::Call);
    check(0xd420_0000, Flow::Trap); // brk
    check(0x0000_0000, Flow::Trap); // udf
    check(0xbea7_1700, Flow::Trap);
    check(0xd400_0001, Flow::Next); // svc
    check(0xd503_201f, Flow::Next); // nop
}

#[test]
fn flags_are_compared_clobbered_or_asked() {
    let plain = Comparison { constant: false, zero: false, byte_zero: false, masked: false, bit: false };
    let constant = Comparison { constant: true, ..plain };
    let zero = Comparison { zero: true, ..constant };
    let masked = Comparison { masked: true, ..plain };
    let check = |word, expected, what| assert_eq!(decoded(&[word])[0].flags, expected, "{what}");
    check(0xeb01_001f, Flags::Compared(plain), "cmp x0, x1");
    check(0xf100_141f, Flags::Compared(constant), "cmp x0, #5");
    check(0xf100_001f, Flags::Compared(zero), "cmp x0, #0");
    check(0xb100_141f, Flags::Compared(constant), "cmn x0, #5");
    check(0xeb1f_001f, Flags::Compared(zero), "cmp x0, xzr");
    check(0xeb30_63ff, Flags::Compared(plain), "cmp sp, x16");
    check(0xab01_001f, Flags::Clobbered, "cmn x0, x1");
    check(0xea01_001f, Flags::Compared(masked), "tst x0, x1");
    check(0xea00_001f, Flags::Compared(zero), "tst x0, x0");
    check(0xf240_0c1f, Flags::Compared(masked), "tst x0, #15");
    check(0xf100_1400, Flags::Clobbered, "subs x0, x0, #5");
    check(0xba01_0000, Flags::Clobbered, "adcs");
    check(0xfa41_0000, Flags::Clobbered, "ccmp");
    check(0x1e61_2000, Flags::Clobbered, "fcmp d0, d1");
    check(0xd51b_4200, Flags::Clobbered, "msr nzcv, x0");
    check(0x9400_0c00, Flags::Clobbered, "bl");
    check(0x9a81_0000, Flags::Chosen(Condition::EQUAL), "csel x0, x0, x1, eq");
    check(0x9a9f_b7e0, Flags::Chosen(Condition::LESS), "cset x0, ge");
    check(0x1e61_cc00, Flags::Chosen(Condition::GREATER), "fcsel d0, d0, d1, gt");
    check(0xaa01_03e0, Flags::Untouched, "mov x0, x1");
    check(0xca01_0000, Flags::Untouched, "eor x0, x0, x1");
    check(0x9a01_0000, Flags::Untouched, "adc");
    check(0x8b01_0000, Flags::Untouched, "add x0, x0, x1");
    check(0x5400_0060, Flags::Untouched, "b.eq");
    check(0xd503_201f, Flags::Untouched, "nop");
    check(0xb400_0060, Flags::Compared(zero), "cbz x0");
    check(0x3610_0060, Flags::Compared(masked), "tbz w0, #2");
    check(0xb7f8_0060, Flags::Compared(zero), "tbnz x0, #63");
    check(0x3600_0060, Flags::Clobbered, "tbz w0, #0: a truth value, or whether a number is even");
}

#[test]
fn what_the_assembler_puts_in_is_weak() {
    let check = |words: &[u32], expected, what| assert_eq!(decoded(words).last().unwrap().weak, expected, "{what}");
    check(&[0xd503_201f], true, "nop");
    check(&[0xaa01_03e0], true, "mov x0, x1");
    check(&[0xd280_0020], true, "mov x0, #1");
    check(&[0xf280_0020], true, "movk");
    check(&[0xb240_03e0], true, "mov x0, #1 as a pattern");
    check(&[0x1e60_4020], true, "fmov d0, d1");
    check(&[0x9e66_0000], true, "fmov x0, d0");
    check(&[0x1e6e_1000], true, "fmov d0, #1.0");
    check(&[0x9340_7c00], true, "sxtw");
    check(&[0x5300_1c00], true, "uxtb");
    check(&[0xd343_fc00], false, "lsr x0, x0, #3");
    check(&[0x9100_23e0], true, "add x0, sp, #8");
    check(&[0xf940_07e0], true, "ldr x0, [sp, #8]");
    check(&[0xf81d_0ffe], true, "str x30, [sp, #-48]!");
    check(&[0xa97f_fbfd], true, "ldp x29, x30, [sp, #-8]");
    check(&[0x9000_0000], true, "adrp x0");
    check(&[0x9000_0000, 0x9101_0000], true, "adrp x0; add x0, x0, #64");
    check(&[0x9000_0001, 0x9101_0000], false, "adrp x1; add x0, x0, #64");
    check(&[0x9000_001b, 0xf940_0360], false, "adrp x27; ldr x0, [x27]");
    check(&[0xf940_0020], false, "ldr x0, [x1]");
    check(&[0x9100_0420], false, "add x0, x1, #1");
    check(&[0xeb01_001f], false, "cmp x0, x1");
    check(&[0x8b01_0000], false, "add x0, x0, x1");
    check(&[0x9a81_0000], false, "csel");
}

#[test]
fn memory_that_may_not_be_there_faults() {
    let check = |words: &[u32], faults, effect, what| {
        let insn = *decoded(words).last().as_ref().map(|i| (i.may_fault, i.effect)).as_ref().unwrap();
        assert_eq!(insn, (faults, effect), "{what}");
    };
    check(&[0xf940_0020], true, false, "ldr x0, [x1]");
    check(&[0xf900_0020], true, true, "str x0, [x1]");
    check(&[0xa900_7c3f], true, true, "stp xzr, xzr, [x1]");
    check(&[0xf940_07e0], false, false, "ldr x0, [sp, #8]");
    check(&[0xf900_07e0], false, false, "str x0, [sp, #8]");
    check(&[0xf940_0b90], false, false, "ldr x16, [x28, #16]: the goroutine");
    check(&[0xf862_7820], false, false, "ldr x0, [x1, x2, lsl #3]");
    check(&[0xf87b_6820], true, false, "ldr x0, [x1, x27]: an offset that is too large");
    check(&[0x9000_001b, 0xf900_0360], false, true, "adrp x27; str x0, [x27]");
    check(&[0xf8e0_0022], true, true, "ldaddal x0, x2, [x1]");
    check(&[0xc85f_fc20], true, false, "ldaxr x0, [x1]");
    check(&[0xc802_fc20], true, true, "stlxr w2, x0, [x1]");
    check(&[0x3d80_0020], true, true, "str q0, [x1]");
    check(&[0x3dc0_0020], true, false, "ldr q0, [x1]");
    check(&[0xf980_0020], false, false, "prfm pldl1keep, [x1]");
    check(&[0x5800_0040, 0x0000_0000], true, false, "what a literal's load reads is no instruction");
    check(&[0x9ac1_0800], false, false, "udiv x0, x0, x1");
}

#[test]
fn constants_between_instructions_are_none() {
    // ldr x0, =...; ret; the constant, which reads like two branches; ret.
    let insns = decoded(&[0x5800_0040, 0xd65f_03c0, 0x1400_0001, 0x1400_0001, 0xd65f_03c0]);
    let traps: Vec<bool> = insns.iter().map(|insn| insn.flow == Flow::Trap).collect();
    assert_eq!(traps, [false, false, true, true, false]);
    assert_eq!(insns[2].probe, None);
}

#[test]
fn bytes_behind_the_last_word_are_kept() {
    let insns = decode(&[0x1f, 0x20, 0x03, 0xd5, 0x00, 0x00], BASE, &|_| None);
    assert_eq!(insns.iter().map(|i| (i.addr.0 - BASE.0, i.len)).collect::<Vec<_>>(), [(0, 4), (4, 2)]);
    assert_eq!(insns[0].probe, Some(ProbeClass::Emulated));
}

#[test]
fn pointers_are_followed_through_registers_and_slots() {
    let check = |words: &[u32], expected: Effects, what| {
        assert_eq!(*effects_of(words).last().unwrap(), expected, "{what}");
    };
    let register = Place::Register;
    let none = Effects::default;
    check(&[0xf940_0020], Effects { through: Some(1), writes: vec![register(0)], ..none() }, "ldr x0, [x1]");
    check(&[0xf900_0020], Effects { through: Some(1), stores_through: Some(1), ..none() }, "str x0, [x1]");
    check(
        &[0xf940_07e0],
        Effects { writes: vec![register(0)], copies: Some(Place::Slot(8)), ..none() },
        "ldr x0, [sp, #8]",
    );
    check(
        &[0xf900_07e0],
        Effects { writes: vec![Place::Slot(8)], copies: Some(register(0)), ..none() },
        "str x0, [sp, #8]",
    );
    check(
        &[0xa901_03e1],
        Effects { writes: vec![Place::Slot(16), Place::Slot(24)], ..none() },
        "stp x1, x0, [sp, #16]",
    );
    check(&[0xb900_0fe0], Effects { writes: vec![Place::Slot(8)], ..none() }, "str w0, [sp, #12]");
    check(&[0xaa01_03e0], Effects { writes: vec![register(0)], copies: Some(register(1)), ..none() }, "mov x0, x1");
    check(
        &[0x9100_23e0],
        Effects { writes: vec![register(0)], makes_address: true, makes_frame_address: true, ..none() },
        "add x0, sp, #8",
    );
    check(
        &[0x9000_0000, 0x9101_0000],
        Effects { writes: vec![register(0)], makes_address: true, ..none() },
        "adrp x0; add x0, x0, #64",
    );
    check(&[0xb400_0063], Effects { compares_with_nil: Some(3), tests: Some(3), ..none() }, "cbz x3");
    check(&[0x3400_0063], Effects { tests: Some(3), ..none() }, "cbz w3");
    check(&[0xf100_007f], Effects { compares_with_nil: Some(3), ..none() }, "cmp x3, #0");
    check(&[0x8b01_0043], Effects { writes: vec![register(3)], ..none() }, "add x3, x2, x1");
    check(&[0x9400_0c00], Effects { writes: vec![register(0)], makes_address: true, ..none() }, "bl newobject");
    check(
        &[0xc802_fc20],
        Effects { through: Some(1), stores_through: Some(1), writes: vec![register(2)], ..none() },
        "stlxr",
    );
}
