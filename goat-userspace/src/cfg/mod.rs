//! A function's machine code in, its basic blocks out: decoded from its first byte on, so that every instruction boundary is
//! certain, with the edges that control can take and the ones that it only takes to panic.

mod aarch64;
mod callee;
mod dominators;
mod faults;
mod flags;
mod jump_table;
mod loops;
mod probe_class;
mod x86_64;

pub use dominators::Dominators;
pub use flags::{Comparison, Condition, Flags};
pub use loops::Loops;
pub use probe_class::{Probe, ProbeClass, classify};

use crate::{
    addr::{AddrRange, VirtAddr},
    binary::{Arch, Binary},
};

/// Functions longer than this are not decoded: the largest that Go's own compiler holds has under 1 MB.
const MAX_FUNCTION_BYTES: u64 = 8 << 20;

/// Why a function could not be decoded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The range has no code in the file.
    #[error("the code from {} to {} is not in the file", range.low, range.high)]
    NoCode {
        /// Which range.
        range: AddrRange,
    },
    /// The function is larger than any that a compiler makes.
    #[error("the function at {} is larger than {MAX_FUNCTION_BYTES} bytes", range.low)]
    TooLarge {
        /// Which range.
        range: AddrRange,
    },
}

/// Index into [`Cfg::blocks`].
pub type BlockIndex = usize;

/// A function's control flow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cfg {
    /// Every instruction, in order of address, padding behind the last one included.
    pub insns: Vec<Insn>,
    /// Basic blocks, in order of address; the first is the function's entry.
    pub blocks: Vec<Block>,
    /// Whether some jump's targets are unknown, so that edges are missing.
    pub incomplete: bool,
}

/// One instruction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Insn {
    /// Where it begins.
    pub addr: VirtAddr,
    /// Its length in bytes.
    pub len: u8,
    /// Where control goes from it.
    pub flow: Flow,
    /// What a uprobe on it costs; `None` if the kernel refuses it.
    pub probe: Option<ProbeClass>,
    /// Whether the compiler may have put it in on its own account: a copy between registers, a spill, a constant, a nop. Such
    /// an instruction has no position of its own and shows that of whatever stands in front of it.
    pub weak: bool,
    /// Whether it does something that the compiler neither does early nor moves: it calls a function or writes memory other than
    /// the stack.
    pub effect: bool,
    /// Whether it touches memory other than the stack, so that it may fault and never finish.
    pub may_fault: bool,
    /// What it does with the flags.
    pub flags: Flags,
    /// Which of the runtime's functions it calls, where that decides on the control flow.
    pub callee: Callee,
}

impl Insn {
    /// Bytes that are no instruction.
    fn trap(addr: VirtAddr, len: u8) -> Self {
        Self {
            addr,
            len,
            flow: Flow::Trap,
            probe: None,
            weak: true,
            effect: false,
            may_fault: true,
            flags: Flags::Clobbered,
            callee: Callee::Other,
        }
    }
}

/// A function of Go's runtime, by what calling it means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Callee {
    /// Any other function, or no call.
    Other,
    /// `runtime.deferreturn`: where the runtime goes on after a recovered panic.
    DeferReturn,
    /// `runtime.panicwrap`: a wrapper of a value's method was called on a nil pointer.
    PanicWrap,
    /// `runtime.deferproc`: the branch behind it is only taken after a recovered panic.
    DeferProc,
    /// `runtime.gcWriteBarrier`, `wbZero`, `wbMove`: the block and the branch in front of it are the collector's business.
    WriteBarrier,
    /// One that comes back unless the program dies of it: it neither panics nor waits for anything.
    Returns,
}

/// Where control goes from an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    /// On to the next one.
    Next,
    /// Elsewhere, always.
    Jump(VirtAddr),
    /// Elsewhere if the flags, or a register, satisfy the condition, else on.
    Branch(VirtAddr, Condition),
    /// Through a table.
    Table,
    /// To a function that comes back.
    Call,
    /// To one that does not, since the program panics there; `explicit` if the source says `panic`, so that the statement is code.
    Panic {
        /// Whether the source asks for it.
        explicit: bool,
    },
    /// To `runtime.morestack`, and then back to the function's entry.
    MoreStack,
    /// Out of the function.
    Return,
    /// Nowhere: an instruction that traps, or bytes that are none.
    Trap,
}

/// A run of instructions that control enters at the first and leaves behind the last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    /// Its instructions, as a range of [`Cfg::insns`].
    pub first: usize,
    /// One behind its last.
    pub end: usize,
    /// Where control can go from it, without duplicates; for a branch the taken side first.
    pub succs: Vec<BlockIndex>,
    /// Where it can come from.
    pub preds: Vec<BlockIndex>,
    /// Whether it only leads to an implicit panic (index out of range, nil map, ...).
    pub panics: bool,
    /// Whether it belongs to the stack check in front of the function: it runs again after the stack has grown.
    pub prologue: bool,
    /// The instruction that writes what the branch at its end looks at, where that is a register and not the flags.
    pub origin: Option<usize>,
}

