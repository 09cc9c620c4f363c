//! The machine code around a point, for people who want to see why an answer is wrong.

use std::{collections::BTreeMap, path::Path};

use super::{goat::Point, toolchain};

/// Instructions shown around each that belongs to the point.
const AROUND: usize = 4;
/// Lines shown of one function.
const LONGEST: usize = 90;
/// Functions shown of one point.
const FUNCTIONS: usize = 3;

/// Disassembled functions, by the linker's name.
pub(super) struct Disassembly<'a> {
    binary: &'a Path,
    functions: BTreeMap<String, Vec<Instruction>>,
}

struct Instruction {
    /// `walk.go:41`.
    place: String,
    /// `0x4a1b2c`.
    address: String,
    text: String,
}

impl<'a> Disassembly<'a> {
    pub(super) fn new(binary: &'a Path) -> Self {
        Self { binary, functions: BTreeMap::new() }
    }

    /// What the functions of `point`'s sites, or those that `names` gives, hold on its lines; the sites marked with `>`.
    pub(super) fn around(&mut self, point: &Point, names: &[String]) -> String {
        let file = Path::new(&point.file).file_name().map(|f| f.to_string_lossy().into_owned()).unwrap_or_default();
        let lines: Vec<String> = (point.line..=point.end_line).map(|line| format!("{file}:{line}")).collect();
        let mut text = String::new();
        for name in names.iter().take(FUNCTIONS) {
            let insns = self.function(name);
            let is_site = |i: &Instruction| point.sites.iter().any(|s| s.address == i.address);
            let mut shown = vec![false; insns.len()];
            for (at, insn) in insns.iter().enumerate() {
                if is_site(insn) || lines.contains(&insn.place) {
                    let (from, to) = (at.saturating_sub(AROUND), (at + AROUND + 1).min(insns.len()));
                    shown[from..to].fill(true);
                }
            }
            text += &format!("  {name}\n");
            let mut last = None;
            for (at, insn) in insns.iter().enumerate().filter(|(at, _)| shown[*at]).take(LONGEST) {
                if last.is_some_and(|last| last + 1 != at) {
                    text += "      ...\n";
                }
                last = Some(at);
                let mark = match insn {
                    insn if is_site(insn) => '>',
                    insn if lines.contains(&insn.place) => '*',
                    _ => ' ',
                };
                text += &format!("  {mark} {} {:<24} {}\n", insn.address, insn.place, insn.text);
            }
        }
        text
    }

    fn function(&mut self, name: &str) -> &[Instruction] {
        if !self.functions.contains_key(name) {
            let pattern: String = name
                .chars()
                .map(|c| {
                    if c.is_alphanumeric() || c == '_' || c == '/' {
                        c.to_string()
                    } else {
                        format!("\\x{{{:x}}}", c as u32)
                    }
                })
                .collect();
            let mut go = toolchain::go();
            go.args(["tool", "objdump", "-s", &format!("^{pattern}$")]).arg(self.binary);
            // A stripped binary has no symbols to find functions by: nothing is shown.
            let insns = toolchain::output(&mut go).map_or(Vec::new(), |text| text.lines().filter_map(parse).collect());
            self.functions.insert(name.to_owned(), insns);
        }
        &self.functions[name]
    }
}

/// `  walk.go:41\t0x4a1b2c\t\t4883ec18\t\tSUBQ $0x18, SP`.
fn parse(line: &str) -> Option<Instruction> {
    let mut words = line.split('\t').map(str::trim).filter(|word| !word.is_empty());
    let (place, address, _bytes) = (words.next()?, words.next()?, words.next()?);
    let text = words.collect::<Vec<_>>().join(" ");
    address.starts_with("0x").then(|| Instruction { place: place.to_owned(), address: address.to_owned(), text })
}
