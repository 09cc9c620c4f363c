//! x86-64 machine code, decoded by iced-x86. Nothing else names it.

use iced_x86::{
    Code, Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpKind, Register,
};

use super::{
    Callee, Comparison, Condition, Flags, Flow, Insn, Tables, callee,
    faults::{Effects, Place},
    jump_table::targets,
    probe_class::{Encoding, Map, classify},
};
use crate::addr::{AddrRange, VirtAddr};

/// How many instructions in front of a jump through a table hold the table's address and the bounds check.
const TABLE_WINDOW: usize = 16;

/// Decodes `code`, which begins at `base`, instruction by instruction. Bytes that are no instruction become one-byte traps.
pub(super) fn decode<'a>(code: &[u8], base: VirtAddr, symbol: &dyn Fn(VirtAddr) -> Option<&'a str>) -> Vec<Insn> {
    let mut decoder = Decoder::with_ip(64, code, base.0, DecoderOptions::NONE);
    let mut insns = Vec::with_capacity(code.len() / 4);
    let mut instruction = Instruction::default();
    while decoder.can_decode() {
        let at = decoder.position();
        decoder.decode_out(&mut instruction);
        if instruction.is_invalid() {
            // Data between functions, or a decoder that knows less than the assembler: go on at the next byte.
            let _ = decoder.set_position(at + 1);
            decoder.set_ip(base.0 + at as u64 + 1);
            let addr = VirtAddr(base.0 + at as u64);
            insns.push(Insn::trap(addr, 1));
            continue;
        }
        let bytes = &code[at..decoder.position()];
        let flow = flow(&instruction, symbol);
        insns.push(Insn {
            addr: VirtAddr(instruction.ip()),
            len: u8::try_from(bytes.len()).expect("an x86 instruction has at most 15 bytes"),
            flow,
            probe: classify(&encoding(bytes)),
            weak: is_weak(&instruction),
            effect: flow == Flow::Call || writes_memory(&instruction),
            may_fault: may_fault(&instruction),
            flags: flags(&instruction),
            callee: known_callee(&instruction, symbol),
        });
    }
    insns
}

fn flow<'a>(instruction: &Instruction, symbol: &dyn Fn(VirtAddr) -> Option<&'a str>) -> Flow {
    let target = VirtAddr(instruction.near_branch_target());
    match instruction.flow_control() {
        FlowControl::UnconditionalBranch => Flow::Jump(target),
        FlowControl::ConditionalBranch => {
            if instruction.is_jcc_short_or_near() {
                Flow::Branch(target, Condition(condition_code(instruction)))
            } else {
                // jrcxz and loop test a register, not the flags; Go's compiler does not use them.
                Flow::Branch(target, Condition::UNKNOWN)
            }
        }
        FlowControl::IndirectBranch => Flow::Table,
        FlowControl::Return => Flow::Return,
        FlowControl::Call => callee::flow(symbol(target).unwrap_or_default()),
        FlowControl::IndirectCall => Flow::Call,
        FlowControl::Interrupt | FlowControl::Exception => Flow::Trap,
        FlowControl::Next | FlowControl::XbeginXabortXend => Flow::Next,
    }
}

fn known_callee<'a>(instruction: &Instruction, symbol: &dyn Fn(VirtAddr) -> Option<&'a str>) -> Callee {
    if instruction.flow_control() != FlowControl::Call {
        return Callee::Other;
    }
    callee::known(symbol(VirtAddr(instruction.near_branch_target())).unwrap_or_default())
}

