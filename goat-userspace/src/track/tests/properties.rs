//! Whatever the text and the lines: each changed line ends in exactly one place, and nothing panics.

use proptest::prelude::*;

use super::*;

/// Go text that holds most of the grammar.
const SAMPLE: &str = include_str!("../../source/go/sample.go.txt");

fn assert_all_granularities(text: &[u8], lines: &LineSet) {
    let (changes, sources) = change([("p.go".to_owned(), text.to_vec(), lines.clone())]);
    for granularity in Granularity::ALL {
        assert_invariants(&changes, &sources, &select(&changes, &sources, granularity));
    }
}

proptest! {
    #[test]
    fn any_lines_of_go_end_in_one_place(lines in prop::collection::vec(1u32..130, 0..40)) {
        assert_all_granularities(SAMPLE.as_bytes(), &lines.into_iter().collect());
    }

    #[test]
    fn any_lines_of_broken_go_end_in_one_place(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, "[a-z{}()\\[\\];:=.,`\"'/*\n \u{0}]{0,6}"), 1..6),
        lines in prop::collection::vec(1u32..140, 0..60),
    ) {
        let mut text = SAMPLE.as_bytes().to_vec();
        for (at, cut, new) in edits {
            let at = at.index(text.len());
            text.splice(at..(at + cut).min(text.len()), new.bytes());
        }
        assert_all_granularities(&text, &lines.into_iter().collect());
    }
}

#[test]
fn all_lines_of_one_line_go_end_in_one_place() {
    let one_line = SAMPLE.replace("//go:build linux", "").replace("// Package sample holds one of everything.", "");
    let one_line: String = one_line.lines().map(|line| line.split("//").next().unwrap().to_owned() + ";").collect();
    assert_all_granularities(one_line.as_bytes(), &[1].into_iter().collect());
}
