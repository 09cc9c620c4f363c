//! For an anchor and one compiled copy of its function: where in the machine code it is decided whether the anchor ran.
//!
//! A spot must be reached if and only if the point runs. What makes sure of that:
//!
//! - only instructions that the program asked for count as evidence (the register allocator's carry the line of whatever stands in
//!   front of them);
//! - every statement list around the point that control may skip must be entered on every way to the spot ([`entries`]), unless
//!   the spot calls or stores, which the compiler never does before a decision;
//! - the spot must not come before the last thing that the statement in front of the point does, nor lie in a list that is
//!   entered only later;
//! - of several blocks the one that comes first on every way; where there is none, the smallest set.
//!
//! A statement without evidence runs if and only if the next one in its list does, or, if it is the first, if the list is entered.

use super::{
    Condition, Unobservable,
    completion::completion,
    control::{has_bodies, is_fallen_into, leaves, leaves_somewhere},
    copy::{Copy, Evidence},
    entries::{self, Entry},
    every_way::lies_on_every_way,
    function_entry::{entered, function_entry},
    operands,
    surroundings::{After, Before, Scopes, behind_a_choice, entered_later},
    wrapper,
};
use crate::{
    cfg::{BlockIndex, Flow},
    lines::LineRange,
    source::{BlockId, BlockKind, StatementId, StatementKind},
    track::Anchor,
};

/// How many blocks may stand for one point in one copy.
const MAX_SPOTS: usize = 64;

/// A place in a copy's control flow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Spot {
    /// A block, at this instruction or anywhere in the block from which control can only have come straight here.
    Block {
        /// Which block.
        block: BlockIndex,
        /// Where in it the point begins.
        insn: usize,
    },
    /// One side of the branch that ends the block.
    Edge {
        /// Where the edge begins.
        from: BlockIndex,
        /// Where it leads.
        to: BlockIndex,
    },
    /// An instruction, where the flags satisfy the condition.
    Flags {
        /// Which instruction.
        insn: usize,
        /// What the flags must satisfy.
        condition: Condition,
    },
}

impl Spot {
    fn block(&self) -> Option<BlockIndex> {
        match *self {
            Self::Block { block, .. } => Some(block),
            _ => None,
        }
    }
}

/// Spots, or why there are none.
pub(super) type Found = Result<Vec<Spot>, Unobservable>;

/// Where `anchor` is decided in this copy.
pub(super) fn locate(copy: &Copy<'_, '_>, anchor: Anchor) -> Found {
    let found = match anchor {
        _ if copy.wrapper => wrapper::locate(copy, anchor),
        Anchor::Statement(s) => statement(copy, s),
        Anchor::Line(s, line) => part(copy, s, line),
        Anchor::Block(b) => block_entry(copy, b),
        Anchor::Function(_) => function_entry(copy),
    };
    let spots = found.map_err(|why| if has_code(copy, anchor) { why } else { Unobservable::OptimisedOut })?;
    if spots.is_empty() {
        return Err(Unobservable::OptimisedOut);
    }
    if spots.len() > MAX_SPOTS { Err(Unobservable::Speculated) } else { Ok(spots) }
}

/// Whether any instruction in the copy is the anchor's own.
fn has_code(copy: &Copy<'_, '_>, anchor: Anchor) -> bool {
    match anchor {
        Anchor::Statement(s) | Anchor::Line(s, _) => !copy.evidence(s).is_empty() || !copy.weak_evidence(s).is_empty(),
        Anchor::Block(b) => {
            let lines = copy.source.blocks[b.0 as usize].span.lines();
            !copy.evidence_where(&|line| lines.contains(line)).is_empty()
        }
        Anchor::Function(_) => true,
    }
}

pub(super) fn statement(copy: &Copy<'_, '_>, id: StatementId) -> Found {
    if copy.is_endless(id) {
        return endless(copy, id);
    }
    let own = from_evidence(copy, id, copy.evidence(id));
    let Err(why) = own else { return own };
    if let Ok(found) = from_evidence(copy, id, copy.weak_evidence(id)) {
        return Ok(found);
    }
    if copy.evidence(id).iter().any(|e| e.solid) {
        // It does something of its own, after which the next statement may not be reached.
        return Err(why);
    }
    behind(copy, id)
        .or_else(|_| in_front(copy, id))
        .map_err(|other| if why == Unobservable::OptimisedOut { other } else { why })
}