fn flags(instruction: &Instruction) -> Flags {
    let condition = condition_code(instruction);
    if condition < 16 && instruction.flow_control() == FlowControl::Next {
        return Flags::Chosen(Condition(condition));
    }
    let width = |i| match instruction.op_kind(i) {
        OpKind::Register => instruction.op_register(i).size(),
        _ => instruction.memory_size().size(),
    };
    match instruction.mnemonic() {
        Mnemonic::Cmp => {
            let constant = is_immediate(instruction.op1_kind());
            let zero = constant && instruction.immediate(1) == 0;
            Flags::Compared(Comparison { constant, zero, byte_zero: zero && width(0) == 1, masked: false, bit: false })
        }
        // TEST x, x compares with zero. TEST with a mask, or of two values, tells whether their common bits are zero.
        Mnemonic::Test => {
            let itself =
                instruction.op_kind(1) == OpKind::Register && instruction.op0_register() == instruction.op1_register();
            let byte_zero = itself && width(0) == 1;
            Flags::Compared(Comparison { constant: itself, zero: itself, byte_zero, masked: !itself, bit: false })
        }
        Mnemonic::Bt => {
            Flags::Compared(Comparison { constant: false, zero: false, byte_zero: false, masked: true, bit: true })
        }
        // A call changes them; so does whatever the callee does.
        _ if instruction.rflags_modified() != 0 || instruction.flow_control() == FlowControl::Call => Flags::Clobbered,
        _ if instruction.flow_control() == FlowControl::IndirectCall => Flags::Clobbered,
        _ => Flags::Untouched,
    }
}

/// The condition as Jcc, SETcc and CMOVcc encode it in their low four bits.
fn condition_code(instruction: &Instruction) -> u8 {
    use iced_x86::ConditionCode as C;
    match instruction.condition_code() {
        C::o => 0,
        C::no => 1,
        C::b => 2,
        C::ae => 3,
        C::e => 4,
        C::ne => 5,
        C::be => 6,
        C::a => 7,
        C::s => 8,
        C::ns => 9,
        C::p => 10,
        C::np => 11,
        C::l => 12,
        C::ge => 13,
        C::le => 14,
        C::g => 15,
        C::None => u8::MAX,
    }
}

fn encoding(bytes: &[u8]) -> Encoding<'_> {
    let is_prefix = |b: u8| matches!(b, 0x26 | 0x2e | 0x36 | 0x3e | 0x64 | 0x65 | 0x66 | 0x67 | 0xf0 | 0xf2 | 0xf3);
    let n = bytes.iter().take_while(|b| is_prefix(**b)).count();
    let (prefixes, rest) = bytes.split_at(n);
    let (rex, rest) = match rest {
        [rex @ 0x40..=0x4f, rest @ ..] => (*rex, rest),
        _ => (0, rest),
    };
    let (map, opcode) = match rest {
        [0xc5, _, opcode, ..] | [0xc4, _, _, opcode, ..] => (Map::Vex, *opcode),
        [0x62, ..] | [] => (Map::Other, 0),
        [0x0f, 0x38 | 0x3a, opcode, ..] => (Map::ThreeByte, *opcode),
        [0x0f, opcode, ..] => (Map::TwoByte, *opcode),
        [opcode, ..] => (Map::Legacy, *opcode),
    };
    Encoding { prefixes, rex, map, opcode, bytes }
}

/// What the register allocator and the assembler put in: copies, spills, reloads, constants, addresses, nops, frame set-up.
fn is_weak(instruction: &Instruction) -> bool {
    let register = |i| instruction.op_kind(i) == OpKind::Register;
    let on_stack = matches!(instruction.memory_base(), Register::RSP | Register::RBP);
    match instruction.mnemonic() {
        Mnemonic::Nop | Mnemonic::Endbr64 => true,
        // xchg ax, ax is what the assembler writes for a nop behind a call that does not return.
        Mnemonic::Xchg => register(0) && register(1),
        Mnemonic::Mov
        | Mnemonic::Movups
        | Mnemonic::Movupd
        | Mnemonic::Movss
        | Mnemonic::Movsd
        | Mnemonic::Movaps
        | Mnemonic::Movq
        | Mnemonic::Movd
        | Mnemonic::Movzx
        | Mnemonic::Movsx
        | Mnemonic::Movsxd => {
            let memory = (0..instruction.op_count()).any(|i| instruction.op_kind(i) == OpKind::Memory);
            // A constant stored to memory that is not the stack is the program's doing.
            !memory || on_stack
        }
        Mnemonic::Lea => on_stack || instruction.memory_base() == Register::RIP,
        Mnemonic::Xor | Mnemonic::Xorps | Mnemonic::Pxor => {
            register(0) && register(1) && instruction.op_register(0) == instruction.op_register(1)
        }
        Mnemonic::Push | Mnemonic::Pop => true,
        Mnemonic::Add | Mnemonic::Sub => instruction.op0_register() == Register::RSP,
        _ => false,
    }
}

