//! What is observed of a change: by hand in tables, against the original's recorded points, and as properties.

mod original;
mod paths;
mod properties;
mod tables;

use std::collections::BTreeMap;

use super::*;
use crate::{
    diff::Revision,
    lines::LineRange,
    paths::RepoPath,
    source::{self, Pos},
};

/// A change of the files with these texts and changed lines.
pub(super) fn change(files: impl IntoIterator<Item = (String, Vec<u8>, LineSet)>) -> (ChangeSet, SourceIndex) {
    let file = |(path, text, lines): (String, Vec<u8>, LineSet)| FileChange {
        path: RepoPath::from(path),
        old_path: None,
        lines,
        text,
    };
    let files: Vec<FileChange> = files.into_iter().map(file).collect();
    let sources = source::index(files.iter().map(|file| (&file.path, file.text.as_slice())));
    let revision = || Revision { spec: String::new(), commit: String::new(), short: String::new(), time: 0 };
    let changes = ChangeSet {
        old: None,
        new: revision(),
        files,
        filtered: BTreeMap::new(),
        modules: BTreeMap::new(),
        components: Vec::new(),
        dependencies: Vec::new(),
    };
    (changes, sources)
}

/// What holds of every selection.
pub(super) fn assert_invariants(changes: &ChangeSet, sources: &SourceIndex, selected: &TrackPoints) {
    let mut place = (0, Pos { line: 0, column: 0 });
    for (n, point) in (1u32..).zip(&selected.points) {
        assert_eq!(point.id, n);
        let file = &sources.files[point.file as usize];
        let function = &file.functions[point.function.0 as usize];
        for run in point.lines.runs() {
            assert!(point.span.contains(run.first) && point.span.contains(run.last), "{point:?}");
        }
        assert!(function.span.lines().contains(point.span.first), "{point:?} {function:?}");
        assert!(function.span.lines().contains(point.span.last), "{point:?} {function:?}");
        let here = (point.file, element::Lookup::new(file).place(point.anchor));
        assert!(place <= here, "{point:?} is out of order");
        place = here;
    }
    for (n, file) in changes.files.iter().enumerate() {
        let points = selected.points.iter().filter(|point| point.file as usize == n);
        let mut seen: Vec<u32> = points.flat_map(|point| point.lines.iter()).collect();
        seen.extend(selected.no_code[n].iter());
        seen.sort_unstable();
        assert_eq!(seen, file.lines.iter().collect::<Vec<_>>(), "{}: each changed line exactly once", file.path);
    }
    let entered: Vec<_> = selected
        .points
        .iter()
        .filter_map(|p| Some((p.file, element::Lookup::new(&sources.files[p.file as usize]).entered_with(p.anchor)?)))
        .collect();
    let distinct: std::collections::BTreeSet<_> = entered.iter().collect();
    assert_eq!(distinct.len(), entered.len(), "two points for the same entry: {:?}", selected.points);
}
