//! docs/accuracy.md: the figures, beside those of an address-only mapping, with the command that makes them.

use std::{fmt::Write, fs, ops::Range, path::Path};

use anyhow::{Context, Result};
use serde::Serialize;

use super::{
    Format,
    counts::Counts,
    judge::{Figures, share},
    report::{Disagreement, SubjectReport},
    toolchain,
};

/// Examples of each kind.
const EXAMPLES: usize = 8;

const HEAD: &str = "# Accuracy

Is what goat says ran what ran? `cargo xtask truth` builds each program as released and once more with the Go toolchain's own
counters (`go build -cover -covermode=atomic`), drives both with the same input, and holds goat's answer about every line against
the counter of the statement that begins on it. This file is written by

    cargo xtask truth --baseline --counts --variants --write

How it is judged:

- Every statement has a counter of its own: on its way to `cover` the source gets an empty `{};` in front of each, on its line. So
  a statement behind a call that panicked counts as not run. What goat probes is the program without any of this.
- The program with counters runs twice; lines on which its runs disagree are *unsteady* and set aside.
- *Falsely covered*: goat says that the line ran, the counter is 0. *Missed*: goat says that it did not run, the counter is not 0.
- *Finer*: a later operand of `&&` or `||` on a line of its own, or a part of a statement behind a panic within it. The counter is
  the statement's; the source decides, and where goat says *covered* against it, that is falsely covered.
- *Unobservable*: goat says that it cannot tell, and why; the share is of the lines of functions that are in the binary.
- *Address-only* is the mapping that goat is compared with, on the same input: a probe on every row that the line table marks as the
  beginning of a statement on the line, and any hit means that the line ran.
";

/// Sections that are made by runs of their own, and stay as they are in the others.
pub(super) const VARIANTS: &str = "Other releases, flags and targets";
pub(super) const TABLES: &str = "DWARF and pclntab";
pub(super) const SURVIVAL: &str = "With every probe in place";
pub(super) const STRIPPED: &str = "Stripped builds";
pub(crate) const LINES: &str = "Changed lines";