/// Decodes the function in `range` of `binary`.
pub fn build(binary: &Binary, range: AddrRange) -> Result<Cfg, Error> {
    if range.high.offset_from(range.low).is_none_or(|len| len > MAX_FUNCTION_BYTES) {
        return Err(Error::TooLarge { range });
    }
    let code = binary.code(range).ok_or(Error::NoCode { range })?;
    let symbol = |addr: VirtAddr| binary.symbol(addr);
    let data = |addr: VirtAddr, len: usize| binary.data(addr, len);
    let (insns, tables, effects, context);
    match binary.arch() {
        Arch::X86_64 => {
            insns = x86_64::decode(code, range.low, &symbol);
            tables = x86_64::tables(&insns, code, range, &data);
            effects = x86_64::effects(&insns, code, range.low, &symbol);
            context = x86_64::CONTEXT;
        }
        Arch::Aarch64 => {
            insns = aarch64::decode(code, range.low, &symbol);
            tables = aarch64::tables(&insns, code, range, &data);
            effects = aarch64::effects(&insns, code, &symbol);
            context = aarch64::CONTEXT;
        }
    }
    let mut cfg = blocks(insns, &tables);
    faults::settle(&mut cfg, &effects, context);
    cfg.find_origins(&effects);
    Ok(cfg)
}

/// The targets of the jumps through tables, by index of the instruction; absent where they are unknown.
type Tables = std::collections::BTreeMap<usize, Vec<VirtAddr>>;

fn blocks(insns: Vec<Insn>, tables: &Tables) -> Cfg {
    let index_of = |addr: VirtAddr| insns.binary_search_by_key(&addr, |i| i.addr).ok();
    let mut leaders = vec![false; insns.len() + 1];
    leaders[0] = true;
    for (i, insn) in insns.iter().enumerate() {
        if !matches!(insn.flow, Flow::Next | Flow::Call) {
            leaders[i + 1] = true;
        }
        if insn.callee == Callee::DeferReturn {
            leaders[i] = true;
        }
        let (Flow::Jump(target) | Flow::Branch(target, _)) = insn.flow else { continue };
        if let Some(at) = index_of(target) {
            leaders[at] = true;
        }
    }
    for target in tables.values().flatten() {
        if let Some(at) = index_of(*target) {
            leaders[at] = true;
        }
    }
    let starts: Vec<usize> = (0..insns.len()).filter(|i| leaders[*i]).collect();
    let block_of = |insn: usize| starts.partition_point(|s| *s <= insn) - 1;
    let block_at = |addr: VirtAddr| index_of(addr).map(block_of);

    let mut incomplete = false;
    let mut blocks: Vec<Block> = Vec::with_capacity(starts.len());
    for (b, &first) in starts.iter().enumerate() {
        let end = starts.get(b + 1).copied().unwrap_or(insns.len());
        let next = (end < insns.len()).then_some(b + 1);
        let mut succs: Vec<BlockIndex> = Vec::new();
        match insns[end - 1].flow {
            Flow::Next | Flow::Call => succs.extend(next),
            // A jump out of the function is a tail call.
            Flow::Jump(target) => succs.extend(block_at(target)),
            Flow::Branch(target, _) => {
                // CALL deferproc; TESTL AX, AX; JNE: taken on recovery alone (Go 1.21).
                let recovers = (first.max(end.saturating_sub(3))..end).any(|i| insns[i].callee == Callee::DeferProc);
                if !recovers {
                    succs.extend(block_at(target));
                }
                succs.extend(next);
            }
            Flow::Table => match tables.get(&(end - 1)) {
                Some(targets) => succs.extend(targets.iter().filter_map(|t| block_at(*t))),
                None => incomplete = true,
            },
            Flow::Panic { .. } | Flow::MoreStack | Flow::Return | Flow::Trap => {}
        }
        let mut seen = std::collections::BTreeSet::new();
        succs.retain(|s| seen.insert(*s));
        let panics = matches!(insns[end - 1].flow, Flow::Panic { explicit: false });
        blocks.push(Block { first, end, succs, preds: Vec::new(), panics, prologue: false, origin: None });
    }
    for b in 0..blocks.len() {
        for s in blocks[b].succs.clone() {
            blocks[s].preds.push(b);
        }
    }
    drop_padding(&insns, &mut blocks);
    mark_prologue(&insns, &mut blocks);
    mark_panics(&mut blocks);
    Cfg { insns, blocks, incomplete }
}

/// Takes the ways out of blocks that nothing leads to: nops that align the target of a jump lie behind another jump, and would
/// otherwise seem to be a way to that target. What the runtime jumps to calls something, `runtime.deferreturn`, and stays.
fn drop_padding(insns: &[Insn], blocks: &mut [Block]) {
    let mut todo: Vec<BlockIndex> = (1..blocks.len()).filter(|b| blocks[*b].preds.is_empty()).collect();
    while let Some(b) = todo.pop() {
        if insns[blocks[b].first..blocks[b].end].iter().any(|i| i.flow == Flow::Call) {
            continue;
        }
        for s in std::mem::take(&mut blocks[b].succs) {
            blocks[s].preds.retain(|p| *p != b);
            if s != 0 && blocks[s].preds.is_empty() {
                todo.push(s);
            }
        }
    }
}

