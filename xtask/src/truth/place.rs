//! Where in the source a point begins, to the column, and so which block of a profile decides on it.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};

use super::{
    goat::Point,
    profile::{Block, Position, Profile},
    statements::Marks,
};

/// The judged sources, by path from their root.
pub(super) struct Sources {
    texts: BTreeMap<String, Vec<String>>,
}

/// The first line of each function or closure that has a point, by file and name.
pub(super) struct FirstLines<'a>(BTreeMap<(&'a str, &'a str), u32>);

impl<'a> FirstLines<'a> {
    pub(super) fn of(points: &'a [Point]) -> Self {
        let mut first: BTreeMap<_, u32> = BTreeMap::new();
        for point in points {
            let line = first.entry((&*point.file, &*point.function)).or_insert(point.line);
            *line = point.line.min(*line);
        }
        Self(first)
    }

    /// Where the point's function begins in `text`, its line, if it is a closure of one line among other things:
    /// `sort.Slice(s, func(i, j int) bool { return s[i] < s[j] })`. `before` is the line in front of it.
    fn closure(&self, text: &str, before: &str, point: &Point) -> Option<usize> {
        let is_first = self.0.get(&(&*point.file, &*point.function)) == Some(&point.line);
        if !is_first
            || !point.function.contains(".func")
            || !before.starts_with("func ") && before.contains("func(") && before.trim_end().ends_with('{')
        {
            return None;
        }
        // Several may begin on the line, numbered in the order of the text.
        let this = numbers(&point.function);
        let here = |((file, function), line): &(&(&str, &str), &u32)| {
            *file == point.file && **line == point.line && function.contains(".func") && numbers(function) < this
        };
        let (closure, _) = text.match_indices("func(").nth(self.0.iter().filter(here).count())?;
        text[closure..].trim_end().find('}').map(|_| closure)
    }

    /// Whether something may be put in front of the statement that begins the point's line: it is the point's own.
    pub(super) fn begins_line(&self, sources: &Sources, point: &Point) -> bool {
        let text = sources.line(&point.file, point.line);
        let indent = (text.len() - text.trim_start().len()) as u32;
        place(text, point, self.closure(text, sources.line(&point.file, point.line - 1), point), 0)
            == Place::At(Position { line: point.line, column: indent + 1 })
    }
}

/// The numbers in a closure's name: 2 and 1 of `F.func2.1`.
fn numbers(function: &str) -> Vec<u32> {
    let name = function.rsplit_once(".func").map_or("", |(_, name)| name);
    name.split('.').filter_map(|number| number.parse().ok()).collect()
}

/// Where a point begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// Here.
    At(Position),
    /// In the list that begins next behind here: the body of a case, or of a function on one line.
    Behind(Position),
}

impl Sources {
    /// Reads the files of `points` below `root`.
    pub(super) fn read<'a>(root: &Path, points: impl Iterator<Item = &'a Point>) -> Result<Self> {
        let mut texts = BTreeMap::new();
        for point in points {
            if !texts.contains_key(&point.file) {
                let path = root.join(&point.file);
                let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
                texts.insert(point.file.clone(), text.lines().map(str::to_owned).collect());
            }
        }
        Ok(Self { texts })
    }

    /// Every line of a file.
    pub(super) fn lines(&self, file: &str) -> &[String] {
        self.texts.get(file).map_or(&[], Vec::as_slice)
    }

    /// A line, without its break; empty where there is none.
    pub(super) fn line(&self, file: &str, line: u32) -> &str {
        let index = line.checked_sub(1).map(|i| i as usize);
        index.and_then(|i| self.lines(file).get(i)).map_or("", String::as_str)
    }

    /// The block that decides on `point` in `profile`.
    pub(super) fn block<'p>(
        &self,
        marks: &Marks,
        first: &FirstLines<'_>,
        profile: &'p Profile,
        point: &Point,
    ) -> Option<&'p Block> {
        let shift = marks.shift(&point.file, point.line);
        let text = self.line(&point.file, point.line);
        let closure = first.closure(text, self.line(&point.file, point.line - 1), point);
        match place(text, point, closure, shift) {
            Place::At(position) => profile.at(&point.file, position),
            Place::Behind(position) => {
                let block = profile.from(&point.file, position)?;
                (block.start.line <= point.end_line.max(point.line + 1)).then_some(block)
            }
        }
    }
}

fn place(text: &str, point: &Point, closure: Option<usize>, shift: u32) -> Place {
    let begins = |offset: usize| Position { line: point.line, column: offset as u32 + 1 + shift };
    let indent = text.len() - text.trim_start().len();
    let own = &text[indent..];
    // A whole function's count is that of its first block.
    if point.kind == "function" {
        let closure = closure.or_else(|| text.find("func(").filter(|_| point.function.contains(".func")));
        return Place::Behind(begins(closure.unwrap_or(indent)));
    }
    if own == "case" || own.starts_with("case ") || own.starts_with("default:") || own.starts_with("func ") {
        return Place::Behind(begins(indent));
    }
    if let Some(closure) = closure {
        return Place::Behind(begins(closure));
    }
    // `} else if c {`, `}); err != nil {`: what closes is not what begins.
    let mut rest = own.trim_start_matches(|c: char| "})], ;".contains(c));
    if rest.len() < own.len() {
        rest = rest.strip_prefix("else ").unwrap_or(rest);
    }
    // A body on its header's line, or on that of its `else`.
    if point.kind == "branch"
        && let Some(brace) = text.find('{')
    {
        return Place::At(begins(brace + 1));
    }
    if rest.is_empty() { Place::At(begins(indent)) } else { Place::At(begins(text.len() - rest.len())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_begins_at_its_statement() {
        let point = |kind: &str| Point {
            id: 1,
            file: String::new(),
            line: 7,
            end_line: 7,
            function: String::new(),
            kind: kind.to_owned(),
            observable: true,
            reason: None,
            sites: Vec::new(),
            blind: Vec::new(),
        };
        let at = |column| Place::At(Position { line: 7, column });
        let behind = |column| Place::Behind(Position { line: 7, column });
        for (text, kind, shift, expected) in [
            ("\tx := 1", "statement", 0, at(2)),
            ("\tx := 1", "statement", 3, at(5)),
            ("\t} else if x {", "header", 0, at(9)),
            ("\t}); err != nil {", "part", 0, at(6)),
            ("\tcase 1:", "statement", 0, behind(2)),
            ("func F() int { return 1 }", "statement", 0, behind(1)),
            ("\tif x { y() }", "branch", 0, at(8)),
            ("func F() {", "function", 0, behind(1)),
        ] {
            assert_eq!(place(text, &point(kind), None, shift), expected, "{text}");
        }
    }
}
