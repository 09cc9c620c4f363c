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
        let tail = name.rsplit('/').next().unwrap_or(name);
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

/// Whether the linker's `cart.(*Cart).Add` or `ship.Map[go.shape.int]` is the source's `(*Cart).Add`, `Map`.
fn same_name(source: &SourceFile, function: FunctionId, tail: &str) -> bool {
    let mut plain = String::with_capacity(tail.len());
    let mut depth = 0;
    for c in tail.chars() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            c if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    let name = plain.split_once('.').map_or(&*plain, |(_, name)| name);
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
