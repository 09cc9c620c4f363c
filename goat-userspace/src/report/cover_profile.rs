//! The report as a Go cover profile, for `go tool cover -func` and `-html`, run in the module at the new commit.
//!
//! A block is a run of a point's lines (the format: `ParseProfiles` in golang.org/x/tools/cover, profile.go). A point counts
//! as one statement, however many lines it has, so that the total of `go tool cover -func` is goat's own rate. (The tool leaves
//! out what is in no function: literals of functions in package-level variables.)

use std::{collections::BTreeMap, fmt::Write};

use super::{Item, Points, import_path::ImportPaths};
use crate::{
    DataType,
    lines::LineRange,
    plan::{PlanFile, ProbePlan},
};

/// Points that can't be observed are left out, as are files outside of the binary's main module.
pub fn render(points: &Points<'_>, plan: &ProbePlan) -> String {
    let mode = match points.report.data_type {
        DataType::Bool => "set",
        DataType::Count => "count",
    };
    let mut out = format!("mode: {mode}\n");
    let paths = ImportPaths::new(plan);
    for (file, items) in points.by_file() {
        let Some(package) = paths.package(file).filter(|_| !file.as_str().contains(['\n', '\r'])) else { continue };
        let source = plan.files.iter().find(|known| known.path == *file);
        for ((LineRange { first, last }, nth), block) in blocks(items) {
            let (start, end) = columns(source, LineRange { first, last });
            // The tool takes two blocks of the same place for two runs of the same code: they end one column apart.
            let end = if end > start + nth { end - nth } else { end + nth };
            let Block { statements, count } = block;
            // Writing to a String fails at nothing.
            let _ = writeln!(out, "{package}/{}:{first}.{start},{last}.{end} {statements} {count}", file.name());
        }
    }
    out
}

struct Block {
    statements: usize,
    count: u64,
}

/// By their lines, and how many blocks of the same lines come before.
fn blocks(items: &[&Item]) -> BTreeMap<(LineRange, usize), Block> {
    let mut blocks = BTreeMap::new();
    let mut same = BTreeMap::new();
    for item in items.iter().filter(|item| item.is_observable()) {
        let branch = [LineRange::new(item.line, item.line)];
        let runs = if item.lines.is_empty() { &branch } else { item.lines.runs() };
        for (place, &run) in runs.iter().enumerate() {
            let nth = same.entry(run).and_modify(|nth| *nth += 1).or_insert(0usize);
            blocks.insert((run, *nth), Block { statements: usize::from(place == 0), count: item.count });
        }
    }
    blocks
}

/// The columns, in bytes from 1, where the text of the first line begins and behind that of the last.
fn columns(file: Option<&PlanFile>, lines: LineRange) -> (usize, usize) {
    let text = |line: u32| {
        let source = &file?.source;
        source.binary_search_by_key(&line, |source| source.line).ok().map(|at| &*source[at].text)
    };
    let start = text(lines.first).map_or(1, |text| text.len() - text.trim_start().len() + 1);
    let end = text(lines.last).map_or(1, |text| text.trim_end().len() + 1);
    if lines.first == lines.last && end <= start { (1, 2) } else { (start, end) }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::{counts::Counts, lines::LineSet, plan::sample, report};

    fn profile(change: impl Fn(&mut ProbePlan), data_type: DataType) -> String {
        let mut plan = sample::plan();
        plan.files[0].path = "cart/cart.go".into();
        change(&mut plan);
        let mut counts = Counts::none(3, UNIX_EPOCH);
        counts.slots[0].hits = 7;
        render(&report::new(&plan, &counts, data_type).points("").unwrap(), &plan)
    }

    #[test]
    fn points_are_blocks_of_one_statement() {
        let expected = "\
mode: count
example.com/shop/cart/cart.go:10.2,11.24 1 7
example.com/shop/cart/cart.go:12.2,12.24 1 0
";
        assert_eq!(profile(|_| (), DataType::Count), expected);
        let set = expected.replace("count", "set").replace(" 7", " 1");
        assert_eq!(profile(|_| (), DataType::Bool), set);
    }

    #[test]
    fn a_point_with_gaps_is_one_statement_in_several_blocks() {
        let text = profile(|plan| plan.points[0].lines = LineSet::from_iter([9, 11]), DataType::Bool);
        assert!(text.contains(":9.2,9.23 1 1\n") && text.contains(":11.2,11.24 0 1\n"), "{text}");
    }

    #[test]
    fn points_of_the_same_lines_are_blocks_of_their_own() {
        let same = |plan: &mut ProbePlan| plan.points[1].lines = plan.points[0].lines.clone();
        let expected = "\
mode: set
example.com/shop/cart/cart.go:10.2,11.24 1 1
example.com/shop/cart/cart.go:10.2,11.23 1 0
";
        assert_eq!(profile(same, DataType::Bool), expected);
    }

    #[test]
    fn lines_without_text_have_columns_still() {
        let text = profile(|plan| plan.files[0].source.clear(), DataType::Bool);
        assert!(text.contains(":10.1,11.1 1 1\n") && text.contains(":12.1,12.2 1 0\n"), "{text}");
    }
}
