//! How control enters a statement list: the edges of the control flow graph on which a branch of the owner's header decides for
//! it. They tell *that a body was entered* even where the body's own lines have left no instruction, and they show which of a
//! body's instructions were moved in front of the decision.
//!
//! A header's branches carry the header's line (or that of the case), since the compiler neither moves nor invents branches. Each
//! edge out of them is followed through blocks that say nothing to the first instruction that can be trusted: its line tells where
//! the edge leads. What no instruction tells follows by elimination, where only one answer is left.

use std::collections::{BTreeMap, BTreeSet};

use super::copy::Copy;
use crate::{
    cfg::{BlockIndex, Flow},
    lines::LineSet,
    source::{BlockId, BlockKind, StatementId, StatementKind},
};

/// The edges by which control enters a statement list, as (from, to).
pub(super) type Entry = BTreeSet<(BlockIndex, BlockIndex)>;

/// Where an edge leads.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Label {
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

/// The header of a statement with bodies, in this copy.
struct Header<'c, 'a, 'b> {
    copy: &'c Copy<'a, 'b>,
    bodies: Vec<BlockId>,
    is_loop: bool,
    /// Lines on which the decision is made.
    lines: LineSet,
    /// By block: whether it ends in a branch of the header.
    branches: Vec<bool>,
}

/// Where an edge leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Way {
    label: Label,
    /// The first block on it that does anything but jump: of two edges that come to the same one, both mean the same.
    comes_to: BlockIndex,
}

/// By body of `owner`: its entry.
fn bodies(copy: &Copy<'_, '_>, owner: StatementId) -> Vec<Option<Entry>> {
    let header = Header::new(copy, owner);
    let mut edges: BTreeMap<(BlockIndex, BlockIndex), Way> = BTreeMap::new();
    for from in (0..header.branches.len()).filter(|b| header.branches[*b]) {
        for &to in &copy.compiled.cfg.blocks[from].succs {
            edges.insert((from, to), header.follow(from, to));
        }
    }
    let mut found: Vec<Option<Entry>> = (0..header.bodies.len())
        .map(|body| {
            let entry: Entry = edges
                .iter()
                .filter(|(_, way)| {
                    way.label == Label::Body(body) || header.is_loop && way.label == Label::Back && body == 0
                })
                .map(|(edge, _)| *edge)
                .collect();
            (!entry.is_empty() && header.accounts_for(body, &entry)).then_some(entry)
        })
        .collect();
    let outside: Outside = edges
        .iter()
        .filter(|(_, way)| way.label == Label::Outside || !header.is_loop && way.label == Label::Back)
        .map(|(edge, way)| (*edge, way.comes_to))
        .collect();
    match copy.source.statements[owner.0 as usize].kind {
        StatementKind::If => other_side(&header, &mut found, outside),
        StatementKind::Switch | StatementKind::TypeSwitch => silent_cases(&header, &mut found, outside),
        _ => {}
    }
    found
}

/// Edges that leave the statement, with the first block on each that does anything.
type Outside = BTreeMap<(BlockIndex, BlockIndex), BlockIndex>;

/// Where one side of an `if` with an else is known, the other edges out of its header enter the other side.
fn other_side(header: &Header<'_, '_, '_>, found: &mut [Option<Entry>], outside: Outside) {
    let known = match &*found {
        [Some(_), None] => 0,
        [None, Some(_)] => 1,
        _ => return,
    };
    let silent = 1 - known;
    if !outside.is_empty() && header.has_no_code(silent) {
        found[silent] = Some(outside.into_keys().collect());
    }
}

/// Cases without an instruction of their own. A branch on a case's line either finds a match or goes on to the next comparison, so
/// an edge that leaves the statement, to a place to which no other case's branch goes, is the match. What is left when every case
/// is known is the default.
fn silent_cases(header: &Header<'_, '_, '_>, found: &mut [Option<Entry>], mut outside: Outside) {
    let copy = header.copy;
    let block = |body: usize| &copy.source.blocks[header.bodies[body].0 as usize];
    let case_of = |from: BlockIndex| {
        let line = copy.line(copy.compiled.cfg.blocks[from].end - 1)?;
        let mut on = (0..header.bodies.len()).filter(|b| block(*b).header.lines().contains(line));
        on.next().filter(|_| on.next().is_none())
    };
    for body in 0..found.len() {
        if found[body].is_some() || block(body).default || !header.has_no_code(body) {
            continue;
        }
        let targets_of = |wanted: &dyn Fn(Option<usize>) -> bool| -> BTreeSet<BlockIndex> {
            outside.iter().filter(|((from, _), _)| wanted(case_of(*from))).map(|(_, comes_to)| *comes_to).collect()
        };
        let shared = targets_of(&|case| case != Some(body));
        let own: Vec<BlockIndex> = targets_of(&|case| case == Some(body)).difference(&shared).copied().collect();
        let [target] = own[..] else { continue };
        let entry: Entry = outside.iter().filter(|(_, at)| **at == target).map(|(edge, _)| *edge).collect();
        // The branch's other side must go on comparing; else the edge may as well be the one for "no match".
        let goes_on = entry.iter().all(|(from, to)| {
            let mut others = copy.compiled.cfg.blocks[*from].succs.iter().filter(|s| *s != to);
            others.all(|other| {
                let way = header.follow(*from, *other);
                way.label == Label::Header || shared.contains(&way.comes_to)
            })
        });
        if goes_on {
            outside.retain(|edge, _| !entry.contains(edge));
            found[body] = Some(entry);
        }
    }
    let default = (0..found.len()).find(|b| block(*b).default);
    if let Some(default) = default
        && found[default].is_none()
        && header.has_no_code(default)
        && !outside.is_empty()
        && (0..found.len()).all(|b| b == default || found[b].is_some())
    {
        found[default] = Some(outside.into_keys().collect());
    }
}

