//! Where control leaves a statement for the one behind it: at the end of what it does, or, for one with bodies, on every way out of
//! them that does not lead elsewhere. A `return` that has left no instruction runs exactly there.

use super::{
    Unobservable,
    control::{always_leaves, has_bodies, leaves, leaves_somewhere},
    copy::Copy,
    entries,
    header::Edge,
    sites::{Found, Spot, block_entry, from_evidence, in_front, is_harmless, statement},
};
use crate::{
    cfg::{BlockIndex, Flow},
    source::{BlockId, StatementId, StatementKind},
};

/// How many ways out of a statement may be probed for one point behind it.
const MAX_WAYS: usize = 16;

const NOT_TOLD: Found = Err(Unobservable::OptimisedOut);

/// Where the statement is done, so that control goes on to the next one in its list; nowhere, if it always leads elsewhere.
pub(super) fn completion(copy: &Copy<'_, '_>, id: StatementId) -> Found {
    use StatementKind::{For, If, Range, Select, Switch, TypeSwitch};
    let kind = copy.source.statements[id.0 as usize].kind;
    if leaves(kind) {
        return Ok(Vec::new());
    }
    if !has_bodies(kind) {
        return if is_harmless(copy, id) {
            from_evidence(copy, id, copy.evidence(id)).or_else(|_| in_front(copy, id))
        } else {
            straight_behind(copy, id)
        };
    }
    if kind == If && always_leaves(copy, id) {
        return past(copy, id);
    }
    let mut spots = match joined(copy, id) {
        Ok(joined) => return Ok(joined),
        Err(_) if matches!(kind, If | Switch | TypeSwitch | Select) => ways_through(copy, id)?,
        Err(_) if copy.is_endless(id) => Vec::new(),
        Err(_) if matches!(kind, For | Range) => edges(entries::out_of_loop(copy, id))?,
        Err(why) => return Err(why),
    };
    if kind != If {
        for leave in breaks(copy, id).ok_or(Unobservable::OptimisedOut)? {
            spots.extend(statement(copy, leave)?);
        }
    }
    let mut once: Vec<Spot> = Vec::with_capacity(spots.len());
    for spot in spots {
        if !once.contains(&spot) {
            once.push(spot);
        }
    }
    if once.is_empty() || once.len() > MAX_WAYS { NOT_TOLD } else { Ok(once) }
}

/// Where the statements of a list are done.
fn end_of(copy: &Copy<'_, '_>, list: BlockId) -> Found {
    match copy.last_in(list) {
        Some(last) => completion(copy, last),
        None => block_entry(copy, list),
    }
}

/// The ways through a choice: through each body, and past them all.
fn ways_through(copy: &Copy<'_, '_>, id: StatementId) -> Found {
    let statement = &copy.source.statements[id.0 as usize];
    let mut spots = Vec::new();
    for body in &statement.bodies {
        spots.extend(end_of(copy, *body)?);
    }
    match statement.kind {
        StatementKind::If if statement.bodies.len() == 1 => spots.extend(past(copy, id)?),
        StatementKind::Switch | StatementKind::TypeSwitch
            if !statement.bodies.iter().any(|b| copy.source.blocks[b.0 as usize].default) =>
        {
            spots.extend(edges(entries::unmatched(copy, id))?);
        }
        _ => {}
    }
    Ok(spots)
}

fn past(copy: &Copy<'_, '_>, id: StatementId) -> Found {
    edges(entries::past(copy, id))
}

fn edges(found: Option<std::collections::BTreeSet<Edge>>) -> Found {
    let edges = found.ok_or(Unobservable::OptimisedOut)?;
    Ok(edges.into_iter().map(|(from, to)| Spot::Edge { from, to }).collect())
}

