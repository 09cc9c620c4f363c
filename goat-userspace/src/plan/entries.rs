//! How control enters a statement list: the edges of the control flow graph on which a branch of the owner's header decides for
//! it. They tell *that a body was entered* even where the body's own lines have left no instruction, and they show which of a
//! body's instructions were moved in front of the decision.
//!
//! A header's branches carry the header's line (or that of the case), since the compiler neither moves nor invents branches. Each
//! edge out of them is followed through blocks that say nothing to the first instruction that can be trusted: its line tells where
//! the edge leads. What no instruction tells follows from the comparison itself ([`super::decision`]), or by elimination, where
//! only one answer is left.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    condition_sides,
    copy::Copy,
    decision::{self, Decision},
    header::{Edge, Header, Label, Way},
};
use crate::{
    cfg::{BlockIndex, Flow},
    plan::Condition,
    source::{BlockId, StatementId, StatementKind},
};

/// How control enters a statement list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Entry {
    /// On any of these edges.
    Edges(BTreeSet<Edge>),
    /// Not by a branch: its instructions always run, and this conditional move or SETcc takes their results where the flags satisfy
    /// the condition.
    Flags {
        /// The conditional move.
        insn: usize,
        /// Under which the source's condition decides for the list.
        condition: Condition,
    },
}

/// How control enters `block`, or `None` if that can't be told in this copy.
pub(super) fn entry(copy: &Copy<'_, '_>, block: BlockId) -> Option<Entry> {
    if let Some(known) = copy.entries.borrow().get(&block) {
        return known.clone();
    }
    let owner = copy.source.blocks[block.0 as usize].owner?;
    let found = bodies(copy, owner);
    let mut memo = copy.entries.borrow_mut();
    for (body, entry) in copy.source.statements[owner.0 as usize].bodies.iter().zip(found) {
        memo.insert(*body, entry);
    }
    memo.get(&block).cloned().flatten()
}

/// Which blocks control can reach without entering `block`; `None` if it is not known how it does.
pub(super) fn reachable_without(copy: &Copy<'_, '_>, block: BlockId) -> Option<Vec<bool>> {
    match entry(copy, block)? {
        Entry::Edges(edges) => Some(copy.compiled.cfg.reachable_without(&|from, to| edges.contains(&(from, to)))),
        Entry::Flags { .. } => None,
    }
}

/// Whether a branch decides for one of the statement's bodies in this copy.
pub(super) fn branches(copy: &Copy<'_, '_>, owner: StatementId) -> bool {
    Header::new(copy, owner).branches.contains(&true)
}

/// The edges on which an `if` without an else finds that its condition does not hold, if it is known on which it does.
pub(super) fn past(copy: &Copy<'_, '_>, owner: StatementId) -> Option<BTreeSet<Edge>> {
    let body = *copy.source.statements[owner.0 as usize].bodies.first()?;
    let Some(Entry::Edges(into)) = entry(copy, body) else { return None };
    let mut header = Header::new(copy, owner);
    let ways = header.ways();
    let other = |edge: &Edge, way: &Way| !into.contains(edge) && way.label == Label::Outside;
    let edges: BTreeSet<Edge> = ways.iter().filter(|(edge, way)| other(edge, way)).map(|(edge, _)| *edge).collect();
    // Every way out of the header must be one or the other.
    let told = |(edge, way): (&Edge, &Way)| {
        into.contains(edge) || edges.contains(edge) || matches!(way.label, Label::Header | Label::Nowhere)
    };
    (!edges.is_empty() && ways.iter().all(told)).then_some(edges)
}

/// The edges on which a loop's header finds that there is no further round.
pub(super) fn out_of_loop(copy: &Copy<'_, '_>, owner: StatementId) -> Option<BTreeSet<Edge>> {
    let ways = Header::new(copy, owner).ways();
    let edges: BTreeSet<Edge> =
        ways.iter().filter(|(_, way)| way.label == Label::Outside).map(|(edge, _)| *edge).collect();
    (!edges.is_empty()).then_some(edges)
}

