//! Elements put together to points, once for each granularity.

use std::collections::BTreeMap;

use super::{
    element::{Element, Lookup, Weight},
    gap::Gaps,
    granularity::Granularity,
    point::{Anchor, PointKind},
    scopes,
};
use crate::{
    lines::{LineRange, LineSet},
    source::{BlockId, FunctionId},
};

/// A point that has no number yet.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) anchor: Anchor,
    pub(super) kind: PointKind,
    pub(super) lines: LineSet,
    pub(super) span: LineRange,
    pub(super) function: FunctionId,
    weight: Weight,
}

impl Draft {
    fn new(element: &Element) -> Self {
        let mut lines = LineSet::new();
        if element.owns {
            lines.insert(LineRange::new(element.line, element.line));
        }
        let Element { anchor, kind, weight, span, function, .. } = *element;
        Self { anchor, kind, lines, span, function, weight }
    }

    /// Takes in another element, and its anchor if that is the better one.
    fn merge(&mut self, element: &Element) {
        if element.owns {
            self.lines.insert(LineRange::new(element.line, element.line));
        }
        self.span = scopes::union(self.span, element.span);
        self.offer(element);
    }

    /// Takes over an element's anchor if that is the better one.
    fn offer(&mut self, element: &Element) {
        if element.weight < self.weight {
            (self.anchor, self.kind, self.weight) = (element.anchor, element.kind, element.weight);
        }
    }
}

/// The points of one file, in no order.
pub(super) fn points(lookup: &Lookup<'_>, lines: &LineSet, gaps: &Gaps<'_>, granularity: Granularity) -> Vec<Draft> {
    let elements = lookup.elements(lines);
    let guarded = lookup.guarded(lines);
    match granularity {
        Granularity::Line => by_line(lookup, &elements, &guarded),
        Granularity::Patch => by_patch(lookup, &elements, &guarded, gaps),
        Granularity::Scope => by_scope(lookup, &elements, &guarded),
        Granularity::Func => by_function(lookup, &elements, &guarded),
    }
}

/// A point of its own for the statement behind each of the `+goat:insert` comments on `lines`, unless it has one.
pub(super) fn mark(lookup: &Lookup<'_>, lines: impl Iterator<Item = u32>, drafts: &mut Vec<Draft>) {
    for element in lines.filter_map(|line| lookup.next_statement(line)) {
        let entry = lookup.entered_with(element.anchor);
        let same = |draft: &Draft| {
            draft.anchor == element.anchor || entry.is_some() && lookup.entered_with(draft.anchor) == entry
        };
        if !drafts.iter().any(same) {
            drafts.push(Draft { kind: PointKind::Marked, ..Draft::new(&element) });
        }
    }
}

/// Each element, and each guarded body; a changed first statement stands for the body that it begins.
fn by_line(lookup: &Lookup<'_>, elements: &[Element], guarded: &[BlockId]) -> Vec<Draft> {
    let mut drafts: Vec<Draft> = Vec::new();
    let mut by_block: BTreeMap<BlockId, usize> = BTreeMap::new();
    for element in elements {
        let block = lookup.entered_with(element.anchor);
        match block.and_then(|block| by_block.get(&block)) {
            Some(&known) => {
                let draft = &mut drafts[known];
                draft.merge(element);
                if matches!(element.anchor, Anchor::Statement(_)) {
                    (draft.anchor, draft.kind) = (element.anchor, element.kind);
                    // No longer all of the case.
                    draft.span = draft.lines.runs().iter().fold(element.span, |span, &run| scopes::union(span, run));
                }
            }
            None => {
                if let Some(block) = block {
                    by_block.insert(block, drafts.len());
                }
                drafts.push(Draft::new(element));
            }
        }
    }
    let missing = guarded.iter().filter(|block| !by_block.contains_key(block));
    drafts.extend(missing.map(|&block| Draft::new(&lookup.branch(block))));
    drafts
}

