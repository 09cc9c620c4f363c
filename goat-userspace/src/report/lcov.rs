//! The report as an lcov tracefile (geninfo(1), "FILES"), for genhtml and most services that collect coverage.

use std::fmt::Write;

use super::{Points, line_hits::line_hits};

/// A record for each file with lines that can be observed. Paths are from the repository's root.
pub fn render(points: &Points<'_>) -> String {
    let mut out = String::new();
    for (file, items) in points.by_file() {
        let hits = line_hits(items);
        // A path with a line break can't be told, and would be read as other records.
        if hits.is_empty() || file.as_str().contains(['\n', '\r']) {
            continue;
        }
        let hit = hits.values().filter(|&&hits| hits > 0).count();
        // Writing to a String fails at nothing.
        let _ = writeln!(out, "TN:\nSF:{file}");
        for (line, hits) in &hits {
            let _ = writeln!(out, "DA:{line},{hits}");
        }
        let _ = writeln!(out, "LF:{}\nLH:{hit}\nend_of_record", hits.len());
    }
    out
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::{DataType, counts::Counts, plan::sample, report};

    #[test]
    fn a_record_lists_the_lines_that_can_be_observed() {
        let mut counts = Counts::none(3, UNIX_EPOCH);
        counts.slots[0].hits = 7;
        let report = report::new(&sample::plan(), &counts, DataType::Count);
        let expected = "TN:\nSF:cart.go\nDA:10,7\nDA:11,7\nDA:12,0\nLF:3\nLH:2\nend_of_record\n";
        assert_eq!(render(&report.points("").unwrap()), expected);
    }

    #[test]
    fn a_path_cannot_forge_records() {
        let mut plan = sample::plan();
        plan.files[0].path = "a.go\nDA:1,1".into();
        let report = report::new(&plan, &Counts::none(3, UNIX_EPOCH), DataType::Count);
        assert_eq!(render(&report.points("").unwrap()), "");
    }
}