/// `for {`: what its body begins with is the loop's first block, and the ways there from outside the loop are the statement.
fn endless(copy: &Copy<'_, '_>, id: StatementId) -> Found {
    let body = copy.source.statements[id.0 as usize].bodies.first().ok_or(Unobservable::OptimisedOut)?;
    let first = copy.first_in(*body).ok_or(Unobservable::OptimisedOut)?;
    let spots = from_evidence(copy, first, copy.evidence(first)).or_else(|_| behind(copy, first))?;
    let [Spot::Block { block, .. }] = spots[..] else { return Err(Unobservable::Speculated) };
    Ok(entered(copy, block).unwrap_or(spots))
}

/// A line within a statement. One that left no instruction is taken for the statement, unless it is of an operand that is not
/// always evaluated.
fn part(copy: &Copy<'_, '_>, id: StatementId, line: u32) -> Found {
    let evidence = copy.evidence_on(LineRange::new(line, line), id);
    if copy.source.operands.contains(line) {
        return operands::locate(copy, id, line, evidence);
    }
    if evidence.is_empty() {
        return statement(copy, id);
    }
    let spots = decided(copy, id, evidence)?;
    if let [_] = spots[..] { Ok(spots) } else { Err(Unobservable::Speculated) }
}

/// The statements behind one that has no evidence: what comes next in its list runs if and only if it does, as long as it is
/// neither a way out of the list nor followed by a label.
fn behind(copy: &Copy<'_, '_>, id: StatementId) -> Found {
    let mut at = id;
    loop {
        let statement = &copy.source.statements[at.0 as usize];
        if leaves(statement.kind) || has_bodies(statement.kind) && !is_nothing(copy, at) {
            return Err(Unobservable::OptimisedOut);
        }
        let (_, Some(next)) = copy.neighbours(at) else { return Err(Unobservable::OptimisedOut) };
        if copy.source.statements[next.0 as usize].label.is_some() {
            return Err(Unobservable::OptimisedOut);
        }
        let evidence = copy.evidence(next);
        if !evidence.is_empty() {
            return from_evidence(copy, next, evidence);
        }
        if let StatementKind::Bare = copy.source.statements[next.0 as usize].kind {
            return Err(Unobservable::OptimisedOut);
        }
        at = next;
    }
}

/// Whether a choice has left nothing that could go elsewhere: its bodies, if they are entered, come back to the next statement.
fn is_nothing(copy: &Copy<'_, '_>, id: StatementId) -> bool {
    let chooses = matches!(
        copy.source.statements[id.0 as usize].kind,
        StatementKind::If | StatementKind::Switch | StatementKind::TypeSwitch
    );
    chooses && !leaves_somewhere(copy, id) && is_harmless(copy, id)
}

/// The way to a statement that has no evidence: through statements that can't go elsewhere, from the list's entry.
pub(super) fn in_front(copy: &Copy<'_, '_>, id: StatementId) -> Found {
    let statement = &copy.source.statements[id.0 as usize];
    if statement.label.is_some() {
        return Err(Unobservable::OptimisedOut);
    }
    match copy.neighbours(id) {
        (None, _) => block_entry(copy, copy.list_of(id)),
        (Some(before), _) => {
            if leaves(copy.source.statements[before.0 as usize].kind) {
                return Err(Unobservable::OptimisedOut);
            }
            completion(copy, before)
        }
    }
}

/// Whether a statement always goes on to the next one: it neither calls nor touches memory that may not be there.
pub(super) fn is_harmless(copy: &Copy<'_, '_>, id: StatementId) -> bool {
    let lines = copy.source.statements[id.0 as usize].span.lines();
    let insns = &copy.compiled.cfg.insns;
    (0..insns.len())
        .filter(|i| copy.line(*i).is_some_and(|line| lines.contains(line)))
        .all(|i| !insns[i].may_fault && matches!(insns[i].flow, Flow::Next | Flow::Jump(_)))
}