/// The `break` statements that lead out of a loop, switch or select; `None` if a label leaves it open which.
fn breaks(copy: &Copy<'_, '_>, id: StatementId) -> Option<Vec<StatementId>> {
    use StatementKind::{Break, For, Range, Select, Switch, TypeSwitch};
    let labelled = copy.source.statements[id.0 as usize].label.is_some();
    let mut found = Vec::new();
    let mut todo = vec![(id, true)];
    while let Some((at, innermost)) = todo.pop() {
        for body in &copy.source.statements[at.0 as usize].bodies {
            for inner in &copy.source.blocks[body.0 as usize].statements {
                let statement = &copy.source.statements[inner.0 as usize];
                if statement.kind == Break {
                    let names = statement.span.end.column - statement.span.start.column > "break".len() as u32;
                    match (names, labelled) {
                        (true, true) => return None,
                        (false, _) if innermost => found.push(*inner),
                        _ => {}
                    }
                }
                let catches = matches!(statement.kind, For | Range | Switch | TypeSwitch | Select);
                todo.push((*inner, innermost && !catches));
            }
        }
    }
    found.sort_unstable();
    Some(found)
}

/// What runs right behind a statement without bodies: behind the last thing that it does, if that is all in one block; else, where
/// all ways through it have come together.
fn straight_behind(copy: &Copy<'_, '_>, id: StatementId) -> Found {
    let lines = copy.source.statements[id.0 as usize].span.lines();
    let compiled = copy.compiled;
    let insns = &compiled.cfg.insns;
    let all = copy.evidence_where(&|line| lines.contains(line));
    let first = from_evidence(copy, id, copy.evidence(id))?;
    let [one] = all[..] else {
        let [Spot::Block { block, .. }] = first[..] else { return NOT_TOLD };
        return join_of(copy, id, block);
    };
    let end = compiled.cfg.blocks[one.block].end;
    let mine = |i: &usize| copy.line(*i).is_some_and(|line| lines.contains(line));
    let last = (one.insn..end).rev().find(mine).ok_or(Unobservable::OptimisedOut)?;
    match insns[last].flow {
        _ if last + 1 < end => Ok(vec![Spot::Block { block: one.block, insn: last + 1 }]),
        // It panics.
        Flow::Panic { explicit: true } => Ok(Vec::new()),
        // Whatever the branch decides, it is the last thing.
        Flow::Branch(..) | Flow::Jump(_) if !insns[last].may_fault => {
            Ok(vec![Spot::Block { block: one.block, insn: last }])
        }
        _ => NOT_TOLD,
    }
}

/// What runs right behind a statement with bodies once all ways through it have come together, if no body goes elsewhere.
fn joined(copy: &Copy<'_, '_>, id: StatementId) -> Found {
    if leaves_somewhere(copy, id) {
        return NOT_TOLD;
    }
    match from_evidence(copy, id, copy.evidence(id))?[..] {
        [Spot::Block { block, .. }] => join_of(copy, id, block),
        _ => NOT_TOLD,
    }
}

/// The block on every way from the statement's first one to the function's end, if only the statement leads there.
fn join_of(copy: &Copy<'_, '_>, id: StatementId, block: BlockIndex) -> Found {
    let compiled = copy.compiled;
    let lines = copy.source.statements[id.0 as usize].span.lines();
    let inside: Vec<BlockIndex> =
        copy.evidence_where(&|line| lines.contains(line)).into_iter().filter(|e| e.solid).map(|e| e.block).collect();
    let ways = std::iter::successors(compiled.backwards.immediate(block), |b| compiled.backwards.immediate(*b));
    for join in ways {
        // Still a part of it: a later comparison of its header, a call in its body.
        if inside.contains(&join) {
            continue;
        }
        let only = compiled.dominators.dominates(block, join);
        let all_in = inside.iter().all(|b| compiled.backwards.dominates(join, *b));
        let insn = compiled.cfg.blocks[join].first;
        let same_body = compiled.is_in(copy.node, insn);
        let found = only && all_in && same_body;
        return if found { Ok(vec![Spot::Block { block: join, insn }]) } else { NOT_TOLD };
    }
    NOT_TOLD
}
