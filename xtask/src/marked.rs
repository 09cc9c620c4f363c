//! What a bench prints, put between its marks in docs/performance.md.

use std::fs;

use anyhow::{Context, Result};

use crate::repository;

const DOCUMENT: &str = "docs/performance.md";

/// Puts `tables` between `<!-- bench NAME -->` and `<!-- end of bench NAME -->`.
pub(crate) fn write(name: &str, tables: &str) -> Result<()> {
    let path = repository::root().join(DOCUMENT);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {DOCUMENT}"))?;
    fs::write(&path, replaced(&text, name, tables)?).with_context(|| format!("cannot write {DOCUMENT}"))
}

fn replaced(text: &str, name: &str, tables: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- bench {name} -->\n"), format!("<!-- end of bench {name} -->"));
    let (before, rest) = text.split_once(&begin).with_context(|| format!("{DOCUMENT} has no {begin}"))?;
    let (_, after) = rest.split_once(&end).with_context(|| format!("{DOCUMENT} has no {end}"))?;
    Ok(format!("{before}{begin}\n{}\n\n{end}{after}", tables.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let text = "a\n<!-- bench x -->\nold\n<!-- end of bench x -->\nb\n<!-- bench y -->\n<!-- end of bench y -->\n";
        let expected =
            "a\n<!-- bench x -->\n\nnew\n\n<!-- end of bench x -->\nb\n<!-- bench y -->\n<!-- end of bench y -->\n";
        assert_eq!(replaced(text, "x", "new\n").unwrap(), expected);
        assert!(replaced("a", "x", "new").is_err());
    }
}
