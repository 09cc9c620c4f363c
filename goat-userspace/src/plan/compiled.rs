//! A compiled function with what is known of each of its instructions: the source position, and the inlined call it came from.

use std::cell::OnceCell;

use crate::{
    binary::{Binary, FileId, Function},
    cfg::{self, Block, BlockIndex, Callee, Cfg, Dominators, Flags, Flow, Loops},
};

/// A decoded function of the binary.
pub(super) struct Compiled<'b> {
    pub(super) function: &'b Function,
    pub(super) cfg: Cfg,
    pub(super) dominators: Dominators,
    pub(super) backwards: Dominators,
    /// By block: whether what stands in it shows that a statement ran. Not in the stack check, on the way to an implicit panic, in
    /// what only the runtime jumps to after a panic was recovered from, nor where the garbage collector is told of a store.
    pub(super) tells: Vec<bool>,
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

impl Place {
    /// Of what has no line.
    const UNKNOWN: Self = Self { file: FileId(u32::MAX), line: 0, node: None };
}

/// Branches that bear an earlier line than the comparison that they ask, with that comparison's place: where the branch of an `if`
/// became a conditional move, the block has grown together with the next one, whose branch then bears the line of the first. Loops
/// are left out: the test of a value that the body computes bears the body's line.
fn misplaced(function: &Function, cfg: &Cfg, dominators: &Dominators, places: &[Place]) -> Vec<(usize, Place)> {
    let mut found = Vec::new();
    for (b, block) in cfg.blocks.iter().enumerate() {
        let loops = block.succs.iter().any(|s| dominators.dominates(*s, b))
            || block.preds.iter().any(|p| dominators.dominates(b, *p));
        let branch = block.end - 1;
        let Flow::Branch(..) = cfg.insns[branch].flow else { continue };
        let alone = cfg.insns[branch].flags != Flags::Untouched;
        let setter =
            if alone { stands_for_comparison(cfg, b) } else { cfg.asked(b).filter(|i| is_own_comparison(cfg, *i)) };
        let behind = setter.filter(|setter| {
            // One that only makes the flags anew has no position of its own.
            let place = places[*setter];
            let mut same = (block.first..=*setter).rev().take_while(|i| places[*i] == place);
            !loops && same.any(|i| i > 0 && places[i - 1] != place) && is_behind(function, place, places[branch])
        });
        match behind {
            Some(setter) => found.push((branch, places[setter])),
            None if alone && is_answered(cfg, places, places[branch]) => found.push((branch, Place::UNKNOWN)),
            None => {}
        }
    }
    found
}

fn is_own_comparison(cfg: &Cfg, insn: usize) -> bool {
    !cfg.insns[insn].weak && cfg.insns[insn].flow == Flow::Next
}

/// Where a branch compares a register on its own: what writes the register, or else the last thing in front of the branch that the
/// compiler does not move.
fn stands_for_comparison(cfg: &Cfg, block: BlockIndex) -> Option<usize> {
    let written = cfg.blocks[block].origin.filter(|i| is_own_comparison(cfg, *i));
    written.or_else(|| (cfg.blocks[block].first..cfg.blocks[block].end).rev().find(|i| cfg.insns[*i].effect))
}

/// Whether a conditional move answers a comparison at that place.
fn is_answered(cfg: &Cfg, places: &[Place], place: Place) -> bool {
    let asks = |b: &Block, chosen: usize| {
        let mut before = (b.first..chosen).rev();
        before.find(|i| !matches!(cfg.insns[*i].flags, Flags::Untouched | Flags::Chosen(_)))
    };
    cfg.blocks.iter().any(|b| {
        let mut chosen = (b.first..b.end).filter(|i| matches!(cfg.insns[*i].flags, Flags::Chosen(_)));
        chosen.any(|i| asks(b, i).is_some_and(|setter| places[setter] == place))
    })
}

/// Whether a place is known to stand behind another one, in the body that both are part of.
fn is_behind(function: &Function, place: Place, other: Place) -> bool {
    let chain = |place: Place| {
        // Outermost first: the position in each body, and the call inlined there.
        let mut chain = vec![(place.node, place.file, place.line)];
        let mut at = place.node;
        while let Some(node) = at {
            let call = &function.inlined[node as usize];
            chain.push((call.parent, call.call_file, call.call_line));
            at = call.parent;
        }
        chain.reverse();
        chain
    };
    let (place, other) = (chain(place), chain(other));
    let differ = place.iter().zip(&other).find(|(a, b)| a != b);
    differ.is_some_and(|(a, b)| a.0 == b.0 && a.1 == b.1 && a.2 > b.2 && b.2 != 0)
}

impl<'b> Compiled<'b> {
    pub(super) fn new(binary: &Binary, function: &'b Function) -> Result<Self, cfg::Error> {
        let cfg = cfg::build(binary, function.range)?;
        let dominators = Dominators::new(&cfg);
        let backwards = Dominators::backwards(&cfg);
        let mut places: Vec<Place> = cfg
            .insns
            .iter()
            .map(|insn| {
                let node = function.inlined_at(insn.addr).last().copied();
                let unknown = Place { node, ..Place::UNKNOWN };
                function.row(insn.addr).map_or(unknown, |row| Place { file: row.file, line: row.line, node })
            })
            .collect();
        for (branch, place) in misplaced(function, &cfg, &dominators, &places) {
            places[branch] = place;
        }
        let mut tells = cfg.reachable_from_entry();
        if let Some(resumed) = cfg.resumed() {
            // A panic may have skipped whatever stands in front of it.
            (0..tells.len()).filter(|b| dominators.dominates(resumed, *b)).for_each(|b| tells[b] = false);
        }
        for (b, block) in cfg.blocks.iter().enumerate() {
            let barrier = cfg.insns[block.first..block.end].iter().any(|i| i.callee == Callee::WriteBarrier);
            tells[b] &= !block.prologue && !block.panics && !barrier;
        }
        Ok(Self { function, cfg, dominators, backwards, tells, places, loops: OnceCell::new() })
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

    /// Whether the function computes a result and does nothing else: no store, no call but those that tell of a panic, no loop.
    pub(super) fn only_computes(&self) -> bool {
        let cfg = &self.cfg;
        let does_something = |block: &Block| {
            let last = cfg.insns[block.end - 1].flow;
            let leaves = block.prologue || block.panics || matches!(last, Flow::Panic { .. });
            !leaves && cfg.insns[block.first..block.end].iter().any(|insn| insn.effect)
        };
        !cfg.incomplete && !cfg.blocks.iter().any(does_something) && self.loops().is_empty()
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
