//! The header of a statement with bodies, in one compiled copy: which branches decide for the bodies, and where each of their edges
//! leads.

use std::collections::{BTreeMap, BTreeSet};

use super::{copy::Copy, every_way};
use crate::{
    cfg::{Block, BlockIndex, Callee, Cfg, Flow},
    lines::LineSet,
    source::{BlockId, StatementId, StatementKind},
};

/// An edge of the control flow graph: from, to.
pub(super) type Edge = (BlockIndex, BlockIndex);

/// Where an edge leads.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Label {
    /// Into the owner's n-th body.
    Body(usize),
    /// To another branch of the header.
    Header,
    /// Back to a branch of the header that control had already passed.
    Back,
    /// Out of the statement.
    Outside,
    /// To a panic, or nowhere.
    Nowhere,
}

/// Where an edge leads, and how one can tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Way {
    pub(super) label: Label,
    /// The first block on it that does anything but jump: of two edges that come to the same one, both mean the same.
    pub(super) comes_to: BlockIndex,
    /// The line that told, if it is one of this copy.
    pub(super) line: Option<u32>,
}

/// The header of a statement with bodies, in this copy.
pub(super) struct Header<'c, 'a, 'b> {
    pub(super) copy: &'c Copy<'a, 'b>,
    pub(super) bodies: Vec<BlockId>,
    pub(super) is_loop: bool,
    /// Lines on which the decision is made.
    lines: LineSet,
    first_line: u32,
    /// By block: whether it ends in a branch of the header.
    pub(super) branches: Vec<bool>,
    /// Whether only calls, stores and branches tell where an edge leads.
    strict: bool,
}

impl<'c, 'a, 'b> Header<'c, 'a, 'b> {
    pub(super) fn new(copy: &'c Copy<'a, 'b>, owner: StatementId) -> Self {
        let statement = &copy.source.statements[owner.0 as usize];
        let mut lines = LineSet::new();
        lines.insert(statement.header.lines());
        for body in &statement.bodies {
            let block = &copy.source.blocks[body.0 as usize];
            if block.kind.is_case() {
                lines.insert(block.header.lines());
            }
        }
        let cfg = &copy.compiled.cfg;
        let is_loop = matches!(statement.kind, StatementKind::For | StatementKind::Range);
        let branches = cfg
            .blocks
            .iter()
            .enumerate()
            .map(|(at, block)| {
                // A block that repeats itself in a statement that is no loop clears memory.
                if !is_loop && block.succs.contains(&at) {
                    return false;
                }
                matches!(cfg.insns[block.end - 1].flow, Flow::Branch(..) | Flow::Table)
                    && !block.prologue
                    && !is_barrier(cfg, block)
                    && copy.line(block.end - 1).is_some_and(|line| lines.contains(line))
                    && !compares_for_a_body(copy, owner, at, &lines)
            })
            .collect();
        Self {
            copy,
            bodies: statement.bodies.clone(),
            is_loop,
            lines,
            first_line: statement.span.start.line,
            branches,
            strict: false,
        }
    }

    /// Whether the line is one on which the decision is made.
    pub(super) fn is_on(&self, line: Option<u32>) -> bool {
        line.is_some_and(|line| self.lines.contains(line))
    }

    /// The body that a line belongs to; lines that the header shares with a body tell nothing.
    fn body_on(&self, line: u32) -> Option<usize> {
        if self.lines.contains(line) {
            return None;
        }
        let span = |b: &BlockId| self.copy.source.blocks[b.0 as usize].span.lines();
        // `} else if x {`: the brace of the first body has no code, what follows it has.
        self.bodies.iter().rposition(|b| span(b).contains(line))
    }

    /// Whether control always passes one of the header's branches where it comes to the statement.
    pub(super) fn is_passed(&self, owner: StatementId) -> bool {
        let branches: Vec<BlockIndex> = (0..self.branches.len()).filter(|b| self.branches[*b]).collect();
        let first = self.copy.compiled.dominators.minimal(&branches);
        first.is_empty() || every_way::lies_on_every_way(self.copy, owner, &first)
    }

    /// Every edge out of the header's branches, and where it leads. A test of what a body computed stands where the body and the way
    /// past it meet, with the body's line: then both sides of a branch seem to lead into the body, and only instructions that
    /// the compiler does not place anew are asked.
    pub(super) fn ways(&mut self) -> BTreeMap<Edge, Way> {
        let ways = self.told();
        let both_sides = |from: BlockIndex| {
            let mut of: Vec<Label> = ways.range((from, 0)..=(from, usize::MAX)).map(|(_, way)| way.label).collect();
            let many = of.len() > 1;
            of.dedup();
            many && matches!(of[..], [Label::Body(_)])
        };
        let contradicts = (0..self.branches.len()).any(|b| self.branches[b] && both_sides(b));
        if !contradicts {
            return ways;
        }
        self.strict = true;
        self.told()
    }

