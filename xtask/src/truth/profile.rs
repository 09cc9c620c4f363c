//! A cover profile: how often each block of source ran.
//!
//! A line of `go tool covdata textfmt` is `import/path/file.go:12.3,15.4 2 17`: from line 12, column 3 up to line 15, column 4;
//! two statements; 17 times. Columns count bytes from 1.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use super::{subject::Variant, toolchain};

/// A place in a source file, both counted from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Position {
    pub(super) line: u32,
    pub(super) column: u32,
}

/// A run of source that is entered at its start, and how often it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Block {
    pub(super) start: Position,
    /// Behind its last byte.
    pub(super) end: Position,
    pub(super) count: u64,
}

/// The blocks of every file, by its path from the sources' root, in the order of their starts.
#[derive(PartialEq, Eq, Debug, Default)]
pub(super) struct Profile {
    files: BTreeMap<String, Vec<Block>>,
}

impl Profile {
    /// Reads what the runs of instrumented programs left in `dir`. `homes` says where packages lie.
    pub(super) fn read(dir: &Path, homes: &Homes) -> Result<Self> {
        let to = dir.with_extension("profile");
        toolchain::output(toolchain::go().args(["tool", "covdata", "textfmt", "-i"]).arg(dir).arg("-o").arg(&to))?;
        let text = std::fs::read_to_string(&to).with_context(|| format!("cannot read {}", to.display()))?;
        Self::parse(&text, homes)
    }

    fn parse(text: &str, homes: &Homes) -> Result<Self> {
        let mut profile = Self::default();
        for line in text.lines().filter(|line| !line.starts_with("mode:")) {
            let (file, block) = parse_line(line).with_context(|| format!("no line of a cover profile: {line}"))?;
            if let Some(path) = homes.path(file) {
                profile.files.entry(path).or_default().push(block);
            }
        }
        for blocks in profile.files.values_mut() {
            blocks.sort_by_key(|b| (b.start, b.end));
            // A package that several programs share has a line for each.
            blocks.dedup_by(|b, a| {
                let same = a.start == b.start && a.end == b.end;
                if same {
                    a.count += b.count;
                }
                same
            });
        }
        Ok(profile)
    }

    /// The innermost block that holds `position`.
    pub(super) fn at(&self, file: &str, position: Position) -> Option<&Block> {
        let blocks = self.files.get(file)?;
        let started = blocks.partition_point(|b| b.start <= position);
        blocks[..started].iter().rev().find(|b| position < b.end)
    }

    /// The first block that begins at `position` or behind it.
    pub(super) fn from(&self, file: &str, position: Position) -> Option<&Block> {
        let blocks = self.files.get(file)?;
        blocks.get(blocks.partition_point(|b| b.start < position))
    }
}

fn parse_line(line: &str) -> Option<(&str, Block)> {
    let (file, rest) = line.rsplit_once(':')?;
    let mut words = rest.split(' ');
    let (start, end) = words.next()?.split_once(',')?;
    let position = |text: &str| {
        let (line, column) = text.split_once('.')?;
        Some(Position { line: line.parse().ok()?, column: column.parse().ok()? })
    };
    let count = words.nth(1)?.parse().ok()?;
    Some((file, Block { start: position(start)?, end: position(end)?, count }))
}

/// Where packages lie, from the sources' root.
pub(super) struct Homes {
    dirs: BTreeMap<String, String>,
}

impl Homes {
    /// Asks `go list` in `dir` where `packages` lie below `root`.
    pub(super) fn find(variant: &Variant, dir: &Path, root: &Path, packages: &[&str]) -> Result<Self> {
        let mut go = variant.go();
        go.current_dir(dir).args(["list", "-e", "-f", "{{.ImportPath}}\t{{.Dir}}"]).args(packages);
        Self::parse(&toolchain::output(&mut go)?, root)
    }

    fn parse(list: &str, root: &Path) -> Result<Self> {
        let mut dirs = BTreeMap::new();
        for line in list.lines() {
            let (package, dir) = line.split_once('\t').context("go list wrote no tab")?;
            if let Ok(dir) = PathBuf::from(dir).strip_prefix(root) {
                dirs.insert(package.to_owned(), dir.to_string_lossy().into_owned());
            }
        }
        ensure!(!dirs.is_empty(), "none of the packages lies in {}", root.display());
        Ok(Self { dirs })
    }

    /// The path of a profile's `import/path/file.go`.
    fn path(&self, file: &str) -> Option<String> {
        let (package, name) = file.rsplit_once('/')?;
        let dir = self.dirs.get(package)?;
        Some(if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") })
    }

    /// Import paths.
    pub(super) fn packages(&self) -> impl Iterator<Item = &str> {
        self.dirs.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_block_decides() {
        let homes = Homes::parse("example.com/a/b\t/src/b\n", Path::new("/src")).unwrap();
        let text = "mode: count\nexample.com/a/b/x.go:5.10,20.2 3 7\nexample.com/a/b/x.go:8.3,9.4 1 0\nother/y.go:1.1,2.2 1 1\n";
        let profile = Profile::parse(text, &homes).unwrap();
        let check = |line, column, expected: Option<u64>| {
            let found = profile.at("b/x.go", Position { line, column });
            assert_eq!(found.map(|b| b.count), expected, "{line}.{column}");
        };
        check(5, 9, None);
        check(5, 10, Some(7));
        check(8, 2, Some(7));
        check(8, 3, Some(0));
        check(9, 4, Some(7));
        check(20, 2, None);
        assert_eq!(profile.from("b/x.go", Position { line: 6, column: 1 }).map(|b| b.count), Some(0));
        assert_eq!(profile.files.len(), 1, "packages that are not judged are left out");
    }
}
