//! Two texts in, the runs of lines in which they differ out: as `git diff -U0` has them.

use git2::{DiffOptions, Patch};

use super::{Error, repository::git};

/// A run of lines that one text has in place of another's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Hunk {
    /// How many lines of the old text stand before the run.
    pub(super) old_before: u32,
    /// How many lines of the old text are in the run.
    pub(super) old_lines: u32,
    /// How many lines of the new text stand before the run.
    pub(super) new_before: u32,
    /// How many lines of the new text are in the run.
    pub(super) new_lines: u32,
}

/// Where `old` and `new` differ, in order: git's default algorithm and its indent heuristic.
pub(super) fn hunks(old: &[u8], new: &[u8]) -> Result<Vec<Hunk>, Error> {
    let (old, new) = without_common_tail(old, new);
    if old.is_empty() || new.is_empty() {
        let (old_lines, new_lines) = (line_count(old), line_count(new));
        let all = Hunk { old_before: 0, old_lines, new_before: 0, new_lines };
        return Ok([all].into_iter().filter(|all| *all != Hunk { old_lines: 0, new_lines: 0, ..*all }).collect());
    }
    let mut options = DiffOptions::new();
    options.context_lines(0).interhunk_lines(0).indent_heuristic(true).force_text(true);
    let failed = git("compare two files");
    let patch = Patch::from_buffers(old, None, new, None, Some(&mut options)).map_err(&failed)?;
    (0..patch.num_hunks())
        .map(|index| {
            let (hunk, _) = patch.hunk(index).map_err(&failed)?;
            let (old_lines, new_lines) = (hunk.old_lines(), hunk.new_lines());
            // A run of no lines is numbered by the line that stands before it.
            let before = |start: u32, lines| if lines == 0 { start } else { start.saturating_sub(1) };
            Ok(Hunk {
                old_before: before(hunk.old_start(), old_lines),
                old_lines,
                new_before: before(hunk.new_start(), new_lines),
                new_lines,
            })
        })
        .collect()
}

/// How many lines `text` has; one without a line end at the end of the text counts.
pub(super) fn line_count(text: &[u8]) -> u32 {
    let ends = text.iter().filter(|c| **c == b'\n').count();
    let more = usize::from(text.last().is_some_and(|c| *c != b'\n'));
    u32::try_from(ends + more).unwrap_or(u32::MAX)
}

/// The texts without whole blocks that they have in common at their ends.
///
/// git does this before it compares without context (`trim_common_tail`), libgit2 does not; and it is seen in the result: a run
/// of lines that could be shifted down into the common end can't be any more.
fn without_common_tail<'a>(old: &'a [u8], new: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    const BLOCK: usize = 1024;
    let blocks = old.rchunks_exact(BLOCK).zip(new.rchunks_exact(BLOCK)).take_while(|(a, b)| a == b).count();
    let tail = &old[old.len() - blocks * BLOCK..];
    // The line that the first of the blocks begins in is kept whole.
    let kept = tail.iter().position(|c| *c == b'\n').map_or(tail.len(), |at| at + 1);
    (&old[..old.len() - tail.len() + kept], &new[..new.len() - tail.len() + kept])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(old: &str, new: &str, expected: &[(u32, u32, u32, u32)]) {
        let found: Vec<_> = hunks(old.as_bytes(), new.as_bytes())
            .unwrap()
            .iter()
            .map(|hunk| (hunk.old_before, hunk.old_lines, hunk.new_before, hunk.new_lines))
            .collect();
        assert_eq!(found, expected, "{old:?} {new:?}");
    }

    #[test]
    fn says_how_many_lines_stand_before_a_run() {
        check("", "", &[]);
        check("a\n", "a\n", &[]);
        check("", "a\nb", &[(0, 0, 0, 2)]);
        check("a\nb\n", "", &[(0, 2, 0, 0)]);
        check("a\n", "a\nb\n", &[(1, 0, 1, 1)]);
        check("b\n", "a\nb\n", &[(0, 0, 0, 1)]);
        check("a\nb\nc\n", "a\nx\ny\nc\n", &[(1, 1, 1, 2)]);
        check("a\nb\nc\n", "a\nc\n", &[(1, 1, 1, 0)]);
        check("a\nb\nc\nd\ne\n", "b\nc\nx\nd\ne\nf\n", &[(0, 1, 0, 0), (3, 0, 2, 1), (5, 0, 5, 1)]);
        check("a", "a\n", &[(0, 1, 0, 1)]);
        check("\0a\n", "\0b\n", &[(0, 1, 0, 1)]);
    }

    #[test]
    fn a_common_end_changes_no_line_number() {
        let end = "an end that both have\n".repeat(100);
        check(&end, &format!("a\n{end}"), &[(0, 0, 0, 1)]);
        check(&format!("a\n{end}"), &format!("b\nc\n{end}"), &[(0, 1, 0, 2)]);
        check(&format!("a\n{end}"), &format!("a\n{end}b\n"), &[(101, 0, 101, 1)]);
    }
}