/// Each run of elements of one scope that no unchanged code comes between.
fn by_patch(lookup: &Lookup<'_>, elements: &[Element], guarded: &[BlockId], gaps: &Gaps<'_>) -> Vec<Draft> {
    let mut runs: BTreeMap<scopes::ScopeId, Vec<Vec<&Element>>> = BTreeMap::new();
    for element in elements {
        let runs = runs.entry(element.scope).or_default();
        let goes_on = |last: &&Element| {
            let entry = lookup.entered_with(element.anchor);
            !gaps.is_broken(last.line, element.line) || entry.is_some() && entry == lookup.entered_with(last.anchor)
        };
        match runs.last_mut() {
            Some(run) if run.last().is_some_and(goes_on) => run.push(element),
            _ => runs.push(vec![element]),
        }
    }
    let mut drafts: Vec<Draft> = Vec::new();
    let mut first_run: BTreeMap<scopes::ScopeId, usize> = BTreeMap::new();
    for (&scope, runs) in &runs {
        first_run.insert(scope, drafts.len());
        drafts.extend(runs.iter().map(|run| changed_run(run)));
    }
    // A run that begins with a guarded body's first statement, or that the statement runs on into, is what entering the body runs.
    for &block in guarded {
        let scope = lookup.scopes.first(block);
        let run = runs.get(&scope).and_then(|runs| runs.first());
        let from = lookup.place(Anchor::Block(block)).line;
        match run.filter(|run| run.first().is_some_and(|first| gaps.reaches(from, first.line))) {
            Some(run) => drafts[first_run[&scope]].offer(&entry(lookup, block, run)),
            None => drafts.push(Draft::new(&lookup.branch(block))),
        }
    }
    drafts
}

/// Each scope that holds an element or begins a guarded body.
fn by_scope(lookup: &Lookup<'_>, elements: &[Element], guarded: &[BlockId]) -> Vec<Draft> {
    let mut scopes: BTreeMap<scopes::ScopeId, Vec<&Element>> = BTreeMap::new();
    for element in elements {
        scopes.entry(element.scope).or_default().push(element);
    }
    let mut drafts: BTreeMap<scopes::ScopeId, Draft> =
        scopes.iter().map(|(&scope, elements)| (scope, changed_run(elements))).collect();
    for &block in guarded {
        let scope = lookup.scopes.first(block);
        match drafts.get_mut(&scope) {
            Some(draft) => draft.offer(&entry(lookup, block, &scopes[&scope])),
            None => {
                drafts.insert(scope, Draft::new(&lookup.branch(block)));
            }
        }
    }
    for (&scope, draft) in &mut drafts {
        if let Some(lines) = lookup.scopes.lines(scope) {
            draft.span = scopes::union(draft.span, lines);
        }
    }
    drafts.into_values().collect()
}

/// Each function or closure that holds an element or a guarded body.
fn by_function(lookup: &Lookup<'_>, elements: &[Element], guarded: &[BlockId]) -> Vec<Draft> {
    let mut drafts: BTreeMap<FunctionId, Draft> = BTreeMap::new();
    let branches = guarded.iter().map(|&block| lookup.branch(block));
    for element in elements.iter().cloned().chain(branches) {
        let function = &lookup.file.functions[element.function.0 as usize];
        let whole = Element {
            anchor: Anchor::Function(element.function),
            kind: PointKind::Function,
            span: function.span.lines(),
            ..element
        };
        drafts.entry(element.function).and_modify(|draft| draft.merge(&whole)).or_insert_with(|| Draft::new(&whole));
    }
    drafts.into_values().collect()
}

/// One point for elements of one scope, from the first changed line to the last.
fn changed_run(run: &[&Element]) -> Draft {
    let (first, rest) = run.split_first().expect("runs are made of elements");
    let mut draft = Draft::new(first);
    rest.iter().for_each(|element| draft.merge(element));
    let last = rest.last().unwrap_or(first);
    draft.span = LineRange::new(first.line, last.line);
    // A case observed by its entry is observed as a whole, not only where its header changed.
    let entered = run.iter().find(|e| e.anchor == draft.anchor && matches!(e.anchor, Anchor::Block(_)));
    draft.span = entered.map_or(draft.span, |case| scopes::union(draft.span, case.span));
    draft
}

/// That `block` is entered, by its first statement if that is one of the run's elements.
fn entry(lookup: &Lookup<'_>, block: BlockId, run: &[&Element]) -> Element {
    let same = |element: &&&Element| lookup.entered_with(element.anchor) == Some(block);
    match run.iter().filter(same).find(|element| matches!(element.anchor, Anchor::Statement(_))) {
        Some(&first) => Element { weight: Weight::Branch, ..first.clone() },
        None => lookup.branch(block),
    }
}
