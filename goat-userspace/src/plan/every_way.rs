//! Whether blocks lie on every way through a statement. The compiler leaves a comparison out where its outcome is known from an
//! earlier one: then some ways to what a statement guards, or to what follows it, pass none of its instructions.

use super::{
    control::{always_leaves, leaves, leaves_somewhere},
    copy::Copy,
    entries::{self, Entry},
    surroundings::certain,
};
use crate::{
    cfg::{BlockIndex, Flow},
    source::{StatementId, StatementKind},
};

/// Whether control passes one of the blocks wherever the statement runs.
pub(super) fn lies_on_every_way(copy: &Copy<'_, '_>, id: StatementId, blocks: &[BlockIndex]) -> bool {
    on_every_way(copy, id, blocks) && on_every_way_from(copy, id, blocks)
}

/// Whether what follows a statement, and what it guards, can only be reached through the blocks. If not, the statement also runs
/// where none of its instructions is left: where its condition is known already, say.
pub(super) fn on_every_way(copy: &Copy<'_, '_>, id: StatementId, blocks: &[BlockIndex]) -> bool {
    let statement = &copy.source.statements[id.0 as usize];
    let cfg = &copy.compiled.cfg;
    let next = std::iter::successors(copy.neighbours(id).1, |at| copy.neighbours(*at).1)
        .take_while(|at| copy.source.statements[at.0 as usize].label.is_none());
    let mut later: Vec<(BlockIndex, usize)> = if leaves(statement.kind) {
        Vec::new()
    } else {
        next.map(|next| certain(copy, next, id)).find(|done| !done.is_empty()).unwrap_or_default()
    };
    for body in &statement.bodies {
        for inner in &copy.source.blocks[body.0 as usize].statements {
            // A label can be jumped to from elsewhere.
            if copy.source.statements[inner.0 as usize].label.is_none() {
                later.extend(certain(copy, *inner, id));
            } else {
                break;
            }
        }
    }
    let around = cfg.reachable_without(&|_, to| blocks.contains(&to));
    later.iter().all(|(b, _)| blocks.contains(b) || !around[*b])
}

/// The same against what stands in front of the statement: from there, the function does not end without passing the blocks.
pub(super) fn on_every_way_from(copy: &Copy<'_, '_>, id: StatementId, blocks: &[BlockIndex]) -> bool {
    let cfg = &copy.compiled.cfg;
    let after = |list: Vec<(BlockIndex, usize)>| -> Vec<BlockIndex> {
        list.into_iter().filter(|(b, _)| !blocks.contains(b)).flat_map(|(b, _)| cfg.blocks[b].succs.clone()).collect()
    };
    let starts: Vec<BlockIndex> = match copy.neighbours(id).0 {
        Some(before) if copy.source.statements[id.0 as usize].label.is_some() || leaves_somewhere(copy, before) => {
            let kind = copy.source.statements[before.0 as usize].kind;
            let past = (kind == StatementKind::If && always_leaves(copy, before)).then(|| entries::past(copy, before));
            past.flatten().into_iter().flatten().map(|(_, to)| to).collect()
        }
        Some(before) => after(certain(copy, before, id)),
        None => match entries::entry(copy, copy.list_of(id)) {
            Some(Entry::Edges(edges)) => edges.into_iter().map(|(_, to)| to).collect(),
            _ => Vec::new(),
        },
    };
    let mut seen = vec![false; cfg.blocks.len()];
    let mut todo = starts;
    while let Some(b) = todo.pop() {
        if blocks.contains(&b) || cfg.blocks[b].panics || std::mem::replace(&mut seen[b], true) {
            continue;
        }
        if cfg.terminator(b).flow == Flow::Return || !copy.compiled.is_in(copy.node, cfg.blocks[b].first) {
            return false;
        }
        todo.extend(&cfg.blocks[b].succs);
    }
    true
}
