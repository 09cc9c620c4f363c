//! Where a function's body begins, out of line or inlined, and where a loop is entered: once for each call, and once each time that
//! control comes to the loop, however many rounds it makes.

use super::{
    Unobservable,
    compiled::Compiled,
    copy::{Copy, Evidence},
    sites::{Found, Spot},
};
use crate::cfg::{BlockIndex, Flow};

/// The edges into a loop from outside, if the block is where the loop begins.
pub(super) fn entered(copy: &Copy<'_, '_>, block: BlockIndex) -> Option<Vec<Spot>> {
    let cfg = &copy.compiled.cfg;
    let preds = cfg.blocks[block].preds.iter().copied();
    let (back, into): (Vec<BlockIndex>, Vec<BlockIndex>) = preds.partition(|p| is_round(copy, block, *p));
    // The stack check runs again once the stack has grown, but leads on only once.
    let repeated = |p: &BlockIndex| cfg.blocks[*p].prologue && !matches!(cfg.terminator(*p).flow, Flow::Branch(..));
    let told = !back.is_empty() && !into.is_empty() && !into.iter().any(repeated);
    told.then(|| into.into_iter().map(|from| Spot::Edge { from, to: block }).collect())
}

/// Whether the edge from `last` to `block` begins another round of a loop of the copy's own: one around an inlined call that begins
/// with it holds code of the caller's as well.
fn is_round(copy: &Copy<'_, '_>, block: BlockIndex, last: BlockIndex) -> bool {
    let Compiled { cfg, dominators, .. } = copy.compiled;
    if !dominators.dominates(block, last) {
        return false;
    }
    let mut seen = std::collections::BTreeSet::from([block]);
    let mut todo = vec![last];
    while let Some(b) = todo.pop() {
        if seen.insert(b) {
            todo.extend(&cfg.blocks[b].preds);
        }
    }
    let mine = |i: usize| copy.compiled.is_in(copy.node, i) || !copy.compiled.is_strong(i);
    seen.iter().all(|b| (cfg.blocks[*b].first..cfg.blocks[*b].end).all(mine))
}

/// Where each call of the function begins.
pub(super) fn function_entry(copy: &Copy<'_, '_>) -> Found {
    let compiled = copy.compiled;
    let dominators = &compiled.dominators;
    if copy.node.is_none() {
        let block = compiled.body_entry().ok_or(Unobservable::OptimisedOut)?;
        let inside = &compiled.cfg.blocks[block];
        // A loop back to the first block would count each round as a call.
        let rounds = inside.preds.iter().any(|p| !compiled.cfg.blocks[*p].prologue);
        if rounds {
            return entered(copy, block).ok_or(Unobservable::Speculated);
        }
        return Ok(vec![Spot::Block { block, insn: inside.first }]);
    }
    let mut found: Vec<Evidence> = Vec::new();
    for (b, block) in compiled.cfg.blocks.iter().enumerate().filter(|(b, _)| compiled.tells[*b]) {
        let mine = |i: &usize| compiled.is_in(copy.node, *i) && compiled.is_strong(*i);
        if let Some(insn) = (block.first..block.end).find(mine) {
            found.push(Evidence { block: b, insn, solid: false });
        }
    }
    let blocks: Vec<BlockIndex> = found.iter().map(|e| e.block).collect();
    match dominators.minimal(&blocks)[..] {
        // A loop, or the clearing of memory.
        [first] if compiled.cfg.blocks[first].preds.iter().any(|p| is_round(copy, first, *p)) => {
            entered(copy, first).ok_or(Unobservable::Speculated)
        }
        [first] => {
            let insn = found.iter().find(|e| e.block == first).expect("it was taken from there").insn;
            Ok(vec![Spot::Block { block: first, insn }])
        }
        [] => Err(Unobservable::OptimisedOut),
        _ => Err(Unobservable::Speculated),
    }
}