pub(super) fn block_entry(copy: &Copy<'_, '_>, id: BlockId) -> Found {
    if id == copy.root {
        return function_entry(copy);
    }
    let block = &copy.source.blocks[id.0 as usize];
    let Some(owner) = block.owner else { return Err(Unobservable::OptimisedOut) };
    if block.kind == BlockKind::Bare || copy.is_endless(owner) {
        return match copy.first_in(id) {
            Some(first) => from_evidence(copy, first, copy.evidence(first)).or_else(|_| behind(copy, first)),
            None => statement(copy, owner),
        };
    }
    if is_fallen_into(copy, id) {
        // Its values are not compared on the way from the case in front: only what it does itself tells.
        let first = *block.statements.first().ok_or(Unobservable::OptimisedOut)?;
        let own = from_evidence(copy, first, copy.evidence(first));
        return own.or_else(|_| from_evidence(copy, first, copy.weak_evidence(first))).or_else(|_| behind(copy, first));
    }
    match entries::entry(copy, id) {
        Some(Entry::Edges(edges)) => return Ok(edges.into_iter().map(|(from, to)| Spot::Edge { from, to }).collect()),
        Some(Entry::Flags { insn, condition }) => {
            // The instruction itself must only run where the `if` is reached: what stands around it may have been converted too.
            let here = copy.compiled.cfg.block_of(insn);
            let reached = Scopes::new(copy, owner).lead_to(here) && !behind_a_choice(copy, owner, here);
            return if reached { Ok(vec![Spot::Flags { insn, condition }]) } else { Err(Unobservable::Speculated) };
        }
        None => {}
    }
    // Without a decision to look at, only what can't have been done early tells.
    let first = copy.first_in(id).ok_or(Unobservable::Speculated)?;
    let solid: Vec<Evidence> = copy.evidence(first).into_iter().filter(|e| e.solid).collect();
    if solid.is_empty() { Err(Unobservable::Speculated) } else { from_evidence(copy, first, copy.evidence(first)) }
}

/// Of the blocks with evidence of `id`, those that decide, if the statement can't run without any of them.
pub(super) fn from_evidence(copy: &Copy<'_, '_>, id: StatementId, evidence: Vec<Evidence>) -> Found {
    let spots = decided(copy, id, evidence)?;
    let blocks: Vec<BlockIndex> = spots.iter().filter_map(Spot::block).collect();
    // An edge is only taken where it is known to be every way.
    let whole = blocks.len() < spots.len() || lies_on_every_way(copy, id, &blocks);
    if whole { Ok(spots) } else { Err(Unobservable::Speculated) }
}

/// Of the blocks with evidence of `id`, those that decide.
pub(super) fn decided(copy: &Copy<'_, '_>, id: StatementId, evidence: Vec<Evidence>) -> Found {
    if evidence.is_empty() {
        return Err(Unobservable::OptimisedOut);
    }
    let compiled = copy.compiled;
    let scopes = Scopes::new(copy, id);
    let before = Before::new(copy, id);
    let after = After::new(copy, id);
    let usable: Vec<Evidence> = evidence
        .into_iter()
        .filter(|e| before.allows(copy, e))
        .filter(|e| e.solid || scopes.lead_to(e.block))
        .filter(|e| e.solid || after.allows(copy, e) && !entered_later(copy, id, e.block))
        .filter(|e| e.solid || !behind_a_choice(copy, id, e.block))
        .map(|e| Evidence { insn: before.behind(copy, &e), ..e })
        .collect();
    let blocks: Vec<BlockIndex> = usable.iter().map(|e| e.block).collect();
    let mut first = compiled.dominators.minimal(&blocks);
    // Of two ways that come together in a third block, that one tells of both.
    let all = first.clone();
    first.retain(|b| !all.iter().any(|later| later != b && compiled.backwards.dominates(*later, *b)));
    if first.is_empty() {
        return Err(Unobservable::Speculated);
    }
    // `for cond {` has nothing in front of its condition, which each round comes back to.
    if let (StatementKind::For | StatementKind::Range, [block]) =
        (copy.source.statements[id.0 as usize].kind, &first[..])
        && let Some(edges) = entered(copy, *block)
    {
        return Ok(edges);
    }
    // What clears memory in rounds, for a statement that is no loop, is entered once.
    if let [block] = first[..]
        && compiled.cfg.blocks[block].succs.contains(&block)
        && !has_bodies(copy.source.statements[id.0 as usize].kind)
        && (compiled.cfg.blocks[block].first..compiled.cfg.blocks[block].end)
            .all(|i| copy.line(i).is_some_and(|line| copy.source.statements[id.0 as usize].span.lines().contains(line)))
        && let Some(edges) = entered(copy, block)
    {
        return Ok(edges);
    }
    Ok(first
        .into_iter()
        .map(|b| {
            let insn = usable.iter().find(|e| e.block == b).expect("it was taken from there").insn;
            Spot::Block { block: b, insn }
        })
        .collect())
}
