//! `goat patch`: the `// +goat:` comments of a work tree. The original obeys them by rewriting the sources; goat reads them when it
//! plans, and here says what it will read.

use std::{fmt::Write, fs, path::Path, process::ExitCode};

use super::{
    args::{Format, PatchArgs},
    go_files, say,
};
use crate::{
    paths::RepoPath,
    source::{self, MarkerKind},
};

/// What every marker begins with; a file without it need not be parsed.
const PREFIX: &[u8] = b"+goat:";

/// A comment, or a block between two.
struct Row {
    file: String,
    line: u32,
    end_line: u32,
    kind: MarkerKind,
    /// The statement that is observed, or the line that begins the block.
    text: String,
}

pub(super) fn run(args: &PatchArgs) -> anyhow::Result<ExitCode> {
    let mut rows = Vec::new();
    for path in go_files::below(&args.repo) {
        let text = fs::read(&path).unwrap_or_default();
        if text.windows(PREFIX.len()).any(|window| window == PREFIX) {
            let name = path.strip_prefix(&args.repo).unwrap_or(&path).display().to_string();
            rows.extend(of_file(&name, &text));
        }
    }
    say::print(&match args.format {
        Format::Text => table(&rows, &args.repo),
        Format::Json => json(&rows),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn of_file(name: &str, text: &[u8]) -> Vec<Row> {
    let source = source::parse(&RepoPath::from(name), text);
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    let text_of = |line: u32| {
        let line = lines.get(line as usize - 1).copied().unwrap_or_default();
        String::from_utf8_lossy(line.trim_ascii()).into_owned()
    };
    let next = |line: u32| source.statements.iter().map(|s| s.span.start.line).find(|start| *start > line);
    let row = |marker: &source::Marker| {
        let line = marker.lines.first;
        let text = match (marker.kind, next(line)) {
            (MarkerKind::Insert, Some(at)) => text_of(at),
            (MarkerKind::Insert, None) => "no statement follows".to_owned(),
            _ => text_of(line),
        };
        Row { file: name.to_owned(), line, end_line: marker.lines.last, kind: marker.kind, text }
    };
    source.markers.list.iter().map(row).collect()
}

fn table(rows: &[Row], repo: &Path) -> String {
    let mut text = String::new();
    for Row { file, line, end_line, kind, text: shown } in rows {
        let lines = if line == end_line { line.to_string() } else { format!("{line}-{end_line}") };
        writeln!(text, "{:<9} {file}:{lines}  {shown}", kind.as_str()).expect("a String takes every write");
    }
    if rows.is_empty() {
        writeln!(text, "no // +goat: comment below {}", repo.display()).expect("a String takes every write");
    }
    text
}

fn json(rows: &[Row]) -> String {
    let rows = rows.iter().map(|row| {
        serde_json::json!({
            "file": row.file, "line": row.line, "endLine": row.end_line, "kind": row.kind.as_str(), "text": row.text,
        })
    });
    serde_json::Value::from(rows.collect::<Vec<_>>()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_marker_stands_with_what_it_means() {
        let source = b"package a

func f() {
\t// +goat:insert hot
\tg()
\t// +goat:delete
\th()
\t// +goat:end
\t// +goat:insert
}
";
        let rows = of_file("a.go", source);
        let expected = "\
insert    a.go:4  g()
delete    a.go:6-8  // +goat:delete
insert    a.go:9  no statement follows
";
        assert_eq!(table(&rows, Path::new(".")), expected);
        let json: serde_json::Value = serde_json::from_str(&json(&rows)).unwrap();
        assert_eq!(json[1]["endLine"], 8);
        assert_eq!(table(&[], Path::new("x")), "no // +goat: comment below x\n");
    }
}
