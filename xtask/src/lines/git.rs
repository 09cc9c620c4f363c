//! What git says that a change is: the lines that `git diff` adds, and those that `git blame` gives to new commits.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
    process::Command,
};

use anyhow::{Context, Result};

use super::{Lines, graph::Graph};
use crate::truth::toolchain;

/// Runs git in `repository` without the user's settings; its output, of which what is not UTF-8 does not matter.
pub(super) fn output(repository: &Path, args: &[&str]) -> Result<String> {
    let mut git = Command::new("git");
    git.args(["-c", "core.quotePath=false", "-C"]).arg(repository).args(args);
    git.envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_SYSTEM", "/dev/null")]);
    // Inside a hook these would lead git to the repository of goat itself.
    git.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
    Ok(String::from_utf8_lossy(&toolchain::bytes(&mut git)?).into_owned())
}

/// The best common ancestors of both commits: one, where branches do not cross.
pub(super) fn merge_bases(repository: &Path, a: &str, b: &str) -> Result<Vec<String>> {
    Ok(output(repository, &["merge-base", "--all", a, b])?.lines().map(str::to_owned).collect())
}

/// The lines of Go files that `git diff -U0 -M` adds.
pub(super) fn diff(repository: &Path, old: &str, new: &str) -> Result<Lines> {
    let options = ["diff", "-U0", "-M", "--no-color", "--no-ext-diff", "--no-textconv", "--text", old, new];
    Ok(added(&output(repository, &options)?))
}

/// New path to old path of the Go files that `git diff -M` takes for renamed.
pub(super) fn renamed(repository: &Path, old: &str, new: &str) -> Result<BTreeMap<String, String>> {
    let options = ["diff", "-M", "--name-status", "--diff-filter=R", old, new];
    let list = output(repository, &options)?;
    let pair = |line: &str| {
        let (_, paths) = line.split_once('\t')?;
        let (from, to) = paths.split_once('\t')?;
        is_go(to).then(|| (to.to_owned(), from.to_owned()))
    };
    Ok(list.lines().filter_map(pair).collect())
}

fn added(diff: &str) -> Lines {
    let mut found = Lines::new();
    let mut path = None;
    // Within a hunk a line may look like a header: the hunk's own counts say where it ends.
    let mut left = 0;
    for line in diff.split('\n') {
        if left > 0 && line.starts_with(['+', '-']) {
            left -= 1;
        } else if let Some(to) = line.strip_prefix("+++ ") {
            // git ends a name with spaces by a tab.
            let to = to.trim_end_matches('\t').strip_prefix("b/");
            path = to.filter(|path| is_go(path)).map(str::to_owned);
        } else if let Some((old, first, count)) = line.strip_prefix("@@ -").and_then(hunk) {
            left = old + count;
            if let Some(path) = &path
                && count > 0
            {
                found.entry(path.clone()).or_default().extend(first..first + count);
            }
        }
    }
    found
}

/// Of `12,0 +13,2 @@ func x`: how many lines go, the first that comes and how many.
fn hunk(text: &str) -> Option<(u32, u32, u32)> {
    let (old, rest) = text.split_once(" +")?;
    let (new, _) = rest.split_once(" @@")?;
    let run = |run: &str| {
        let (first, count) = run.split_once(',').unwrap_or((run, "1"));
        Some((first.parse::<u32>().ok()?, count.parse::<u32>().ok()?))
    };
    let (first, count) = run(new)?;
    Some((run(old)?.1, first, count))
}

/// The lines that `git blame OLD..NEW` gives to commits that `old`'s history has not. `known` is that history, by place in `graph`.
pub(super) fn blame(
    repository: &Path,
    graph: &Graph,
    known: &[bool],
    (old, new): (&str, &str),
    wanted: impl Fn(&str) -> bool,
) -> Result<Lines> {
    let range = format!("{old}..{new}");
    // No line of any other file is new: the file is in the new side what it was in the old one.
    let log = output(repository, &["log", "-m", "--format=", "--name-only", "--no-renames", &range])?;
    let touched: BTreeSet<&str> = log.lines().filter(|path| is_go(path) && wanted(path)).collect();
    let tree = output(repository, &["ls-tree", "-r", "--name-only", new])?;
    let places: HashMap<&str, usize> = graph.ids.iter().zip(0..).map(|(id, at)| (&**id, at)).collect();
    let mut found = Lines::new();
    for path in tree.lines().filter(|path| touched.contains(path)) {
        let blame = output(repository, &["blame", "--line-porcelain", &range, "--", path])?;
        let mut lines = BTreeSet::new();
        for line in blame.split('\n').filter(|line| !line.starts_with('\t')) {
            // <hash> <line in the commit> <line now> [<lines in the group>]
            let mut fields = line.split(' ');
            let Some(at) = fields.next().and_then(|id| places.get(id)) else { continue };
            let now = fields.nth(1).with_context(|| format!("no blame: {line:?}"))?;
            if !known[*at] {
                lines.insert(now.parse()?);
            }
        }
        if !lines.is_empty() {
            found.insert(path.to_owned(), lines);
        }
    }
    Ok(found)
}

fn is_go(path: &str) -> bool {
    path.ends_with(".go")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_added_lines_of_go_files_are_read_from_a_diff() {
        let diff = "diff --git a/a.go b/a.go\n--- a/a.go\n+++ b/a.go\n@@ -1 +1,2 @@\n--- x\n+++ b/y.go\n+z\n@@ -7,2 +8,0 @@ f\n-a\n-b\n\
                    diff --git a/b.txt b/b.txt\n--- a/b.txt\n+++ b/b.txt\n@@ -0,0 +1 @@\n+a\n\
                    diff --git a/c d.go b/c d.go\n--- /dev/null\n+++ b/c d.go\t\n@@ -0,0 +1 @@\n+a\n\\ No newline at end of file\n";
        let expected = [("a.go", vec![1, 2]), ("c d.go", vec![1])];
        let expected: Lines =
            expected.into_iter().map(|(path, lines)| (path.to_owned(), lines.into_iter().collect())).collect();
        assert_eq!(added(diff), expected);
    }
}
