//! `goat track`: what a change asks to observe. The original writes calls into sources here; goat only lists.

use std::{fmt::Write, process::ExitCode};

use super::{
    args::{Format, TrackArgs},
    config::Loaded,
    pipeline::{self, Change},
    plan, say,
    settings::Settings,
};
use crate::track::TrackPoint;

pub(super) fn run(args: &TrackArgs, loaded: &Loaded) -> anyhow::Result<ExitCode> {
    let settings = Settings::merge(&args.change, &loaded.config);
    if let Some(binary) = &args.binary {
        let plan = pipeline::plan(&settings, binary, &args.reading)?;
        plan::warn(&plan);
        plan::show(&plan, args.format)?;
    } else {
        let change = pipeline::change(&settings)?;
        change.left_out.iter().chain(&change.remarks.warnings).for_each(|text| say::warning(text));
        change.remarks.notes.iter().for_each(|text| say::note(text));
        say::print(&match args.format {
            Format::Text => text(&change),
            Format::Json => json(&change),
        })?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The words of a point, as both formats have them.
struct Row<'a> {
    point: &'a TrackPoint,
    file: &'a str,
    function: &'a str,
}

fn rows(change: &Change) -> impl Iterator<Item = Row<'_>> {
    change.points.points.iter().filter_map(|point| {
        let file = change.sources.files.get(point.file as usize)?;
        let function = file.functions.get(point.function.0 as usize).map_or("", |f| &*f.name);
        Some(Row { point, file: file.path.as_str(), function })
    })
}

fn text(change: &Change) -> String {
    let mut text = String::new();
    let mut last = "";
    for Row { point, file, function } in rows(change) {
        if file != last {
            writeln!(text, "{file}").expect("a String takes every write");
            last = file;
        }
        let span = match (point.span.first, point.span.last) {
            (first, last) if first == last => first.to_string(),
            (first, last) => format!("{first}-{last}"),
        };
        writeln!(text, "  {:>4}  {span:<9} {:<9} {function}", point.id, point.kind.as_str())
            .expect("a String takes every write");
    }
    let Change { changes, points, .. } = change;
    for (path, rule) in &changes.filtered {
        writeln!(text, "{path}: left out ({rule})").expect("a String takes every write");
    }
    let no_code: usize = points.no_code.iter().map(|lines| lines.len()).sum();
    let old = changes.old.as_ref().map_or("INIT", |old| &*old.short);
    writeln!(
        text,
        "{old}..{}: {} in {}, {} without code",
        changes.new.short,
        counted(points.points.len(), "track point"),
        counted(changes.files.len(), "file"),
        counted(no_code, "changed line"),
    )
    .expect("a String takes every write");
    text
}

fn counted(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

fn json(change: &Change) -> String {
    let points: Vec<_> = rows(change)
        .map(|Row { point, file, function }| {
            serde_json::json!({
                "id": point.id,
                "file": file,
                "line": point.span.first,
                "endLine": point.span.last,
                "lines": point.lines.iter().collect::<Vec<_>>(),
                "function": function,
                "kind": point.kind.as_str(),
            })
        })
        .collect();
    serde_json::json!({
        "oldCommit": change.changes.old.as_ref().map(|old| &old.commit),
        "newCommit": change.changes.new.commit,
        "points": points,
        "leftOut": change.changes.filtered,
    })
    .to_string()
}
