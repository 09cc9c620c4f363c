//! DWARF and pclntab of the Go distribution's commands, held against each other instruction by instruction.

use std::{collections::BTreeMap, fmt::Write, path::Path};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::{Format, directory, document, oracle, subject::Variant, subjects, toolchain};

/// What the example `tables` of the goat-tests crate says of one binary.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Agreement {
    #[serde(default)]
    program: String,
    functions: usize,
    only_pclntab: usize,
    undecoded: usize,
    instructions: usize,
    same: usize,
    other_calls: usize,
    different: BTreeMap<String, Different>,
}

#[derive(Deserialize, Serialize)]
struct Different {
    instructions: usize,
    examples: Vec<String>,
}

/// Compares the tables of `commands`, as the distribution builds them. Fails if they differ for a reason that is not known.
pub(super) fn run(commands: &[&str], format: Format, document: Option<&Path>) -> Result<()> {
    let variant = Variant::default();
    let mut all = Vec::new();
    for name in commands {
        let (dir, _lock) = directory(&format!("tables-{name}"))?;
        let programs = subjects::small(name, &dir, &variant)?.programs;
        oracle::release(&programs, &variant, &dir)?;
        let json = toolchain::example("tables", &[&dir.join(name)], "")?;
        let mut agreement: Agreement = serde_json::from_str(&json).context("tables wrote no JSON")?;
        (*name).clone_into(&mut agreement.program);
        if format == Format::Text {
            print(&agreement);
        }
        all.push(agreement);
    }
    document::tell(&all, format, document, document::TABLES, markdown)?;
    let unknown = |a: &Agreement| a.different.get("unknown").map_or(0, |d| d.instructions);
    let wrong: usize = all.iter().map(|a| unknown(a) + a.undecoded).sum();
    ensure!(wrong == 0, "{wrong} instructions have other lines in DWARF than in pclntab, and it is not known why");
    Ok(())
}

fn print(agreement: &Agreement) {
    let Agreement { program, functions, instructions, same, other_calls, .. } = agreement;
    println!("-- {program}: {functions} functions, {instructions} instructions, {same} with the same file and line");
    println!(
        "   of these {other_calls} with other inlined calls around them; {} functions not decoded",
        agreement.undecoded
    );
    for (cause, different) in &agreement.different {
        println!("   {}: {cause}", different.instructions);
        for example in different.examples.iter().take(3) {
            println!("      {example}");
        }
    }
}

fn markdown(all: &[Agreement]) -> String {
    let mut text = String::from(
        "By `cargo xtask truth --tables`: file and line of every instruction of Go's functions, in both tables of one binary.\n\n\
         | | functions | instructions | the same | of these, other inlined calls |\n| --- | ---: | ---: | ---: | ---: |\n",
    );
    for a in all {
        let Agreement { program, functions, instructions, same, other_calls, .. } = a;
        let _ = writeln!(text, "| {program} | {functions} | {instructions} | {same} | {other_calls} |");
    }
    text += "\nWhat differs:\n\n";
    for a in all {
        for (cause, different) in &a.different {
            let _ = writeln!(text, "- {}: {} {cause}", a.program, different.instructions);
        }
    }
    text
}