fn writes_memory(instruction: &Instruction) -> bool {
    let to_memory = instruction.op_count() > 0 && instruction.op0_kind() == OpKind::Memory;
    let on_stack = matches!(instruction.memory_base(), Register::RSP | Register::RBP);
    let reads_only = matches!(
        instruction.mnemonic(),
        Mnemonic::Cmp
            | Mnemonic::Test
            | Mnemonic::Nop
            | Mnemonic::Bt
            | Mnemonic::Push
            | Mnemonic::Prefetcht0
            | Mnemonic::Prefetchnta
    );
    to_memory && !on_stack && !reads_only || instruction.is_string_instruction()
}

fn may_fault(instruction: &Instruction) -> bool {
    let memory = (0..instruction.op_count()).any(|i| instruction.op_kind(i) == OpKind::Memory);
    // R14 holds the goroutine.
    let harmless = matches!(instruction.memory_base(), Register::RSP | Register::RBP | Register::RIP | Register::R14);
    // An index is only used behind a bounds check, and what has a length is there: the compiler never lets an indexed access
    // stand for a nil check (its operations have no faultOnNilArg0).
    let indexed = instruction.memory_index() != Register::None;
    let addresses_only = matches!(instruction.mnemonic(), Mnemonic::Lea | Mnemonic::Nop);
    let divides = matches!(instruction.mnemonic(), Mnemonic::Div | Mnemonic::Idiv);
    // String instructions have implicit operands.
    divides || memory && !harmless && !indexed && !addresses_only || instruction.is_string_instruction()
}

/// What each instruction does with pointers.
pub(super) fn effects<'a>(
    insns: &[Insn],
    code: &[u8],
    base: VirtAddr,
    symbol: &dyn Fn(VirtAddr) -> Option<&'a str>,
) -> Vec<Effects> {
    let mut factory = InstructionInfoFactory::new();
    insns
        .iter()
        .map(|insn| {
            let bytes = insn.addr.offset_from(base).and_then(|at| code.get(usize::try_from(at).ok()?..));
            match (bytes, insn.flow) {
                (Some(bytes), flow) if flow != Flow::Trap => {
                    let instruction = Decoder::with_ip(64, bytes, insn.addr.0, DecoderOptions::NONE).decode();
                    let called =
                        (flow == Flow::Call).then(|| symbol(VirtAddr(instruction.near_branch_target()))).flatten();
                    let mut effects = pointers(&instruction, &mut factory);
                    if called.is_some_and(callee::returns_memory) {
                        effects.writes = vec![Place::Register(RESULT)];
                        effects.makes_address = true;
                    }
                    effects
                }
                _ => Effects::default(),
            }
        })
        .collect()
}

/// The register of a function's first result (Go's internal ABI): AX.
const RESULT: u8 = 0;
/// The register that holds the closure's context when a function is entered: DX.
pub(super) const CONTEXT: u8 = 2;

