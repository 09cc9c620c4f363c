//! `// +goat:` comments: what the original tool left in a source, and what people write to have more or less observed. goat reads
//! them and never writes any.

use std::fmt;

use crate::lines::{LineRange, LineSet};

/// The comments of one file, as pairs where they come in pairs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Markers {
    /// In the order of their lines.
    pub list: Vec<Marker>,
}

/// One comment, or a block between two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Marker {
    /// What it says.
    pub kind: MarkerKind,
    /// Its line, or all lines from the comment to its `+goat:end`.
    pub lines: LineRange,
}

/// What a comment asks for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum MarkerKind {
    /// `+goat:insert`: observe the next statement, changed or not.
    Insert,
    /// `+goat:delete` to `+goat:end`: observe nothing here.
    Delete,
    /// `+goat:generate`, `+goat:main` or `+goat:user` to `+goat:end`: calls that the original inserted.
    Inserted,
    /// A beginning without an end, or an end without a beginning: without effect.
    Unpaired,
}

impl MarkerKind {
    /// The word in lists.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Delete => "delete",
            Self::Inserted => "inserted",
            Self::Unpaired => "unpaired",
        }
    }
}

impl fmt::Display for MarkerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Markers {
    /// Pairs up `comments`: lines and texts of the file's comments, in order.
    pub(super) fn new<'a>(comments: impl IntoIterator<Item = (u32, &'a [u8])>) -> Self {
        let mut list = Vec::new();
        let mut open: Option<(MarkerKind, u32)> = None;
        let single = |kind, line| Marker { kind, lines: LineRange::new(line, line) };
        for (line, keyword) in comments.into_iter().filter_map(|(line, text)| Some((line, keyword(text)?))) {
            let begins = match keyword {
                b"insert" => {
                    list.push(single(MarkerKind::Insert, line));
                    continue;
                }
                b"delete" => Some(MarkerKind::Delete),
                b"generate" | b"main" | b"user" | b"import" => Some(MarkerKind::Inserted),
                b"end" => None,
                // `+goat:tips`, within a block, is for people.
                _ => continue,
            };
            match (open.take(), begins) {
                (Some((kind, first)), None) => list.push(Marker { kind, lines: LineRange::new(first, line) }),
                (None, None) => list.push(single(MarkerKind::Unpaired, line)),
                (unended, Some(kind)) => {
                    list.extend(unended.map(|(_, first)| single(MarkerKind::Unpaired, first)));
                    open = Some((kind, line));
                }
            }
        }
        list.extend(open.map(|(_, first)| single(MarkerKind::Unpaired, first)));
        list.sort_by_key(|marker| marker.lines.first);
        Self { list }
    }

    /// The lines of blocks in which nothing is to be observed.
    pub fn excluded(&self) -> LineSet {
        let mut lines = LineSet::new();
        let blocks = self.list.iter().filter(|m| matches!(m.kind, MarkerKind::Delete | MarkerKind::Inserted));
        blocks.for_each(|marker| lines.insert(marker.lines));
        lines
    }

    /// The lines that ask for a point at the statement behind them.
    pub fn inserts(&self) -> impl Iterator<Item = u32> {
        self.list.iter().filter(|marker| marker.kind == MarkerKind::Insert).map(|marker| marker.lines.first)
    }
}

/// The word behind `// +goat:`. Text behind it is the author's own.
fn keyword(comment: &[u8]) -> Option<&[u8]> {
    let text = comment.strip_prefix(b"//")?.trim_ascii_start().strip_prefix(b"+goat:")?;
    let end = text.iter().position(|byte| !byte.is_ascii_lowercase()).unwrap_or(text.len());
    Some(&text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(comments: &[(u32, &str)], expected: &[(&str, u32, u32)]) {
        let markers = Markers::new(comments.iter().map(|(line, text)| (*line, text.as_bytes())));
        let found: Vec<_> = markers.list.iter().map(|m| (m.kind.as_str(), m.lines.first, m.lines.last)).collect();
        assert_eq!(found, expected, "{comments:?}");
    }

    #[test]
    fn markers_are_comments_of_their_own_form() {
        check(&[(3, "// +goat:insert"), (5, "//+goat:insert: the hot path")], &[("insert", 3, 3), ("insert", 5, 5)]);
        check(&[(3, "// +goat:delete"), (7, "// +goat:end")], &[("delete", 3, 7)]);
        check(&[(3, "/* +goat:insert */"), (4, "// see +goat:insert"), (5, "// +goats:insert")], &[]);
    }

    #[test]
    fn blocks_of_the_original_are_told_apart() {
        let block = [(2, "// +goat:generate"), (3, "// +goat:tips: do not edit"), (5, "// +goat:end")];
        check(&block, &[("inserted", 2, 5)]);
        check(
            &[(1, "// +goat:main"), (4, "// +goat:end"), (6, "// +goat:user"), (8, "// +goat:end")],
            &[("inserted", 1, 4), ("inserted", 6, 8)],
        );
    }

    #[test]
    fn what_has_no_other_half_has_no_effect() {
        check(&[(1, "// +goat:delete")], &[("unpaired", 1, 1)]);
        check(&[(1, "// +goat:end")], &[("unpaired", 1, 1)]);
        check(
            &[(1, "// +goat:delete"), (3, "// +goat:user"), (5, "// +goat:end")],
            &[("unpaired", 1, 1), ("inserted", 3, 5)],
        );
    }
}
