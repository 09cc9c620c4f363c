//! Which branch of an `if`'s header looks at which operand of its condition, and so on which edges control enters the body and on
//! which it does not. Needed where the bodies have left no instruction that could tell.
//!
//! A branch's two edges are matched with what the source says comes next: another operand, the body, or what stands behind it. The
//! comparison says which edge is taken when the operand holds; where it does not, the other operands do, since the edges to the
//! body all come to one place, and those past it to another. Nothing is said unless exactly one way of matching fits.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    decision,
    header::{Edge, Header},
};
use crate::{
    cfg::{BlockIndex, Flags, Flow},
    source::{Condition, Next, Operand, StatementId},
};

/// How many blocks without a choice may lie between two operands.
const MAX_STEPS: usize = 8;

/// The edges on which the condition holds, and those on which it does not.
pub(super) fn sides(header: &Header<'_, '_, '_>, owner: StatementId) -> Option<[BTreeSet<Edge>; 2]> {
    let copy = header.copy;
    let operands = &copy.source.statements[owner.0 as usize].operands;
    let cfg = &copy.compiled.cfg;
    let panics = |b: BlockIndex| cfg.blocks[b].succs.iter().any(|s| cfg.blocks[*s].panics);
    let branches: Vec<BlockIndex> =
        (0..cfg.blocks.len()).filter(|b| header.branches[*b] && copy.compiled.tells[*b] && !panics(*b)).collect();
    if operands.is_empty() || operands.len() != branches.len() {
        return None;
    }
    let first = *branches.iter().find(|b| branches.iter().all(|o| copy.compiled.dominators.dominates(**b, *o)))?;
    let asked: BTreeMap<BlockIndex, Vec<Option<bool>>> = branches
        .iter()
        .map(|b| Some((*b, operands.iter().map(|o| taken_holds(header, *b, o)).collect::<Option<Vec<_>>>()?)))
        .collect::<Option<_>>()?;
    let graph = Graph { header, operands, branches: &branches, asked: &asked, first };
    let mut fitting = (0..1u32 << operands.len()).filter_map(|taken| graph.matched(taken));
    let found = fitting.next()?;
    fitting.next().is_none().then_some(found)
}

/// Whether an operand holds where the branch is taken: `Some(None)` if that is open, `None` if the branch can't be the operand's.
fn taken_holds(header: &Header<'_, '_, '_>, block: BlockIndex, operand: &Operand) -> Option<Option<bool>> {
    let copy = header.copy;
    let cfg = &copy.compiled.cfg;
    let end = cfg.blocks[block].end - 1;
    let Flow::Branch(_, code) = cfg.insns[end].flow else { return None };
    let setter = cfg.asked(block)?;
    // A function inlined into the condition branches for reasons of its own; what the condition compares may be its result.
    let on_header = header.is_on(copy.line(setter)) && copy.compiled.is_in(copy.node, setter);
    if !copy.compiled.is_own(copy.node, end) || !on_header {
        return None;
    }
    let Flags::Compared(comparison) = cfg.insns[setter].flags else { return None };
    let asks = operand.asks?;
    match decision::is_true(asks, comparison, code) {
        Some(holds) => Some(Some(holds)),
        // Of one comparison that may stand either way round.
        None => match asks {
            Condition::Order { .. } | Condition::Compare { .. } if code.is_ordered() => Some(None),
            Condition::Equal { .. } if comparison.masked || comparison.zero => Some(None),
            _ => None,
        },
    }
}

struct Graph<'h, 'c, 'a, 'b> {
    header: &'h Header<'c, 'a, 'b>,
    operands: &'h [Operand],
    branches: &'h [BlockIndex],
    /// By branch: for each operand, what [`taken_holds`] says.
    asked: &'h BTreeMap<BlockIndex, Vec<Option<bool>>>,
    first: BlockIndex,
}

impl Graph<'_, '_, '_, '_> {
    /// The sides, if bit n of `taken` says of the n-th operand that it holds where its branch is taken.
    fn matched(&self, taken: u32) -> Option<[BTreeSet<Edge>; 2]> {
        let cfg = &self.header.copy.compiled.cfg;
        let mut of: Vec<Option<BlockIndex>> = vec![None; self.operands.len()];
        of[0] = Some(self.first);
        let mut sides = [BTreeSet::new(), BTreeSet::new()];
        let mut places = [BTreeSet::new(), BTreeSet::new()];
        let mut told = 0;
        for (i, operand) in self.operands.iter().enumerate() {
            let block = of[i]?;
            let holds_if_taken = taken >> i & 1 == 1;
            match self.asked[&block][i] {
                Some(known) if known != holds_if_taken => return None,
                Some(_) => told += 1,
                None => {}
            }
            // The taken side stands first.
            let [first, second] = cfg.blocks[block].succs[..] else { return None };
            let (holds, fails) = if holds_if_taken { (first, second) } else { (second, first) };
            for (to, next) in [(holds, operand.holds), (fails, operand.fails)] {
                let reached = self.next_branch(block, to);
                match (next, reached) {
                    (Next::Operand(n), Some(branch)) => {
                        if of.iter().enumerate().any(|(m, b)| *b == Some(branch) && m != n) {
                            return None;
                        }
                        if of[n].replace(branch).is_some_and(|before| before != branch) {
                            return None;
                        }
                    }
                    (Next::Then, None) => {
                        sides[0].insert((block, to));
                        places[0].insert(self.place(to));
                    }
                    (Next::Else, None) => {
                        sides[1].insert((block, to));
                        places[1].insert(self.place(to));
                    }
                    _ => return None,
                }
            }
        }
        let apart = places[0].is_disjoint(&places[1]) && places.iter().all(|p| p.len() == 1);
        (told == self.operands.len() || told > 0 && apart).then_some(sides)
    }

    /// The branch of the header that an edge leads to, through code of the header that decides nothing.
    fn next_branch(&self, from: BlockIndex, mut at: BlockIndex) -> Option<BlockIndex> {
        let copy = self.header.copy;
        let cfg = &copy.compiled.cfg;
        for _ in 0..MAX_STEPS {
            if self.branches.contains(&at) {
                return (!copy.compiled.dominators.dominates(at, from)).then_some(at);
            }
            let block = &cfg.blocks[at];
            let foreign = |i: usize| copy.compiled.is_strong(i) && !self.header.is_on(copy.line(i));
            if (block.first..block.end).any(foreign) {
                return None;
            }
            let mut goes_on = block.succs.iter().filter(|s| !cfg.blocks[**s].panics);
            at = *goes_on.next()?;
            if goes_on.next().is_some() {
                return None;
            }
        }
        None
    }

    /// The first block on a way that does anything but jump.
    fn place(&self, mut at: BlockIndex) -> BlockIndex {
        let cfg = &self.header.copy.compiled.cfg;
        for _ in 0..MAX_STEPS {
            let block = &cfg.blocks[at];
            let empty = (block.first..block.end).all(|i| matches!(cfg.insns[i].flow, Flow::Jump(_)));
            match block.succs[..] {
                [next] if empty => at = next,
                _ => break,
            }
        }
        at
    }
}