/// The stack check: the blocks from the entry to the last one that may go to `runtime.morestack`, and the block that does.
fn mark_prologue(insns: &[Insn], blocks: &mut [Block]) {
    let grows = |b: &Block| insns[b.first..b.end].iter().any(|i| i.flow == Flow::MoreStack);
    let growing: Vec<BlockIndex> = (0..blocks.len()).filter(|b| grows(&blocks[*b])).collect();
    for g in growing {
        blocks[g].prologue = true;
        for pred in blocks[g].preds.clone() {
            // Everything up to the check is straight-line code from the entry: large frames have two or three checks.
            if pred < 8 {
                for block in &mut blocks[..=pred] {
                    block.prologue = true;
                }
            }
        }
    }
    // The jump back from behind morestack leads to the entry, which is part of the prologue: no loop of the program.
}

/// Blocks from which every way leads to an implicit panic.
fn mark_panics(blocks: &mut [Block]) {
    let mut changed = true;
    while changed {
        changed = false;
        for b in (0..blocks.len()).rev() {
            let doomed = !blocks[b].succs.is_empty() && blocks[b].succs.iter().all(|s| blocks[*s].panics);
            if doomed && !blocks[b].panics {
                blocks[b].panics = true;
                changed = true;
            }
        }
    }
}

impl Cfg {
    /// The block that holds the instruction.
    pub fn block_of(&self, insn: usize) -> BlockIndex {
        self.blocks.partition_point(|b| b.first <= insn) - 1
    }

    /// The instruction that ends the block.
    pub fn terminator(&self, block: BlockIndex) -> &Insn {
        &self.insns[self.blocks[block].end - 1]
    }

    /// The instruction that makes what the branch at the end of the block asks: the last that changes the flags, or the branch
    /// itself where it compares a register.
    pub fn asked(&self, block: BlockIndex) -> Option<usize> {
        let Block { first, end, .. } = self.blocks[block];
        (first..end).rev().find(|i| self.insns[*i].flags != Flags::Untouched)
    }

    fn find_origins(&mut self, effects: &[faults::Effects]) {
        for block in &mut self.blocks {
            let Some(register) = effects[block.end - 1].tests else { continue };
            let tested = faults::Place::Register(register);
            let writes = |i: &usize| self.insns[*i].flow == Flow::Call || effects[*i].writes.contains(&tested);
            block.origin = (block.first..block.end).rev().find(writes);
        }
    }

    /// Blocks that control reaches without having come from another one: the entry, and what the runtime jumps to (the way out
    /// of a function that recovered from a panic).
    pub fn roots(&self) -> Vec<BlockIndex> {
        let resumed = self.resumed();
        (0..self.blocks.len()).filter(|b| *b == 0 || self.blocks[*b].preds.is_empty() || Some(*b) == resumed).collect()
    }

    /// Where the runtime goes on after a recovered panic: the function's first call of `runtime.deferreturn` (cmd/link,
    /// `computeDeferReturn`).
    pub fn resumed(&self) -> Option<BlockIndex> {
        self.insns.iter().position(|i| i.callee == Callee::DeferReturn).map(|insn| self.block_of(insn))
    }

    /// Which blocks a call of the function can reach.
    pub fn reachable_from_entry(&self) -> Vec<bool> {
        self.reachable(vec![0], &|_, _| false)
    }

    /// Which blocks control can reach from the roots without taking any edge that `cut` names.
    pub fn reachable_without(&self, cut: &dyn Fn(BlockIndex, BlockIndex) -> bool) -> Vec<bool> {
        self.reachable(self.roots(), cut)
    }

    fn reachable(&self, mut todo: Vec<BlockIndex>, cut: &dyn Fn(BlockIndex, BlockIndex) -> bool) -> Vec<bool> {
        let mut seen = vec![false; self.blocks.len()];
        while let Some(b) = todo.pop() {
            if std::mem::replace(&mut seen[b], true) {
                continue;
            }
            todo.extend(self.blocks[b].succs.iter().copied().filter(|s| !seen[*s] && !cut(b, *s)));
        }
        seen
    }
}

/// Blocks of one instruction each, with these edges.
#[cfg(test)]
fn graph(edges: &[(usize, usize)], n: usize) -> Cfg {
    let block =
        |b| Block { first: b, end: b + 1, succs: vec![], preds: vec![], panics: false, prologue: false, origin: None };
    let mut blocks: Vec<Block> = (0..n).map(block).collect();
    for &(a, b) in edges {
        blocks[a].succs.push(b);
        blocks[b].preds.push(a);
    }
    Cfg { insns: vec![], blocks, incomplete: false }
}
