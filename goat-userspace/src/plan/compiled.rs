//! A compiled function with what is known of each of its instructions: the source position, and the inlined call it came from.

use std::cell::OnceCell;

use crate::{
    binary::{Binary, FileId, Function},
    cfg::{self, BlockIndex, Cfg, Dominators, Flow, Loops},
};

/// A decoded function of the binary.
pub(super) struct Compiled<'b> {
    pub(super) function: &'b Function,
    pub(super) cfg: Cfg,
    pub(super) dominators: Dominators,
    pub(super) backwards: Dominators,
    /// By block: whether a call of the function can get there. What only the runtime jumps to, after a panic was recovered from, runs
    /// no statement.
    pub(super) reachable: Vec<bool>,
    /// By instruction.
    places: Vec<Place>,
    /// Found when first asked for.
    loops: OnceCell<Loops>,
}

/// Where an instruction comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Place {
    file: FileId,
    line: u32,
    /// The deepest inlined call around it.
    node: Option<u32>,
}

impl<'b> Compiled<'b> {
    pub(super) fn new(binary: &Binary, function: &'b Function) -> Result<Self, cfg::Error> {
        let cfg = cfg::build(binary, function.range)?;
        let dominators = Dominators::new(&cfg);
        let backwards = Dominators::backwards(&cfg);
        let places = cfg
            .insns
            .iter()
            .map(|insn| {
                let (file, line) = function.row(insn.addr).map_or((FileId(u32::MAX), 0), |row| (row.file, row.line));
                Place { file, line, node: function.inlined_at(insn.addr).last().copied() }
            })
            .collect();
        let mut reachable = cfg.reachable_from_entry();
        if let Some(resumed) = cfg.resumed() {
            // A panic may have skipped whatever stands in front of it.
            (0..reachable.len()).filter(|b| dominators.dominates(resumed, *b)).for_each(|b| reachable[b] = false);
        }
        Ok(Self { function, cfg, dominators, backwards, reachable, places, loops: OnceCell::new() })
    }

    /// The line that the instruction belongs to in the body of `node` (`None`: the function's own body): its own, or that of
    /// the call through which a deeper body got there. `None` if it is not part of that body, or of another file.
    pub(super) fn line_in(&self, node: Option<u32>, file: FileId, insn: usize) -> Option<u32> {
        let place = self.places[insn];
        let mut at = (place.file, place.line);
        let mut current = place.node;
        while current != node {
            let call = &self.function.inlined[current? as usize];
            at = (call.call_file, call.call_line);
            current = call.parent;
        }
        (at.0 == file && at.1 != 0).then_some(at.1)
    }

    /// Whether the instruction is part of the body of `node`, deeper bodies included.
    pub(super) fn is_in(&self, node: Option<u32>, insn: usize) -> bool {
        let mut current = self.places[insn].node;
        while current != node {
            match current {
                Some(deeper) => current = self.function.inlined[deeper as usize].parent,
                None => return false,
            }
        }
        true
    }

    /// Whether the instruction stands in the body of `node` itself, not in one inlined into it.
    pub(super) fn is_own(&self, node: Option<u32>, insn: usize) -> bool {
        self.places[insn].node == node
    }

    /// Whether the instruction's position differs from that of the one in front of it, so that the compiler gave it one.
    pub(super) fn begins_row(&self, insn: usize) -> bool {
        insn > 0 && self.places[insn] != self.places[insn - 1]
    }

    /// Whether the program, and not the register allocator, asked for the instruction, so that its line can be trusted.
    pub(super) fn is_strong(&self, insn: usize) -> bool {
        match self.cfg.insns[insn].flow {
            // Without a position of its own it has that of the row in front of it, which may be another block's.
            Flow::Jump(_) => self.row_begins_in_block(insn),
            _ => !self.cfg.insns[insn].weak,
        }
    }

    /// Whether the row of the instruction begins in the instruction's own block.
    fn row_begins_in_block(&self, insn: usize) -> bool {
        let first = self.cfg.blocks[self.cfg.block_of(insn)].first;
        let place = self.places[insn];
        (first..=insn).rev().take_while(|i| self.places[*i] == place).any(|i| self.begins_row(i))
    }

    /// Whether running the instruction proves that its line ran: the compiler moves no calls, stores and branches.
    pub(super) fn is_solid(&self, insn: usize) -> bool {
        let insn = &self.cfg.insns[insn];
        insn.effect || matches!(insn.flow, Flow::Branch(..) | Flow::Table | Flow::Panic { explicit: true })
    }

    /// The function's loops.
    pub(super) fn loops(&self) -> &Loops {
        self.loops.get_or_init(|| Loops::new(&self.cfg, &self.dominators))
    }

    /// The first block behind the stack check.
    pub(super) fn body_entry(&self) -> Option<BlockIndex> {
        (0..self.cfg.blocks.len()).find(|b| !self.cfg.blocks[*b].prologue)
    }
}
