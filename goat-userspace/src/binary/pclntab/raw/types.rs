//! The records of a pclntab, and a type for each kind of offset in it.

/// Which of the two layouts of `_func` and `inlinedCall` a table has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum Layout {
    /// Go 1.18 and 1.19: no start lines; an inlined call names its parent and the position of the call.
    Go118,
    /// Go 1.20 and later: start lines; an inlined call gives an instruction whose position is the call's.
    Go120,
}

/// Bytes from the start of the Go text (`moduledata.text`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in super::super) struct TextOff(pub u32);

/// A function's name, in bytes from the start of funcnametab.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(in super::super) struct NameOff(pub u32);

/// A table of values by pc, in bytes from the start of pctab. The linker keeps 0 for "no such table".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) struct PcTabOff(pub u32);

/// A function's tree of inlined calls, in bytes from `moduledata.gofunc`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) struct InlTreeOff(pub u32);

/// `runtime._func`, as far as goat needs it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) struct Func {
    pub entry: TextOff,
    pub name: NameOff,
    pub pcfile: PcTabOff,
    pub pcln: PcTabOff,
    /// Where the function's compilation unit begins in cutab, in entries; `u32::MAX` for text that no Go compiler made.
    pub cu: u32,
    /// The line of the `func` keyword; 0 before Go 1.20.
    pub start_line: u32,
    /// The table of indices into the tree of inlined calls.
    pub inl_index: Option<PcTabOff>,
    pub inl_tree: Option<InlTreeOff>,
}

/// `runtime.inlinedCall`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) struct InlinedCallRecord {
    /// The callee's name.
    pub name: NameOff,
    /// The line of the callee's `func` keyword; 0 before Go 1.20.
    pub start_line: u32,
    /// An instruction whose position is that of the call, in bytes from the function's entry.
    pub parent_pc: u32,
    /// The call itself, where the record holds it (before Go 1.20).
    pub call: Option<RecordedCall>,
}

/// What `inlinedCall` said of the call before Go 1.20.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) struct RecordedCall {
    /// Index of the inlined call that it was made in.
    pub parent: Option<u32>,
    /// Its file, as an index into the compilation unit's part of cutab.
    pub file: u32,
    pub line: u32,
}

/// A table holds what no Go linker writes: it is cut short, or damaged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) struct BadTable;
