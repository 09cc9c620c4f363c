//! Stripped binaries are observed at the same places as whole ones: DWARF and pclntab say the same of every instruction of gofmt.

use std::{collections::BTreeMap, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use goat_tests::process::Process;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Agreement {
    instructions: usize,
    same: usize,
    undecoded: usize,
    different: BTreeMap<String, Different>,
}

#[derive(Deserialize)]
struct Different {
    instructions: usize,
    examples: Vec<String>,
}

#[test]
fn dwarf_and_pclntab_have_the_same_line_for_every_instruction_of_gofmt() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the crate lies in the repository")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut xtask = Command::new(cargo);
    xtask.current_dir(root).args(["run", "--quiet", "--package", "xtask", "--"]);
    let outcome = Process::run(xtask.args(["truth", "gofmt", "--tables", "--format", "json"]))?;
    let found: Vec<Agreement> = serde_json::from_str(&outcome.stdout).with_context(|| outcome.stderr.clone())?;
    let [gofmt] = &found[..] else { anyhow::bail!("{} programs were compared", found.len()) };

    ensure!(gofmt.instructions > 200_000, "only {} instructions were compared", gofmt.instructions);
    assert_eq!(gofmt.undecoded, 0);
    for (cause, different) in &gofmt.different {
        // Go gives wrappers no lines in DWARF; both tables know of no-ops, but one takes them for the end of what is in front.
        let known = match &**cause {
            "of wrappers, which DWARF gives no lines" => gofmt.instructions / 100,
            "no-ops in front of a jump's target" => gofmt.instructions / 10_000,
            _ => 0,
        };
        ensure!(different.instructions <= known, "{cause}: {} {:#?}", different.instructions, different.examples);
    }
    let different: usize = gofmt.different.values().map(|d| d.instructions).sum();
    assert_eq!(gofmt.same + different, gofmt.instructions);
    Ok(())
}