/// Writes the document: all of it, or where no subject was judged with its defaults, the section of the variants.
pub(super) fn write(path: &Path, subjects: &[SubjectReport], variants: &[&SubjectReport]) -> Result<()> {
    if subjects.is_empty() {
        return section(path, VARIANTS, &variants_table(variants));
    }
    let old = fs::read_to_string(path).unwrap_or_default();
    let mut text = String::from(HEAD);
    let _ = writeln!(text, "\nWith {} on {}.\n", toolchain::version()?, std::env::consts::ARCH);
    lines(&mut text, subjects);
    unobservable(&mut text, subjects);
    counts(&mut text, subjects);
    sites(&mut text, subjects);
    if !variants.is_empty() {
        let _ = write!(text, "\n## {VARIANTS}\n\n{}", variants_table(variants));
    }
    disagreements(&mut text, subjects.iter().chain(variants.iter().copied()));
    for title in [VARIANTS, TABLES, STRIPPED, SURVIVAL, LINES] {
        if let (None, Some(at)) = (place(&text, title), place(&old, title)) {
            text = text.trim_end().to_owned() + "\n\n" + &old[at];
        }
    }
    let text = text.trim_end().to_owned() + "\n";
    fs::create_dir_all(path.parent().context("the document has a directory")?)?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Puts `body` into the document's section `title`, in place of what it held.
pub(crate) fn section(path: &Path, title: &str, body: &str) -> Result<()> {
    let mut text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let body = format!("## {title}\n\n{}\n", body.trim_end());
    match place(&text, title) {
        Some(at) => {
            let behind = if at.end < text.len() { "\n" } else { "" };
            text.replace_range(at, &(body + behind));
        }
        None => text = text.trim_end().to_owned() + "\n\n" + &body,
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Tells of a run that is no judgement: as JSON if asked for, and in its section of the document if there is one.
pub(super) fn tell<T: Serialize>(
    all: &[T],
    format: Format,
    document: Option<&Path>,
    title: &str,
    markdown: fn(&[T]) -> String,
) -> Result<()> {
    if format == Format::Json {
        println!("{}", serde_json::to_string_pretty(all)?);
    }
    document.map_or(Ok(()), |path| section(path, title, &markdown(all)))
}

/// From a section's title up to the next one's.
fn place(text: &str, title: &str) -> Option<Range<usize>> {
    let head = format!("\n## {title}\n");
    let start = text.find(&head)? + 1;
    let end = text[start..].find("\n## ").map_or(text.len(), |at| start + at + 1);
    Some(start..end)
}

fn variants_table(variants: &[&SubjectReport]) -> String {
    let mut text = String::from("By `cargo xtask truth --variants`; each Go release on its own gofmt.\n\n");
    table(&mut text, variants.iter().map(|v| (v.name.clone(), v.total())));
    text
}

fn lines(text: &mut String, subjects: &[SubjectReport]) {
    *text += "## Lines\n\n";
    for subject in subjects {
        let _ = writeln!(text, "- **{}**: {}", subject.name, subject.about);
    }
    *text += "\n";
    let mut rows = Vec::new();
    for subject in subjects {
        rows.push((subject.name.clone(), subject.total()));
        if let Some(baseline) = subject.baseline() {
            rows.push((format!("{}, address-only", subject.name), baseline));
        }
    }
    table(text, rows.into_iter());
}

fn table(text: &mut String, rows: impl Iterator<Item = (String, Figures)>) {
    *text +=
        "| | judged | ran, covered | not run | falsely covered | missed | recall | finer | unobservable | unsteady |\n";
    *text += "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n";
    for (name, f) in rows {
        let (blind, blind_share) = f.blind();
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {} | {} | {:.2} % | {} | {blind} ({blind_share:.2} %) | {} |",
            f.judged(),
            f.true_covered,
            f.true_not_executed,
            f.falsely_covered,
            f.missed,
            f.recall(),
            f.finer,
            f.unsteady
        );
    }
}

fn unobservable(text: &mut String, subjects: &[SubjectReport]) {
    *text += "\n## What cannot be observed\n\n| | reason | lines | of these ran |\n| --- | --- | ---: | ---: |\n";
    for subject in subjects {
        for (reason, (lines, ran)) in &subject.total().unobservable {
            let _ = writeln!(text, "| {} | {reason} | {lines} | {ran} |", subject.name);
        }
    }
    for subject in subjects.iter().filter(|s| s.name != "corpus") {
        for program in &subject.programs {
            for (reason, list) in program.unobservable.iter().filter(|(reason, _)| *reason != "not-linked") {
                let _ = writeln!(text, "\n{}, {reason}, for example:\n", subject.name);
                // From all over the program, not the first file's alone.
                for one in list.iter().step_by((list.len() / EXAMPLES).max(1)).take(EXAMPLES) {
                    example(text, one);
                }
            }
        }
    }
}

const WHERE_COUNTS_DIFFER: &str = "\nWhere they differ, a call was inlined without leaving an instruction: its result was known, or part of \
     another instruction. The binary does not say that there was one (`l.Len() > 2` and `len(l) > 2` make the same code \
     and the same tables), and goat counts the other copies only:\n\n";

fn counts(text: &mut String, subjects: &[SubjectReport]) {
    if subjects.iter().all(|s| s.counts().is_none()) {
        return;
    }
    *text += "\n## Counts\n\nCalls of each function at func granularity, against the counter of its first block. Functions that are \
              entered more than 10 000 times are left out. *Exact*: what goat gives as the count; it gives the others as *at \
              least* so many. *Too high*: more than were.\n\n| | functions | equal | | exact | equal | | at least | equal | too high | hot | unsteady |\n\
              | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n";
    for (subject, counts) in subjects.iter().filter_map(|s| Some((s, s.counts()?))) {
        let equal = share(counts.equal, counts.functions);
        let (exact, exact_equal) = counts.exact();
        let Counts { functions, equal: all_equal, at_least, at_least_equal, too_high, hot, unsteady, .. } = counts;
        let _ = writeln!(
            text,
            "| {} | {functions} | {all_equal} | {equal:.2} % | {exact} | {exact_equal} | {:.2} % | {at_least} | {at_least_equal} | {too_high} | \
             {hot} | {unsteady} |",
            subject.name,
            share(exact_equal, exact)
        );
    }
    let different = subjects.iter().filter_map(SubjectReport::counts).flat_map(|counts| counts.different);
    for (number, line) in different.take(4 * EXAMPLES).enumerate() {
        *text += if number == 0 { WHERE_COUNTS_DIFFER } else { "" };
        let _ = writeln!(text, "- {line}");
    }
}

fn sites(text: &mut String, subjects: &[SubjectReport]) {
    *text += "\n## Placement\n\n| | sites | emulated | | address-only | emulated |\n| --- | ---: | ---: | ---: | ---: | ---: |\n";
    for subject in subjects {
        let total = subject.total();
        let percent = share(total.emulated, total.sites);
        let other = subject.baseline().map(|f| (f.sites, share(f.emulated, f.sites)));
        let other = other.map_or("| |".to_owned(), |(sites, percent)| format!("| {sites} | {percent:.1} %"));
        let _ = writeln!(text, "| {} | {} | {} | {percent:.1} % {other} |", subject.name, total.sites, total.emulated);
    }
}

fn disagreements<'a>(text: &mut String, reports: impl Iterator<Item = &'a SubjectReport>) {
    let mut rest = String::new();
    for report in reports {
        for program in &report.programs {
            for (what, list) in [("falsely covered", &program.falsely_covered), ("missed", &program.missed)] {
                if !list.is_empty() {
                    let name = if program.name == report.name { String::new() } else { format!(" {}", program.name) };
                    let _ = writeln!(rest, "\n{}{name}, {what} ({}):\n", report.name, list.len());
                }
                for one in list.iter().take(2 * EXAMPLES) {
                    example(&mut rest, one);
                }
            }
        }
    }
    if !rest.is_empty() {
        *text += "\n## Where goat is wrong\n";
        *text += &rest;
    }
}

fn example(text: &mut String, one: &Disagreement) {
    let ran = if one.expected == 0 { "did not run" } else { "ran" };
    let _ = writeln!(text, "- {}:{} ({ran}): `{}`", one.file, one.line, one.source.replace('`', "'"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_ends_where_the_next_begins() {
        let text = "# A\n\n## B\n\nb\n\n## C\n\nc\n";
        let check = |title, expected| assert_eq!(place(text, title).map(|at| &text[at]), expected, "{title}");
        check("B", Some("## B\n\nb\n\n"));
        check("C", Some("## C\n\nc\n"));
        check("A", None);
    }
}
