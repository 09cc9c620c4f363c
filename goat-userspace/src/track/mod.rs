//! Changed lines and the source's structure in, the points that a person wants to see covered out.
//!
//! `element` says what each changed line is, `scopes` and `gap` what belongs together, `group` makes points of it.

mod element;
mod gap;
mod granularity;
mod group;
mod paths;
mod point;
mod scopes;

pub use granularity::Granularity;
pub use paths::{Compiled, PathMap, PathRule};
pub use point::{Anchor, PointKind, TrackPoint, TrackPoints};

use crate::{
    diff::{ChangeSet, FileChange},
    lines::{LineRange, LineSet},
    source::{SourceFile, SourceIndex},
};

/// Chooses what to observe. `sources` holds the files of `changes`, in the same order.
pub fn select(changes: &ChangeSet, sources: &SourceIndex, granularity: Granularity) -> TrackPoints {
    let mut selected = TrackPoints { points: Vec::new(), no_code: Vec::new() };
    for (file, (change, source)) in (0u32..).zip(changes.files.iter().zip(&sources.files)) {
        let points = select_file(file, change, source, granularity);
        selected.no_code.push(without(&change.lines, &points));
        selected.points.extend(points);
    }
    for (id, point) in (1u32..).zip(&mut selected.points) {
        point.id = id;
    }
    selected
}

/// One file's points in the order of their places, not yet numbered.
fn select_file(file: u32, change: &FileChange, source: &SourceFile, granularity: Granularity) -> Vec<TrackPoint> {
    let lookup = element::Lookup::new(source);
    let gaps = gap::Gaps::new(&change.text, &source.code, &change.lines);
    let mut drafts = group::points(&lookup, &change.lines, &gaps, granularity);
    // A body that begins where a statement does is entered before the statement runs.
    drafts.sort_by_key(|draft| (lookup.place(draft.anchor), !matches!(draft.anchor, Anchor::Block(_))));
    let number = |draft: group::Draft| {
        let group::Draft { anchor, kind, lines, span, function, .. } = draft;
        TrackPoint { id: 0, file, span, lines, function, kind, anchor }
    };
    drafts.into_iter().map(number).collect()
}

/// The lines that none of the points answers for.
fn without(lines: &LineSet, points: &[TrackPoint]) -> LineSet {
    let mut answered = LineSet::new();
    points.iter().flat_map(|point| point.lines.runs()).for_each(|&run| answered.insert(run));
    let mut rest = LineSet::new();
    for line in lines.iter().filter(|&line| !answered.contains(line)) {
        rest.insert(LineRange::new(line, line));
    }
    rest
}

#[cfg(test)]
mod tests;