/// The edges on which a switch without a default finds that no case matches, if it is known on which each of them does.
pub(super) fn unmatched(copy: &Copy<'_, '_>, owner: StatementId) -> Option<BTreeSet<Edge>> {
    let mut matched = BTreeSet::new();
    for body in &copy.source.statements[owner.0 as usize].bodies {
        let Some(Entry::Edges(into)) = entry(copy, *body) else { return None };
        matched.extend(into);
    }
    let mut header = Header::new(copy, owner);
    let ways = header.ways();
    let edges: BTreeSet<Edge> = ways
        .iter()
        .filter(|(edge, way)| way.label == Label::Outside && !matched.contains(edge))
        .map(|(edge, _)| *edge)
        .collect();
    (!edges.is_empty() && header.is_passed(owner)).then_some(edges)
}

/// By body of `owner`: its entry.
fn bodies(copy: &Copy<'_, '_>, owner: StatementId) -> Vec<Option<Entry>> {
    let mut header = Header::new(copy, owner);
    let ways = header.ways();
    let mut found: Vec<Option<BTreeSet<Edge>>> = (0..header.bodies.len())
        .map(|body| {
            let enters =
                |way: &Way| way.label == Label::Body(body) || header.is_loop && way.label == Label::Back && body == 0;
            let edges: BTreeSet<Edge> = ways.iter().filter(|(_, w)| enters(w)).map(|(edge, _)| *edge).collect();
            (!edges.is_empty() && header.accounts_for(body, &edges)).then_some(edges)
        })
        .collect();
    let outside: Outside =
        ways.iter().filter(|(_, way)| way.label == Label::Outside).map(|(edge, way)| (*edge, *way)).collect();
    let statement = &copy.source.statements[owner.0 as usize];
    match statement.kind {
        StatementKind::If => {
            if let Some(flags) = silent_sides(&header, owner, &mut found, outside) {
                return flags;
            }
        }
        StatementKind::Switch | StatementKind::TypeSwitch if header.is_passed(owner) => {
            silent_cases(&header, &mut found, outside);
        }
        _ => {}
    }
    found.into_iter().map(|edges| edges.map(Entry::Edges)).collect()
}

/// Edges that leave the statement.
type Outside = BTreeMap<Edge, Way>;

/// The sides of an `if` that have no instruction of their own. Where there is no branch, the conditional move that stands for it
/// is returned instead.
fn silent_sides(
    header: &Header<'_, '_, '_>,
    owner: StatementId,
    found: &mut [Option<BTreeSet<Edge>>],
    outside: Outside,
) -> Option<Vec<Option<Entry>>> {
    let copy = header.copy;
    // Where the outcome is known in front of the header, control may go to a body without passing it.
    let passed = std::cell::OnceCell::new();
    let silent = |body: usize| header.has_no_code(body) && *passed.get_or_init(|| header.is_passed(owner));
    match &*found {
        // One side of two is known: the other edges out of the header enter the other side.
        [Some(_), None] if silent(1) && !outside.is_empty() => found[1] = Some(outside.into_keys().collect()),
        [None, Some(_)] if silent(0) && !outside.is_empty() => found[0] = Some(outside.into_keys().collect()),
        [Some(_)] | [Some(_), Some(_)] => {}
        _ => {
            let decision = decision::of(copy, owner);
            if header.branches.iter().all(|b| !b) {
                return decision.filter(|d| d.holds.is_of_flags()).map(|d| chosen(found.len(), d));
            }
            let sides =
                decision.and_then(|d| branch_sides(header, d)).map(|sides| sides.map(|side| BTreeSet::from([side])));
            if let Some(sides) = sides.or_else(|| condition_sides::sides(header, owner)) {
                for (body, side) in sides.into_iter().enumerate().take(found.len()) {
                    if found[body].is_none() && silent(body) {
                        found[body] = Some(side);
                    }
                }
            } else if let [None] = found
                && silent(0)
            {
                found[0] = diverted(copy, owner, &outside);
            }
        }
    }
    None
}

/// The entries of an `if` that became a conditional move.
fn chosen(bodies: usize, decision: Decision) -> Vec<Option<Entry>> {
    let Decision { insn, holds } = decision;
    let sides = [holds, holds.inverted()];
    sides.into_iter().take(bodies).map(|condition| Some(Entry::Flags { insn, condition })).collect()
}