impl<'c, 'a, 'b> Header<'c, 'a, 'b> {
    fn new(copy: &'c Copy<'a, 'b>, owner: StatementId) -> Self {
        let statement = &copy.source.statements[owner.0 as usize];
        let mut lines = LineSet::new();
        lines.insert(statement.header.lines());
        for body in &statement.bodies {
            let block = &copy.source.blocks[body.0 as usize];
            if matches!(block.kind, BlockKind::Case | BlockKind::TypeCase | BlockKind::Comm) {
                lines.insert(block.header.lines());
            }
        }
        let cfg = &copy.compiled.cfg;
        let branches = cfg
            .blocks
            .iter()
            .map(|block| {
                matches!(cfg.insns[block.end - 1].flow, Flow::Branch(..) | Flow::Table)
                    && !block.prologue
                    && copy.line(block.end - 1).is_some_and(|line| lines.contains(line))
            })
            .collect();
        let is_loop = matches!(statement.kind, StatementKind::For | StatementKind::Range);
        Self { copy, bodies: statement.bodies.clone(), is_loop, lines, branches }
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

    /// Follows an edge to the first instruction that tells where it leads.
    fn follow(&self, from: BlockIndex, to: BlockIndex) -> Way {
        let cfg = &self.copy.compiled.cfg;
        let is_empty = |b: BlockIndex| {
            let block = &cfg.blocks[b];
            (block.first..block.end).all(|i| matches!(cfg.insns[i].flow, Flow::Jump(_)))
        };
        let mut seen = BTreeSet::new();
        let mut at = to;
        let mut comes_to = None;
        while seen.insert(at) {
            if !is_empty(at) {
                comes_to.get_or_insert(at);
            }
            if let Some(label) = self.told_in(from, at) {
                return Way { label, comes_to: comes_to.unwrap_or(at) };
            }
            match cfg.blocks[at].succs[..] {
                [next] => at = next,
                [] => break,
                // A branch is an instruction that can be trusted, so it has told already, unless its line is the header's.
                _ => return Way { label: Label::Header, comes_to: comes_to.unwrap_or(at) },
            }
        }
        Way { label: Label::Nowhere, comes_to: comes_to.unwrap_or(at) }
    }

    /// What a block says of an edge from `from` that leads to it.
    fn told_in(&self, from: BlockIndex, at: BlockIndex) -> Option<Label> {
        let compiled = self.copy.compiled;
        let block = &compiled.cfg.blocks[at];
        if block.panics {
            return Some(Label::Nowhere);
        }
        // A body's instruction in front of a branch of the header ran before the decision, except in a loop, whose body ends there.
        let decides = self.branches[at] && !self.is_loop;
        for insn in (block.first..block.end).filter(|i| compiled.is_strong(*i)) {
            match self.copy.line(insn) {
                Some(line) if self.lines.contains(line) => {}
                Some(line) => match self.body_on(line) {
                    Some(body) if !decides => return Some(Label::Body(body)),
                    Some(_) => {}
                    None => return Some(Label::Outside),
                },
                None => return Some(Label::Outside),
            }
        }
        let back = || if compiled.dominators.dominates(at, from) { Label::Back } else { Label::Header };
        self.branches[at].then(back)
    }

    /// Blocks that hold instructions of the body, those that ran before the decision left out.
    fn code(&self, body: usize) -> Vec<BlockIndex> {
        let compiled = self.copy.compiled;
        let decided_later =
            |b: BlockIndex| (0..self.branches.len()).any(|h| self.branches[h] && compiled.dominators.dominates(b, h));
        let all = self.copy.evidence_where(&|line| self.body_on(line) == Some(body));
        all.into_iter().map(|e| e.block).filter(|b| self.is_loop || !decided_later(*b)).collect()
    }

    fn has_no_code(&self, body: usize) -> bool {
        self.copy.evidence_where(&|line| self.body_on(line) == Some(body)).is_empty()
    }

    /// Whether every instruction of the body lies behind the entry.
    fn accounts_for(&self, body: usize, entry: &Entry) -> bool {
        let reachable = self.copy.compiled.cfg.reachable_without(&|from, to| entry.contains(&(from, to)));
        self.code(body).into_iter().all(|b| !reachable[b])
    }
}
