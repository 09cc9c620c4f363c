//! goat's decoder held against Go's disassembler, over all of a program.

use anyhow::{Context, Result, ensure};
use goat::{
    addr::VirtAddr,
    binary::{self, Binary},
    cfg::{self, Cfg, Condition, Flags, Flow, Insn},
};

use crate::{
    listing::{self, Instruction},
    plans,
};

#[test]
fn every_instruction_of_gofmt_is_what_gos_disassembler_says() -> Result<()> {
    let gofmt = plans::gofmt()?;
    let binary = binary::open(&gofmt)?;
    let (mut compared, mut constants, mut wrong) = (0, 0, Vec::new());
    for function in listing::read(&gofmt)? {
        let cfg = decoded(&binary, &function.name, function.instructions[0].address)?;
        let Some(cfg) = cfg else { continue };
        for listed in &function.instructions {
            let at = cfg.insns.binary_search_by_key(&VirtAddr(listed.address), |insn| insn.addr);
            let insn = at.map(|at| &cfg.insns[at]).ok().context("an instruction is missing")?;
            ensure!(insn.len == 4, "{} has {} bytes", insn.addr, insn.len);
            compared += 1;
            // The assembler's constants stand between instructions; the disassembler takes them for some.
            if insn.flow == Flow::Trap && !matches!(listed.mnemonic(), "brk" | "hlt" | "udf" | "?") {
                constants += 1;
                continue;
            }
            if let Err(error) = check(listed, insn)
                && wrong.len() < 20
            {
                wrong.push(format!("{} {:#x} {}: {error}", function.name, listed.address, listed.text));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    ensure!(compared > 200_000, "only {compared} instructions were compared");
    ensure!(constants < compared / 1000, "{constants} of {compared} instructions are taken for constants");
    Ok(())
}

/// The function at `address`; `None` for what is no function of its own in the symbol table, or a mark of one byte.
fn decoded(binary: &Binary, name: &str, address: u64) -> Result<Option<Cfg>> {
    let Some(range) = binary.function_named(name) else { return Ok(None) };
    if range.low.0 != address || range.high.0 - range.low.0 < 4 {
        return Ok(None);
    }
    cfg::build(binary, range).map(Some).with_context(|| format!("decoding {name}"))
}

/// Holds what goat reads in an instruction against its text.
fn check(listed: &Instruction, insn: &Insn) -> Result<()> {
    let mnemonic = listed.mnemonic();
    if mnemonic == "?" {
        return Ok(());
    }
    let flow = flow(listed)?;
    let same = match (flow, insn.flow) {
        (Flow::Call, Flow::Panic { .. } | Flow::MoreStack) => mnemonic == "bl",
        (expected, found) => expected == found,
    };
    ensure!(same, "control goes {:?}, not {flow:?}", insn.flow);
    if flow == Flow::Trap {
        return Ok(());
    }
    let flags = match insn.flags {
        Flags::Untouched => "untouched",
        Flags::Clobbered | Flags::Compared(_) => "set",
        Flags::Chosen(_) => "asked",
    };
    ensure!(flags == expected_flags(mnemonic), "the flags are {flags}");

    let harmless = matches!(listed.base(), None | Some("sp" | "x29" | "x28"));
    ensure!(!insn.may_fault || !harmless || mnemonic == "sys" || mnemonic == "dc", "it can't fault");
    let on_stack = matches!(listed.base(), Some("sp" | "x29"));
    let stores = mnemonic.starts_with("st") && listed.base().is_some() && !on_stack;
    let calls = flow == Flow::Call && insn.flow == Flow::Call;
    let other = matches!(mnemonic, "svc" | "sys" | "dc") || mnemonic.starts_with("cas") || mnemonic.starts_with("ld");
    ensure!(!insn.effect || stores || calls || other, "it has no effect");
    // A store to the frame, through a register, is no effect either.
    ensure!(insn.effect || insn.weak || !stores, "it stores");
    ensure!(insn.effect || !calls, "it calls");
    let refused = mnemonic.contains('x') && listed.base().is_some() && (stores || mnemonic.starts_with("lda"));
    ensure!(!refused || insn.probe.is_none() || mnemonic.starts_with("str"), "it can't be probed");
    Ok(())
}

fn flow(listed: &Instruction) -> Result<Flow> {
    let target = || listed.target().map(VirtAddr);
    let branch = |condition: Condition| Ok(Flow::Branch(target()?, condition));
    let highest = listed.text.contains(", #63") || listed.text.contains(", #31") || listed.text.contains("#0x1f,");
    match listed.mnemonic() {
        "b" => Ok(Flow::Jump(target()?)),
        "bl" | "blr" => Ok(Flow::Call),
        "br" => Ok(Flow::Table),
        "ret" => Ok(Flow::Return),
        "brk" | "hlt" | "udf" => Ok(Flow::Trap),
        "cbz" => branch(Condition::EQUAL.of_register()),
        "cbnz" => branch(Condition::NOT_EQUAL.of_register()),
        "tbz" if highest => branch(Condition::NOT_NEGATIVE.of_register()),
        "tbnz" if highest => branch(Condition::NEGATIVE.of_register()),
        "tbz" => branch(Condition::EQUAL.of_register()),
        "tbnz" => branch(Condition::NOT_EQUAL.of_register()),
        other => match other.strip_prefix("b.") {
            Some(name) => branch(condition(name).with_context(|| format!("no condition is called {name}"))?),
            None => Ok(Flow::Next),
        },
    }
}

/// The condition that a plan for arm64 calls so.
fn condition(name: &str) -> Option<Condition> {
    let name = match name {
        "cs" => "hs",
        "cc" => "lo",
        other => other,
    };
    (0..16).map(Condition).find(|condition| condition.name("arm64") == name)
}

fn expected_flags(mnemonic: &str) -> &'static str {
    match mnemonic {
        "cmp" | "cmn" | "tst" | "adds" | "subs" | "ands" | "bics" | "adcs" | "sbcs" | "negs" | "ngcs" | "ccmp"
        | "ccmn" | "fcmp" | "fcmpe" | "fccmp" | "fccmpe" | "bl" | "blr" | "svc" | "cbz" | "cbnz" | "tbz" | "tbnz"
        | "msr" => "set",
        "csel" | "csinc" | "csinv" | "csneg" | "cset" | "csetm" | "cinc" | "cinv" | "cneg" | "fcsel" => "asked",
        _ => "untouched",
    }
}
