//! `goat inspect`: what goat reads out of a binary, as it believes it.

use std::{fmt::Write, process::ExitCode};

use anyhow::ensure;

use super::{
    args::{InspectArgs, Lines},
    say,
};
use crate::binary::{Binary, FileId, FileTable, Function, LineSource};

pub(super) fn run(args: &InspectArgs) -> anyhow::Result<ExitCode> {
    let lines = match args.lines {
        Lines::Auto => LineSource::Auto,
        Lines::Dwarf => LineSource::Dwarf,
        Lines::Pclntab => LineSource::Pclntab,
    };
    let binary = Binary::open(&args.binary, lines)?;
    let files = binary.files()?;
    match &args.function {
        None => say::print(&overview(&binary, &files))?,
        Some(name) => {
            let every: Vec<FileId> =
                (0..files.names.len()).filter_map(|id| u32::try_from(id).ok().map(FileId)).collect();
            let mut functions = binary.functions(&every)?;
            functions.retain(|function| is_called(&function.name, name));
            ensure!(!functions.is_empty(), "no function of {} is called {name}", args.binary.display());
            for function in &functions {
                say::print(&table(function, &files))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether `name` is the linker's name `full`, or what stands in it behind the package path's last `/` or `.`.
fn is_called(full: &str, name: &str) -> bool {
    full.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with(['.', '/']))
}

fn overview(binary: &Binary, files: &FileTable) -> String {
    let identity = binary.identity();
    let module = identity.module.as_ref().map(|m| format!("{} {}", m.path, m.version));
    let mut text = String::new();
    let mut row = |name: &str, value: Option<&str>| {
        writeln!(text, "{name:<14}{}", value.unwrap_or("-")).expect("a String takes every write");
    };
    row("go version", Some(&identity.go_version));
    row("go build id", identity.go_build_id.as_deref());
    row("gnu build id", identity.gnu_build_id.as_deref());
    row("main package", Some(&identity.path));
    row("module", module.as_deref());
    row("vcs.revision", identity.vcs_revision.as_deref());
    row("vcs.time", identity.vcs_time.as_deref());
    row("vcs.modified", identity.vcs_modified.map(|modified| if modified { "true" } else { "false" }));
    row("architecture", Some(&identity.arch));
    row(
        "lines from",
        Some(match binary.line_source() {
            LineSource::Auto => "-",
            LineSource::Dwarf => "DWARF",
            LineSource::Pclntab => "pclntab",
        }),
    );
    row("source files", Some(&files.names.len().to_string()));
    for (key, value) in &identity.settings {
        row("setting", Some(&format!("{key}={value}")));
    }
    text
}

fn table(function: &Function, files: &FileTable) -> String {
    let file = |id: FileId| files.names.get(id.0 as usize).map_or("?", |name| &**name);
    let mut text = String::new();
    let mut line = |line: String| {
        writeln!(text, "{line}").expect("a String takes every write");
    };
    line(format!("{} {}..{}", function.name, function.range.low, function.range.high));
    line(format!("  declared at {}:{}", function.file.map_or("?", file), function.start_line));
    if let Some(end) = function.prologue_end {
        line(format!("  prologue ends at {end}"));
    }
    for (id, call) in function.inlined.iter().enumerate() {
        let parent = call.parent.map(|p| format!(", in call {p}")).unwrap_or_default();
        let at = format!("{}:{}", file(call.call_file), call.call_line);
        line(format!("  call {id}: {} at {at}{parent}, {} ranges", call.name, call.ranges.len()));
        for range in &call.ranges {
            line(format!("    {}..{}", range.low, range.high));
        }
    }
    for row in &function.rows {
        let mark = if row.is_stmt { "" } else { " (not a statement)" };
        line(format!("  {} {}:{}{mark}", row.addr, file(row.file), row.line));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_named_by_the_end_of_its_name() {
        for (full, name, expected) in [
            ("example.com/shop/internal/cart.(*Cart).Add", "(*Cart).Add", true),
            ("example.com/shop/internal/cart.(*Cart).Add", "cart.(*Cart).Add", true),
            ("example.com/shop/internal/cart.(*Cart).Add", "Add", true),
            ("example.com/shop/internal/cart.(*Cart).Add", "dd", false),
            ("main.main", "main.main", true),
            ("runtime.main", "main.main", false),
        ] {
            assert_eq!(is_called(full, name), expected, "{full} {name}");
        }
    }
}
