//! A line of `a &&` newline `b`: an operand that is only evaluated where those in front of it leave the answer open.
//!
//! The operator's position is the line that it stands on, and what tests the value of all that is to the left of it has that line,
//! whether or not the line's own operand was evaluated:
//!
//! ```text
//! if a &&          17: TESTB; JE test
//!     f(b) &&      18: CALL f
//!     c {       test:
//!                  18: TESTB; JE else
//!                  19: ...
//! ```

use super::{
    Unobservable,
    copy::{Copy, Evidence},
    sites::{Found, Spot, decided},
};
use crate::{
    cfg::{BlockIndex, Callee, Flow},
    source::StatementId,
};

/// Where it is decided whether the operand on `line` was evaluated, of whose line `evidence` is.
pub(super) fn locate(copy: &Copy<'_, '_>, id: StatementId, line: u32, evidence: Vec<Evidence>) -> Found {
    let cfg = &copy.compiled.cfg;
    let on_line = |block: BlockIndex| {
        (cfg.blocks[block].first..cfg.blocks[block].end).filter(move |i| copy.line(*i) == Some(line))
    };
    // A call or a store is the operand's: no test of a value is one.
    let does = |e: &&Evidence| {
        on_line(e.block).any(|i| cfg.insns[i].effect)
            && on_line(e.block).all(|i| cfg.insns[i].callee != Callee::WriteBarrier)
    };
    let effects: Vec<Evidence> = evidence.iter().filter(does).copied().collect();
    if !effects.is_empty() {
        return decided(copy, id, effects);
    }
    let behind = evidence.into_iter().filter(|e| is_behind_a_test(copy, id, line, e.block)).collect();
    let spots = decided(copy, id, behind)?;
    if let [Spot::Block { .. }] = spots[..] { Ok(spots) } else { Err(Unobservable::Speculated) }
}

/// Whether a branch on an earlier line of the statement decides for the block, and none leads there either way.
fn is_behind_a_test(copy: &Copy<'_, '_>, id: StatementId, line: u32, block: BlockIndex) -> bool {
    let compiled = copy.compiled;
    let header = copy.source.statements[id.0 as usize].header.lines();
    let earlier = |b: &BlockIndex| {
        let last = compiled.cfg.blocks[*b].end - 1;
        matches!(compiled.cfg.insns[last].flow, Flow::Branch(..))
            && *b != block
            && compiled.dominators.dominates(*b, block)
            && copy.line(last).is_some_and(|at| header.first <= at && at < line)
    };
    let mut tests = (0..compiled.cfg.blocks.len()).filter(earlier).peekable();
    tests.peek().is_some() && tests.all(|test| !compiled.backwards.dominates(block, test))
}
