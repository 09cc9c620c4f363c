//! Which compiled functions are copies of which source functions: out of line, inlined, of a generic shape, or the body of a
//! loop over a function.

use std::collections::BTreeMap;

use crate::{
    binary::{FileId, Function},
    source::{BlockId, BlockKind, FunctionId, SourceFile, SourceIndex},
};

/// A copy of a source function, before it is decoded.
pub(super) struct Found {
    /// Index of the source file.
    pub(super) source: u32,
    pub(super) function: FunctionId,
    /// The statement list that the copy begins with.
    pub(super) root: BlockId,
    pub(super) file: FileId,
    /// The inlined call that the copy is; `None` for the out-of-line function.
    pub(super) node: Option<u32>,
}

/// Finds source functions by the file and line of their declaration, which the binary's tables keep for copies of every kind.
pub(super) struct Finder<'a> {
    sources: &'a SourceIndex,
    by_file: BTreeMap<FileId, u32>,
    /// Source functions by file and line; several where closures share a line.
    by_line: BTreeMap<(u32, u32), Vec<FunctionId>>,
}

impl<'a> Finder<'a> {
    pub(super) fn new(sources: &'a SourceIndex, compiled_file: &[Option<FileId>]) -> Self {
        let by_file = compiled_file.iter().zip(0..).filter_map(|(id, source)| Some(((*id)?, source))).collect();
        let mut by_line: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (file, source) in sources.files.iter().zip(0..) {
            for (function, id) in file.functions.iter().zip(0..) {
                by_line.entry((source, function.span.start.line)).or_default().push(FunctionId(id));
            }
        }
        Self { sources, by_file, by_line }
    }

    /// The copies that `function` holds: itself, and what was inlined into it.
    pub(super) fn copies(&self, function: &Function) -> Vec<Found> {
        let own = self.find(&function.name, function.file, function.start_line, None);
        let inlined = function
            .inlined
            .iter()
            .zip(0..)
            .filter_map(|(call, node)| self.find(&call.name, call.file, call.start_line, Some(node)));
        own.into_iter().chain(inlined).collect()
    }

    fn find(&self, name: &str, file: Option<FileId>, line: u32, node: Option<u32>) -> Option<Found> {
        let file = file?;
        let source = *self.by_file.get(&file)?;
        let sources = &self.sources.files[source as usize];
        if is_dictionary_wrapper(name) {
            return None;
        }
        let plain = without_type_arguments(name);
        let tail = plain.rsplit('/').next().unwrap_or(&plain);
        // Wrappers that the compiler writes around `go`, `defer` and method values hold none of the source's statements.
        if tail.ends_with("-fm") || tail.contains("deferwrap") || tail.contains("gowrap") || tail.contains("·dwrap·")
        {
            return None;
        }
        if tail.contains("-range") {
            let (function, root) = range_body(sources, line)?;
            return Some(Found { source, function, root, file, node });
        }
        let function = if line == 0 {
            self.by_name(sources, tail)?
        } else {
            let same_line = self.by_line.get(&(source, line))?;
            *same_line.iter().find(|f| same_name(sources, **f, tail)).or_else(|| same_line.first())?
        };
        Some(Found { source, function, root: sources.functions[function.0 as usize].body, file, node })
    }

    fn by_name(&self, source: &SourceFile, tail: &str) -> Option<FunctionId> {
        let ids = (0..u32::try_from(source.functions.len()).ok()?).map(FunctionId);
        let mut same = ids.filter(|f| same_name(source, *f, tail));
        same.next().filter(|_| same.next().is_none())
    }
}

/// Whether the function is `Map[int]`: it calls `Map[go.shape.int]`, which has the body, with a dictionary of the types, where
/// it is called through an interface or a variable. Its instructions bear the line of the declaration, and it has been left out
/// where the body was called directly (`syntheticBody` in cmd/compile/internal/noder/reader.go).
fn is_dictionary_wrapper(name: &str) -> bool {
    // Up to Go 1.20 pclntab has `Map[...]` for both.
    name.contains('[') && !name.contains("go.shape.") && !name.contains("[...]")
}

/// `ship.Map` of the linker's `example.com/ship.Map[go.shape.int]`; a type argument may be a path itself.
pub(super) fn without_type_arguments(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    let mut depth = 0u32;
    for c in name.chars() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            c if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    plain
}

/// Whether the linker's `cart.(*Cart).Add`, its path and type arguments left out, is the source's `(*Cart).Add`.
fn same_name(source: &SourceFile, function: FunctionId, tail: &str) -> bool {
    let name = tail.split_once('.').map_or(tail, |(_, name)| name);
    name == source.functions[function.0 as usize].name
}

/// The loop over a function on this line, whose body the compiler made a function of.
fn range_body(source: &SourceFile, line: u32) -> Option<(FunctionId, BlockId)> {
    let ids = (0..u32::try_from(source.blocks.len()).ok()?).map(BlockId);
    let is_body = |id: &BlockId| {
        let block = &source.blocks[id.0 as usize];
        let owner = block.owner.map(|o| &source.statements[o.0 as usize]);
        block.kind == BlockKind::Range && owner.is_some_and(|o| o.span.start.line == line)
    };
    ids.into_iter().find(is_body).map(|id| (source.blocks[id.0 as usize].function, id))
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

func (b *Box[T]) Add() { g(); for range b.all { h() } }

func two() { a(func() { b() }, func() { c() }) }
";

    /// The source function that a compiled function of this name, declared on `line` of the file, is a copy of.
    #[track_caller]
    fn check(name: &str, line: u32, expected: Option<&str>) {
        let path = "ship.go".into();
        let sources = source::index([(&path, SOURCE.as_bytes())]);
        let finder = Finder::new(&sources, &[Some(FileId(7))]);
        let function = Function {
            name: name.into(),
            range: AddrRange { low: VirtAddr(0), high: VirtAddr(1) },
            file: Some(FileId(7)),
            start_line: line,
            prologue_end: None,
            rows: Box::default(),
            inlined: Box::default(),
        };
        let found: Vec<_> = finder.copies(&function);
        let found = found.first().map(|found| &*sources.files[0].functions[found.function.0 as usize].name);
        assert_eq!(found, expected, "{name}");
    }

    #[test]
    fn functions_are_found_by_their_declaration() {
        check("example.com/ship.Map[go.shape.int]", 3, Some("Map"));
        check("example.com/ship.Map[go.shape.struct { example.com/x/y.v int }]", 0, Some("Map"));
        check("example.com/ship.(*Box[go.shape.int]).Add", 5, Some("(*Box).Add"));
        check("example.com/ship.(*Box[go.shape.int]).Add-range1", 5, Some("(*Box).Add"));
        check("example.com/ship.Map[...]", 3, Some("Map"));
        check("example.com/ship.two.func2", 7, Some("two.func2"));
        check("example.com/ship.two", 7, Some("two"));
        check("example.com/ship.gone", 4, None);
    }

    #[test]
    fn wrappers_are_no_copies() {
        check("example.com/ship.Map[int]", 3, None);
        check("example.com/ship.Map[int]", 0, None);
        check("example.com/ship.(*Box[example.com/x/y.Version]).Add", 5, None);
        check("example.com/ship.(*Box[go.shape.int]).Add-fm", 5, None);
        check("example.com/ship.two.deferwrap1", 7, None);
        check("example.com/ship.two.gowrap1", 7, None);
    }
}