    fn told(&self) -> BTreeMap<Edge, Way> {
        let from = (0..self.branches.len()).filter(|b| self.branches[*b]);
        let edges = from.flat_map(|b| self.copy.compiled.cfg.blocks[b].succs.iter().map(move |s| (b, *s)));
        edges.map(|(from, to)| ((from, to), self.follow(from, to))).collect()
    }

    /// Follows an edge to the first instruction that tells where it leads.
    pub(super) fn follow(&self, from: BlockIndex, to: BlockIndex) -> Way {
        let cfg = &self.copy.compiled.cfg;
        let is_empty = |b: BlockIndex| {
            let block = &cfg.blocks[b];
            (block.first..block.end).all(|i| matches!(cfg.insns[i].flow, Flow::Jump(_)))
        };
        let mut seen = BTreeSet::new();
        let mut at = to;
        let mut comes_to = None;
        let (label, line) = loop {
            if !seen.insert(at) {
                break (Label::Nowhere, None);
            }
            if !is_empty(at) {
                comes_to.get_or_insert(at);
            }
            if let Some(told) = self.told_in(from, at) {
                break told;
            }
            match cfg.blocks[at].succs[..] {
                [next] => at = next,
                [] => break (Label::Nowhere, None),
                // A branch is an instruction that can be trusted, so it has told already, unless its line is the header's.
                _ => break (Label::Header, None),
            }
        };
        Way { label, comes_to: comes_to.unwrap_or(at), line }
    }

    /// What a block says of an edge from `from` that leads to it, and the line that says it.
    fn told_in(&self, from: BlockIndex, at: BlockIndex) -> Option<(Label, Option<u32>)> {
        let compiled = self.copy.compiled;
        let block = &compiled.cfg.blocks[at];
        if block.panics {
            return Some((Label::Nowhere, None));
        }
        // A body's instruction in front of a branch of the header ran before the decision, except in a loop, whose body ends there.
        let decides = self.branches[at] && !self.is_loop;
        let jump = |i: usize| matches!(compiled.cfg.insns[i].flow, Flow::Jump(_));
        let asked = |i: &usize| compiled.is_strong(*i) && (!self.strict || compiled.is_solid(*i) || jump(*i));
        for insn in (block.first..block.end).filter(asked) {
            match self.copy.line(insn) {
                Some(line) if self.lines.contains(line) => {}
                // A value that is only used further on is made there: it was moved down, past the decision.
                Some(line) if line < self.first_line && !compiled.is_solid(insn) => {}
                Some(line) => match self.body_on(line) {
                    Some(body) if !decides => return Some((Label::Body(body), Some(line))),
                    Some(_) => {}
                    None => return Some((Label::Outside, Some(line))),
                },
                // Of the function that this copy was inlined into: a value of its own may have been moved down as well.
                None if !compiled.is_solid(insn) && !jump(insn) && compiled.cfg.insns[insn].flow == Flow::Next => {}
                None => return Some((Label::Outside, None)),
            }
        }
        let back = || if compiled.dominators.dominates(at, from) { Label::Back } else { Label::Header };
        self.branches[at].then(|| (back(), None))
    }

    /// Blocks that hold instructions of the body, those that ran before the decision left out.
    fn code(&self, body: usize) -> Vec<BlockIndex> {
        let compiled = self.copy.compiled;
        let decided_later =
            |b: BlockIndex| (0..self.branches.len()).any(|h| self.branches[h] && compiled.dominators.dominates(b, h));
        let all = self.copy.evidence_where(&|line| self.body_on(line) == Some(body));
        let all = all.into_iter().filter(|e| !self.strict || e.solid);
        all.map(|e| e.block).filter(|b| self.is_loop || !decided_later(*b)).collect()
    }

    pub(super) fn has_no_code(&self, body: usize) -> bool {
        self.copy.evidence_where(&|line| self.body_on(line) == Some(body)).is_empty()
    }

    /// Whether every instruction of the body lies behind the entry.
    pub(super) fn accounts_for(&self, body: usize, entry: &BTreeSet<Edge>) -> bool {
        let reachable = self.copy.compiled.cfg.reachable_without(&|from, to| entry.contains(&(from, to)));
        self.code(body).into_iter().all(|b| !reachable[b])
    }
}

/// Whether the block's branch asks if the garbage collector wants to know of a store.
fn is_barrier(cfg: &Cfg, block: &Block) -> bool {
    block.succs.iter().any(|s| {
        let next = &cfg.blocks[*s];
        cfg.insns[next.first..next.end].iter().any(|i| i.callee == Callee::WriteBarrier)
    })
}

/// Whether the block's branch asks a comparison that one of the bodies makes. Where the compiler found out that a case can't be, the
/// jump past it may have become one with a branch in front of it, and given that its line.
fn compares_for_a_body(copy: &Copy<'_, '_>, owner: StatementId, block: BlockIndex, header: &LineSet) -> bool {
    let Some(line) = copy.compiled.cfg.asked(block).and_then(|i| copy.line(i)) else { return false };
    let body = |b: &BlockId| copy.source.blocks[b.0 as usize].span.lines().contains(line);
    !header.contains(line) && copy.source.statements[owner.0 as usize].bodies.iter().any(body)
}