/// The edges on which the condition holds and does not, if the header has one branch.
fn branch_sides(header: &Header<'_, '_, '_>, decision: Decision) -> Option<[Edge; 2]> {
    let cfg = &header.copy.compiled.cfg;
    let from = cfg.block_of(decision.insn);
    let one = header.branches.iter().filter(|b| **b).count() == 1;
    if !one || !header.branches[from] || decision.insn + 1 != cfg.blocks[from].end {
        return None;
    }
    let Flow::Branch(_, code) = cfg.insns[decision.insn].flow else { return None };
    // The taken side stands first.
    let [taken, next] = cfg.blocks[from].succs[..] else { return None };
    let (holds, fails) = if code == decision.holds { (taken, next) } else { (next, taken) };
    Some([(from, holds), (from, fails)])
}

/// The entry of a body that does nothing but go elsewhere (`if x { break }`): what of the header's edges does not lead on to the
/// next statement.
fn diverted(copy: &Copy<'_, '_>, owner: StatementId, outside: &Outside) -> Option<BTreeSet<Edge>> {
    let body = copy.source.statements[owner.0 as usize].bodies.first()?;
    let last = copy.source.blocks[body.0 as usize].statements.last()?;
    let kind = copy.source.statements[last.0 as usize].kind;
    if !matches!(kind, StatementKind::Break | StatementKind::Continue | StatementKind::Return) {
        return None;
    }
    let (_, next) = copy.neighbours(owner);
    let lines = copy.source.statements[next?.0 as usize].span.lines();
    let on = |way: &Way| way.line.is_some_and(|line| lines.contains(line));
    let (past, into): (Vec<_>, Vec<_>) = outside.iter().partition(|(_, way)| on(way));
    (!past.is_empty() && !into.is_empty()).then(|| into.into_iter().map(|(edge, _)| *edge).collect())
}

/// Cases without an instruction of their own. A branch on a case's line either finds a match or goes on to the next comparison, so
/// an edge that leaves the statement, to a place to which no other case's branch goes, is the match. What is left when every case
/// is known is the default.
fn silent_cases(header: &Header<'_, '_, '_>, found: &mut [Option<BTreeSet<Edge>>], mut outside: Outside) {
    let copy = header.copy;
    let block = |body: usize| &copy.source.blocks[header.bodies[body].0 as usize];
    let case_of = |from: BlockIndex| {
        let line = copy.line(copy.compiled.cfg.blocks[from].end - 1)?;
        let mut on = (0..header.bodies.len()).filter(|b| block(*b).header.lines().contains(line));
        on.next().filter(|_| on.next().is_none())
    };
    let default = (0..found.len()).find(|b| block(*b).default);
    let no_match_is_known = default.is_some_and(|d| found[d].is_some());
    for (body, found) in found.iter_mut().enumerate() {
        if found.is_some() || block(body).default || !header.has_no_code(body) {
            continue;
        }
        if no_match_is_known {
            // What leaves the statement has found a match.
            let edges: BTreeSet<Edge> =
                outside.keys().filter(|(from, _)| case_of(*from) == Some(body)).copied().collect();
            *found = (!edges.is_empty()).then_some(edges);
            continue;
        }
        let targets_of = |wanted: &dyn Fn(Option<usize>) -> bool| -> BTreeSet<BlockIndex> {
            outside.iter().filter(|((from, _), _)| wanted(case_of(*from))).map(|(_, way)| way.comes_to).collect()
        };
        let shared = targets_of(&|case| case != Some(body));
        let own: Vec<BlockIndex> = targets_of(&|case| case == Some(body)).difference(&shared).copied().collect();
        let [target] = own[..] else { continue };
        let edges: BTreeSet<Edge> =
            outside.iter().filter(|(_, way)| way.comes_to == target).map(|(edge, _)| *edge).collect();
        // The branch's other side must go on comparing; else the edge may as well be the one for "no match".
        let goes_on = edges.iter().all(|(from, to)| {
            let mut others = copy.compiled.cfg.blocks[*from].succs.iter().filter(|s| *s != to);
            others.all(|other| {
                let way = header.follow(*from, *other);
                way.label == Label::Header || shared.contains(&way.comes_to)
            })
        });
        if goes_on {
            outside.retain(|edge, _| !edges.contains(edge));
            *found = Some(edges);
        }
    }
    if let Some(default) = default
        && found[default].is_none()
        && header.has_no_code(default)
        && !outside.is_empty()
        && (0..found.len()).all(|b| b == default || found[b].is_some())
    {
        found[default] = Some(outside.into_keys().collect());
    }
}
