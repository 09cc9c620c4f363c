//! A compiled function: its range, its line rows, and the tree of calls that were inlined into it.

use crate::addr::{AddrRange, VirtAddr};

/// Index into a [`FileTable`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FileId(pub u32);

/// The source files that a binary names, each once.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FileTable {
    /// By [`FileId`]: the name as compiled, `/home/me/shop/cart.go` or, with -trimpath, `example.com/shop/cart.go`.
    pub names: Vec<Box<str>>,
}

/// One out-of-line function of the binary.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Function {
    /// The linker's name: `example.com/shop/internal/cart.(*Cart).Add`, `main.main.func1`, `slices.Sort[go.shape.int]`.
    pub name: Box<str>,
    /// Its code.
    pub range: AddrRange,
    /// The file of its declaration, if the table says.
    pub file: Option<FileId>,
    /// The line of its `func` keyword; 0 if the table does not say.
    pub start_line: u32,
    /// The first address behind the stack check and frame set-up, if the table says (DWARF's `prologue_end`).
    pub prologue_end: Option<VirtAddr>,
    /// Sorted by address; a row holds from its address to the next one's, the last to the end of the function.
    pub rows: Box<[Row]>,
    /// Calls inlined into it, parents before children.
    pub inlined: Box<[InlinedCall]>,
}

/// What line the instructions from an address on belong to: the innermost position, that of the deepest inlined call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row {
    /// Where the row begins. Not necessarily the start of an instruction: decode from the function's start.
    pub addr: VirtAddr,
    /// Its file.
    pub file: FileId,
    /// Its line; 0 where the compiler gave none.
    pub line: u32,
    /// Whether the table recommends the address for a breakpoint on the line; always true from pclntab, which does not say.
    pub is_stmt: bool,
}

/// A call whose callee's body was copied into the caller.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InlinedCall {
    /// The callee's name, as in [`Function::name`].
    pub name: Box<str>,
    /// The file of the callee's declaration, if the table says.
    pub file: Option<FileId>,
    /// The line of the callee's `func` keyword; 0 if the table does not say.
    pub start_line: u32,
    /// The inlined call that this one was made in; `None` if the function itself made it.
    pub parent: Option<u32>,
    /// The file of the call.
    pub call_file: FileId,
    /// The line of the call.
    pub call_line: u32,
    /// The instructions of the copied body, deeper calls included; sorted, not overlapping.
    pub ranges: Box<[AddrRange]>,
}

impl Function {
    /// The row that `addr` belongs to.
    pub fn row(&self, addr: VirtAddr) -> Option<&Row> {
        if !self.range.contains(addr) {
            return None;
        }
        self.rows[..self.rows.partition_point(|r| r.addr <= addr)].last()
    }

    /// The inlined calls around `addr`, outermost first.
    pub fn inlined_at(&self, addr: VirtAddr) -> Vec<u32> {
        let mut chain: Vec<u32> = Vec::new();
        // Parents stand before children, so one pass follows the chain down.
        for (i, call) in self.inlined.iter().enumerate() {
            let at = call.ranges.partition_point(|r| r.high <= addr);
            if call.parent == chain.last().copied() && call.ranges.get(at).is_some_and(|r| r.contains(addr)) {
                chain.push(u32::try_from(i).expect("fewer than 2^32 inlined calls"));
            }
        }
        chain
    }
}