fn pointers(instruction: &Instruction, factory: &mut InstructionInfoFactory) -> Effects {
    let number = |r: Register| r.full_register().number();
    let is_general = |r: Register| r.is_gpr();
    let slot = |i: &Instruction| {
        let plain = i.memory_base() == Register::RSP && i.memory_index() == Register::None;
        plain.then(|| Place::Slot(i.memory_displacement64().cast_signed()))
    };
    let mut effects = Effects::default();
    let base = instruction.memory_base();
    if may_fault(instruction) && is_general(base) && instruction.memory_index() == Register::None {
        effects.through = u8::try_from(number(base)).ok();
    }
    if writes_memory(instruction) && is_general(base) {
        effects.stores_through = u8::try_from(number(base)).ok();
    }
    for used in factory.info(instruction).used_registers() {
        use iced_x86::OpAccess::{CondWrite, ReadCondWrite, ReadWrite, Write};
        if matches!(used.access(), Write | CondWrite | ReadWrite | ReadCondWrite) && is_general(used.register()) {
            effects.writes.extend(u8::try_from(number(used.register())).map(Place::Register));
        }
    }
    if matches!(instruction.mnemonic(), Mnemonic::Test) && instruction.op0_register() == instruction.op1_register() {
        effects.compares_with_nil =
            u8::try_from(number(instruction.op0_register())).ok().filter(|_| instruction.op0_register().is_gpr64());
    }
    let register = |i| instruction.op_kind(i) == OpKind::Register;
    let wide = |i: u32| instruction.op_register(i).is_gpr64();
    match instruction.mnemonic() {
        Mnemonic::Mov if register(0) && register(1) && wide(0) => {
            effects.copies = u8::try_from(number(instruction.op1_register())).ok().map(Place::Register);
        }
        Mnemonic::Mov if register(0) && wide(0) && instruction.op1_kind() == OpKind::Memory => {
            effects.copies = slot(instruction);
        }
        Mnemonic::Mov if instruction.op0_kind() == OpKind::Memory && register(1) && wide(1) => {
            effects.writes = slot(instruction).into_iter().collect();
            effects.copies = u8::try_from(number(instruction.op1_register())).ok().map(Place::Register);
        }
        Mnemonic::Lea => {
            effects.makes_frame_address = matches!(base, Register::RSP | Register::RBP);
            effects.makes_address = effects.makes_frame_address || base == Register::RIP;
        }
        // Anything else that writes to the frame makes nothing of what was there.
        _ if instruction.op_count() > 0 && instruction.op0_kind() == OpKind::Memory => {
            effects.writes.extend(slot(instruction));
        }
        _ => {}
    }
    effects
}

/// The targets of jumps through tables: `lea base, [rip+table]` ... `jmp [base+index*8]`, with absolute addresses in the
/// table (cmd/compile's jump tables since Go 1.19), bounded by a comparison of the index in front of it.
pub(super) fn tables<'d>(
    insns: &[Insn],
    code: &[u8],
    range: AddrRange,
    data: &dyn Fn(VirtAddr, usize) -> Option<&'d [u8]>,
) -> Tables {
    let decode_at = |i: usize| {
        let insn = &insns[i];
        let at = usize::try_from(insn.addr.offset_from(range.low)?).ok()?;
        let bytes = code.get(at..at + usize::from(insn.len))?;
        Some(Decoder::with_ip(64, bytes, insn.addr.0, DecoderOptions::NONE).decode())
    };
    let mut tables = Tables::new();
    for (i, _) in insns.iter().enumerate().filter(|(_, insn)| insn.flow == Flow::Table) {
        let window: Vec<Instruction> = (i.saturating_sub(TABLE_WINDOW)..=i).rev().filter_map(decode_at).collect();
        let Some((base, entries)) = table(&window) else { continue };
        if let Some(targets) = targets(insns, range, base, entries, data) {
            tables.insert(i, targets);
        }
    }
    tables
}

/// The table's address and, if the bounds check is in sight, how many entries it has. `window` runs backwards from the jump.
fn table(window: &[Instruction]) -> Option<(VirtAddr, Option<usize>)> {
    let (jump, before) = window.split_first()?;
    let (base, index) = (jump.memory_base(), jump.memory_index());
    if jump.code() != Code::Jmp_rm64 || jump.memory_index_scale() != 8 || index == Register::None {
        return None;
    }
    let lea = before.iter().find(|i| i.op0_register() == base)?;
    if lea.mnemonic() != Mnemonic::Lea || lea.memory_base() != Register::RIP {
        return None;
    }
    let address = VirtAddr(lea.memory_displacement64());
    let compare = before.iter().position(|i| {
        i.mnemonic() == Mnemonic::Cmp && i.op0_register().full_register() == index && is_immediate(i.op1_kind())
    });
    let entries = compare.and_then(|at| {
        let bound = usize::try_from(before[at].immediate(1)).ok()?;
        // The first branch behind the comparison leaves for values above the bound.
        let branch = before[..at].iter().rev().find(|i| i.is_jcc_short_or_near())?;
        match branch.condition_code() {
            iced_x86::ConditionCode::a => bound.checked_add(1),
            iced_x86::ConditionCode::ae => Some(bound),
            _ => None,
        }
    });
    Some((address, entries))
}

fn is_immediate(kind: OpKind) -> bool {
    matches!(
        kind,
        OpKind::Immediate8
            | OpKind::Immediate8to32
            | OpKind::Immediate8to64
            | OpKind::Immediate32
            | OpKind::Immediate32to64
    )
}
