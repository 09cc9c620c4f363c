//! What stands around a statement, and whether an instruction with the statement's line agrees with it. The compiler moves values: it
//! computes them before a decision (if-conversion, arguments built early) and behind one (where they are used). It moves no calls, no
//! stores and no branches; the ones of the neighbours show where an instruction really is.

use super::{
    control::leaves_somewhere,
    copy::{Copy, Evidence},
    entries,
};
use crate::{cfg::BlockIndex, lines::LineRange, source::StatementId};

/// Whether an instruction of the block ran before it was chosen whether the statement would: an `if` in front of it, or in front of
/// what it stands in, whose body leaves, became a conditional move in the same block.
pub(super) fn behind_a_choice(copy: &Copy<'_, '_>, id: StatementId, block: BlockIndex) -> bool {
    let mut at = Some(id);
    while let Some(inner) = at {
        let before = std::iter::successors(copy.neighbours(inner).0, |s| copy.neighbours(*s).0);
        for header in before.filter(|s| leaves_somewhere(copy, *s)) {
            if copy.chooses_in(block) && !entries::branches(copy, header) {
                return true;
            }
        }
        let list = copy.list_of(inner);
        at = if list == copy.root { None } else { copy.source.blocks[list.0 as usize].owner };
    }
    false
}

/// The lists around a statement that control may skip, each with the blocks that it can reach without entering the list.
pub(super) struct Scopes {
    /// `None`: how control enters the list is not known.
    avoidable: Vec<Option<Vec<bool>>>,
}

impl Scopes {
    pub(super) fn new(copy: &Copy<'_, '_>, id: StatementId) -> Self {
        let around = |scope| entries::reachable_without(copy, scope);
        Self { avoidable: copy.conditional_scopes(id).into_iter().map(around).collect() }
    }

    /// Whether the block can only be reached through all of the lists.
    pub(super) fn lead_to(&self, block: BlockIndex) -> bool {
        self.avoidable.iter().all(|reachable| reachable.as_ref().is_some_and(|r| !r[block]))
    }
}

/// By block, the instructions of a statement, bodies included, that prove where it ran: calls, stores and branches. By block, the
/// last of them; `other`'s lines left out.
pub(super) fn certain(copy: &Copy<'_, '_>, id: StatementId, other: StatementId) -> Vec<(BlockIndex, usize)> {
    let lines = copy.source.statements[id.0 as usize].span.lines();
    let others = copy.source.statements[other.0 as usize].header.lines();
    let compiled = copy.compiled;
    let mine = |i: &usize| {
        compiled.is_solid(*i) && copy.line(*i).is_some_and(|line| lines.contains(line) && !others.contains(line))
    };
    (compiled.cfg.blocks.iter().enumerate())
        .filter(|(b, _)| compiled.tells[*b])
        .filter_map(|(b, block)| Some((b, (block.first..block.end).rev().find(mine)?)))
        .collect()
}

/// What the nearest statement in front of a point that does anything for certain does.
pub(super) struct Before {
    done: Vec<(BlockIndex, usize)>,
    /// The lines of the statements in front of it in its list.
    lines: Option<LineRange>,
    /// The point's own.
    own: LineRange,
}

impl Before {
    pub(super) fn new(copy: &Copy<'_, '_>, id: StatementId) -> Self {
        let before = std::iter::successors(copy.neighbours(id).0, |at| copy.neighbours(*at).0);
        let mut done = before.map(|previous| certain(copy, previous, id));
        let span = |s: StatementId| copy.source.statements[s.0 as usize].span.lines();
        let first = copy.first_in(copy.list_of(id)).map(span);
        let lines = copy.neighbours(id).0.zip(first).map(|(last, first)| LineRange::new(first.first, span(last).last));
        let own = copy.source.statements[id.0 as usize].header.lines();
        Self { done: done.find(|done| !done.is_empty()).unwrap_or_default(), lines, own }
    }

    /// Whether the evidence does not come before any of that.
    pub(super) fn allows(&self, copy: &Copy<'_, '_>, evidence: &Evidence) -> bool {
        self.done.iter().all(|(b, last)| {
            let earlier = *b != evidence.block && copy.compiled.dominators.dominates(evidence.block, *b);
            // In the same block there must be something left behind it.
            let at_end = *b == evidence.block && *last + 1 == copy.compiled.cfg.blocks[*b].end;
            !earlier && !at_end
        })
    }

    /// Where in its block the point begins at the earliest: behind that, and behind what may fault of the statements in front. A
    /// load of theirs that also serves as the point's nil check may bear the point's line.
    pub(super) fn behind(&self, copy: &Copy<'_, '_>, evidence: &Evidence) -> usize {
        let same_block = self.done.iter().find(|(b, _)| *b == evidence.block);
        let begin = same_block.map_or(evidence.insn, |(_, last)| evidence.insn.max(last + 1));
        let Some(lines) = self.lines else { return begin };
        let compiled = copy.compiled;
        let on = |i: usize, lines: LineRange| copy.line(i).is_some_and(|line| lines.contains(line));
        let block = &compiled.cfg.blocks[evidence.block];
        let last = (begin..block.end).rev().find(|i| compiled.is_strong(*i) && on(*i, self.own));
        let earlier = |i: &usize| compiled.cfg.insns[*i].may_fault && on(*i, lines) && !on(*i, self.own);
        last.and_then(|last| (begin..last).rev().find(earlier)).map_or(begin, |i| i + 1)
    }
}

/// What the nearest statement behind a point that does anything for certain does.
pub(super) struct After {
    done: Vec<(BlockIndex, usize)>,
}

impl After {
    pub(super) fn new(copy: &Copy<'_, '_>, id: StatementId) -> Self {
        let after = std::iter::successors(copy.neighbours(id).1, |at| copy.neighbours(*at).1);
        let mut done = after.map(|next| certain(copy, next, id));
        Self { done: done.find(|done| !done.is_empty()).unwrap_or_default() }
    }

    /// Whether the evidence does not come behind any of that, in a later block: it would have been moved down to where its result
    /// is used.
    pub(super) fn allows(&self, copy: &Copy<'_, '_>, evidence: &Evidence) -> bool {
        self.done.iter().all(|(b, _)| *b == evidence.block || !copy.compiled.dominators.dominates(*b, evidence.block))
    }
}

/// Whether the block is only reached through a list that stands behind the statement: its instruction was moved down to where
/// its result is used.
pub(super) fn entered_later(copy: &Copy<'_, '_>, id: StatementId, block: BlockIndex) -> bool {
    let statement = &copy.source.statements[id.0 as usize];
    let mut at = id;
    // The statements behind it, in its own list.
    while let (_, Some(next)) = copy.neighbours(at) {
        let bodies = &copy.source.statements[next.0 as usize].bodies;
        for body in bodies.iter().filter(|_| copy.source.statements[next.0 as usize].span.start > statement.span.end) {
            if entries::reachable_without(copy, *body).is_some_and(|reachable| !reachable[block]) {
                return true;
            }
        }
        at = next;
    }
    // And its own bodies, for what stands in a header.
    statement
        .bodies
        .iter()
        .any(|body| entries::reachable_without(copy, *body).is_some_and(|reachable| !reachable[block]))
}
