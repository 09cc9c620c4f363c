//! What Go's disassembler says of a program: `go tool objdump -gnu`.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use goat_tests::{go, tool};

/// A function.
pub(crate) struct Function {
    /// The linker's name.
    pub(crate) name: String,
    pub(crate) instructions: Vec<Instruction>,
}

/// One of its instructions.
pub(crate) struct Instruction {
    pub(crate) address: u64,
    /// `gofmt.go:41`.
    pub(crate) place: String,
    /// As GNU's assembler writes it, in small letters: `ldr x0, [x1]`; `?` where it is not known.
    pub(crate) text: String,
}

/// Disassembles `binary`.
pub(crate) fn read(binary: &Path) -> Result<Vec<Function>> {
    let mut objdump: Command = go::command();
    let text = tool::output(objdump.args(["tool", "objdump", "-gnu"]).arg(binary))?;
    let mut functions: Vec<Function> = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("TEXT ") {
            let name = rest.split("(SB)").next().unwrap_or(rest).to_owned();
            functions.push(Function { name, instructions: Vec::new() });
        } else if let (Some(instruction), Some(function)) = (parse(line), functions.last_mut()) {
            function.instructions.push(instruction);
        }
    }
    ensure!(!functions.is_empty(), "there is nothing in {}", binary.display());
    Ok(functions)
}

/// `  walk.go:41\t0x4a1b2c\t\tf9400b90\t\tMOVD 16(R28), R16    // ldr x16, [x28,#16]`.
fn parse(line: &str) -> Option<Instruction> {
    let mut words = line.split('\t').map(str::trim).filter(|word| !word.is_empty());
    let (place, address, _bytes) = (words.next()?, words.next()?, words.next()?);
    let text = words.next().unwrap_or("?");
    let text = text.rsplit_once("// ").map_or(text, |(_, gnu)| gnu);
    let address = u64::from_str_radix(address.strip_prefix("0x")?, 16).ok()?;
    Some(Instruction { address, place: place.to_owned(), text: text.trim().to_lowercase() })
}

impl Instruction {
    /// `b.eq` of `b.eq .+0x14`.
    pub(crate) fn mnemonic(&self) -> &str {
        self.text.split_whitespace().next().unwrap_or_default()
    }

    /// Where a branch leads: `.+0x14` or `.-0x8` at the end.
    pub(crate) fn target(&self) -> Result<u64> {
        let (_, offset) = self.text.rsplit_once('.').with_context(|| format!("{} leads nowhere", self.text))?;
        let (sign, digits) = offset.split_at(1);
        let distance = u64::from_str_radix(digits.trim_start_matches("0x"), 16)?;
        Ok(if sign == "-" { self.address.wrapping_sub(distance) } else { self.address.wrapping_add(distance) })
    }

    /// The register that holds the address of the memory that it touches: `x1` of `ldr x0, [x1,#8]`.
    pub(crate) fn base(&self) -> Option<&str> {
        let (_, address) = self.text.split_once('[')?;
        address.split([',', ']']).next().map(str::trim)
    }
}
