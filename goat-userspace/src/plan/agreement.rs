//! Whether the sources are those that the binary was built from, by the lines where its functions begin: what tells where
//! `-buildvcs=false` hid the commit, and what `vcs.modified` leaves open.

use std::collections::{BTreeMap, BTreeSet};

use super::finder::without_type_arguments;
use crate::{
    binary::{FileId, Function},
    source::SourceIndex,
};

/// How many of a hundred functions must begin where the sources say. A different commit moves all that stands below its
/// first change; a single one may differ for reasons of its own, as a generated file does.
const ENOUGH_PERCENT: usize = 90;
/// How many differences are named.
const NAMED: usize = 5;

/// The binary's functions of the changed files, held against the sources.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Agreement {
    /// Functions that the binary has from these files.
    compared: usize,
    /// Those that are in the sources under the same name, on the same line.
    agreeing: usize,
    differing: Vec<String>,
}

impl Agreement {
    pub(super) fn new(sources: &SourceIndex, compiled_file: &[Option<FileId>], functions: &[Function]) -> Self {
        let of_file: BTreeMap<FileId, usize> =
            compiled_file.iter().zip(0..).filter_map(|(id, source)| Some(((*id)?, source))).collect();
        let mut declared: BTreeSet<(usize, String, u32)> = BTreeSet::new();
        for function in functions {
            let own = (&*function.name, function.file, function.start_line);
            let inlined = function.inlined.iter().map(|call| (&*call.name, call.file, call.start_line));
            for (name, file, line) in inlined.chain([own]) {
                // No line: Go 1.18 and 1.19 do not say it in pclntab.
                let (Some(&source), 1..) = (file.and_then(|file| of_file.get(&file)).as_ref(), line) else { continue };
                let file = &sources.files[*source];
                if let (Some(name), false) = (named(name), file.cgo || file.line_directives) {
                    declared.insert((*source, name, line));
                }
            }
        }
        let mut agreement = Self { compared: declared.len(), ..Self::default() };
        for (source, name, line) in declared {
            let file = &sources.files[source];
            let mut same = file.functions.iter().filter(|f| !f.closure && f.name == name).map(|f| f.span.start.line);
            match same.next() {
                Some(first) if first == line || same.any(|other| other == line) => agreement.agreeing += 1,
                Some(first) => agreement.differing.push(format!(
                    "{name} begins at {}:{line} in the binary, at line {first} in the sources",
                    file.path
                )),
                None => agreement.differing.push(format!("{name} at {}:{line} is not in the sources", file.path)),
            }
        }
        agreement
    }

    /// Whether so many functions begin elsewhere that the sources are another version's.
    pub(super) fn is_refuted(&self) -> bool {
        self.agreeing * 100 < self.compared * ENOUGH_PERCENT
    }

    /// What differs, for people; `None` if nothing does.
    pub(super) fn evidence(&self) -> Option<String> {
        let more = self.differing.len().saturating_sub(NAMED);
        let named: Vec<&str> = self.differing.iter().take(NAMED).map(String::as_str).collect();
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        let Self { compared, .. } = self;
        let begin = format!(
            "{} of {compared} functions of the changed files are not where the sources have them",
            self.differing.len()
        );
        (!named.is_empty()).then(|| format!("{begin}: {}{more}", named.join("; ")))
    }
}

/// The name in its package of a declared function or method; `None` for what the compiler made or named: closures, wrappers,
/// bodies of loops over functions, initialisation.
fn named(linker: &str) -> Option<String> {
    let plain = without_type_arguments(linker);
    let (_, name) = plain.rsplit('/').next()?.split_once('.')?;
    let last = name.rsplit('.').next()?;
    let is_closure = last.strip_prefix("func").unwrap_or(last).bytes().all(|b| b.is_ascii_digit());
    let is_made = name.contains(['-', '·']) || name.contains("wrap") && name.contains('.');
    let is_method_or_function = name.split('.').count() <= 2;
    let is_start = name == "init" || name.starts_with("init.") || name.starts_with("map.init");
    (!is_closure && !is_made && is_method_or_function && !is_start).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        addr::{AddrRange, VirtAddr},
        source,
    };

    const SOURCE: &str = "package ship

func Map[T any](x T) { f(x) }

func (b *Box[T]) Add() { g(func() { h() }) }

func init() {}
";

    /// The functions of the binary, by name and line; whether they refute the source, and what is said.
    #[track_caller]
    fn check(functions: &[(&str, u32)], refuted: bool, said: Option<&str>) {
        let path = "ship.go".into();
        let sources = source::index([(&path, SOURCE.as_bytes())]);
        let functions: Vec<_> = functions
            .iter()
            .map(|&(name, start_line)| Function {
                name: name.into(),
                range: AddrRange { low: VirtAddr(0), high: VirtAddr(1) },
                file: Some(FileId(7)),
                start_line,
                prologue_end: None,
                rows: Box::default(),
                inlined: Box::default(),
            })
            .collect();
        let agreement = Agreement::new(&sources, &[Some(FileId(7))], &functions);
        assert_eq!((agreement.is_refuted(), agreement.evidence().as_deref()), (refuted, said));
    }

    #[test]
    fn functions_that_begin_elsewhere_refute_the_sources() {
        check(&[("x.org/ship.Map[go.shape.int]", 3), ("x.org/ship.(*Box[go.shape.int]).Add", 5)], false, None);
        let one = "1 of 2 functions of the changed files are not where the sources have them: ";
        let moved = format!("{one}Map begins at ship.go:4 in the binary, at line 3 in the sources");
        check(&[("x.org/ship.Map[go.shape.int]", 4), ("x.org/ship.(*Box[...]).Add", 5)], true, Some(&moved));
        let gone = format!("{one}Other at ship.go:3 is not in the sources");
        check(&[("x.org/ship.Other", 3), ("x.org/ship.(*Box[...]).Add", 5)], true, Some(&gone));
    }

    #[test]
    fn what_the_compiler_made_says_nothing() {
        for name in [
            "(*Box[...]).Add.func1",
            "init",
            "init.0",
            "map.init.0",
            "Map.deferwrap1",
            "(*Box[...]).Add-fm",
            "f.1.2",
            "glob..func1",
        ] {
            check(&[(&format!("x.org/ship.{name}"), 99)], false, None);
        }
        check(&[("x.org/ship.Map[...]", 0)], false, None);
        check(&[], false, None);
    }
}
