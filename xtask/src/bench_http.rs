//! `cargo xtask bench http`: what answering costs, measured on this machine.

use std::{env, fs, process::Command};

use anyhow::{Context, Result, ensure};

use crate::repository;

const DOCUMENT: &str = "docs/performance.md";
/// What the tables stand between in the document.
const BEGIN: &str = "<!-- bench http -->\n";
const END: &str = "<!-- end of bench http -->";

/// Builds and runs the bench, which needs the privileges that attaching needs; `write` puts its tables into docs/performance.md.
pub fn run(write: bool) -> Result<()> {
    let out = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["run", "--quiet", "--release", "--package", "goat-tests", "--example", "bench_http"])
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("running cargo")?;
    ensure!(out.status.success(), "the bench failed");
    let tables = String::from_utf8(out.stdout).context("the bench wrote no text")?;
    print!("{tables}");
    if write {
        let path = repository::root().join(DOCUMENT);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {DOCUMENT}"))?;
        fs::write(&path, replaced(&text, &tables)?).with_context(|| format!("cannot write {DOCUMENT}"))?;
    }
    Ok(())
}

fn replaced(text: &str, tables: &str) -> Result<String> {
    let (before, rest) = text.split_once(BEGIN).with_context(|| format!("{DOCUMENT} has no {BEGIN}"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("{DOCUMENT} has no {END}"))?;
    Ok(format!("{before}{BEGIN}\n{}\n\n{END}{after}", tables.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let text = format!("a\n{BEGIN}old\n{END}\nb\n");
        assert_eq!(replaced(&text, "new\n").unwrap(), format!("a\n{BEGIN}\nnew\n\n{END}\nb\n"));
        assert!(replaced("a", "new").is_err());
    }
}
