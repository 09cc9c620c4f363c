//! Scopes: the stretches of a statement list between two control statements.
//!
//! A control statement ends a scope with its header; its bodies, like those of closures, have scopes of their own. Braces on
//! their own do not: their statements belong to the scopes of the list around them.

use crate::{
    lines::LineRange,
    source::{BlockId, BlockKind, SourceFile, Statement, StatementId, StatementKind},
};

/// Index of a scope of a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct ScopeId(u32);

/// A file's scopes.
pub(super) struct Scopes {
    of_statement: Vec<ScopeId>,
    /// The scope that entering a block enters.
    first_of_block: Vec<ScopeId>,
    scopes: Vec<Scope>,
}

struct Scope {
    lines: Option<LineRange>,
    holds_statement: bool,
}

impl Scopes {
    pub(super) fn new(file: &SourceFile) -> Self {
        let mut scopes = Self {
            of_statement: Vec::with_capacity(file.statements.len()),
            first_of_block: Vec::with_capacity(file.blocks.len()),
            scopes: Vec::new(),
        };
        for block in &file.blocks {
            let lines = block.kind.is_case().then(|| block.header.lines());
            let id = scopes.add(lines);
            scopes.first_of_block.push(id);
        }
        // The list around a list of bare braces, and the scope that each list has come to. Statements come in the order of the text.
        let mut around: Vec<usize> = (0..file.blocks.len()).collect();
        let mut current = scopes.first_of_block.clone();
        for statement in &file.statements {
            let list = around[statement.block.0 as usize];
            let lines = statement.span.lines();
            if is_control(statement.kind) && lines.first == lines.last && scopes.get(current[list]).holds_statement {
                current[list] = scopes.add(None);
            }
            let scope = current[list];
            scopes.of_statement.push(scope);
            scopes.get_mut(scope).take(statement);
            if statement.kind == StatementKind::Bare {
                for body in &statement.bodies {
                    around[body.0 as usize] = list;
                    scopes.first_of_block[body.0 as usize] = scope;
                }
            } else if is_control(statement.kind) {
                current[list] = scopes.add(None);
            }
        }
        scopes
    }

    /// The scope that a statement, or a control statement's header, belongs to.
    pub(super) fn of(&self, statement: StatementId) -> ScopeId {
        self.of_statement[statement.0 as usize]
    }

    /// The scope that a block begins with.
    pub(super) fn first(&self, block: BlockId) -> ScopeId {
        self.first_of_block[block.0 as usize]
    }

    /// From a scope's first statement to its last, or to the header that ends it; `None` for one that holds nothing.
    pub(super) fn lines(&self, scope: ScopeId) -> Option<LineRange> {
        self.get(scope).lines
    }

    fn add(&mut self, lines: Option<LineRange>) -> ScopeId {
        let id = ScopeId(u32::try_from(self.scopes.len()).expect("no more scopes than statements and blocks"));
        self.scopes.push(Scope { lines, holds_statement: false });
        id
    }

    fn get(&self, id: ScopeId) -> &Scope {
        &self.scopes[id.0 as usize]
    }

    fn get_mut(&mut self, id: ScopeId) -> &mut Scope {
        &mut self.scopes[id.0 as usize]
    }
}

impl Scope {
    fn take(&mut self, statement: &Statement) {
        let own = own_lines(statement);
        self.lines = Some(self.lines.map_or(own, |lines| union(lines, own)));
        self.holds_statement = true;
    }
}

/// Whether the statement decides what runs next, and so ends a scope.
pub(super) fn is_control(kind: StatementKind) -> bool {
    use StatementKind::{For, If, Range, Select, Switch, TypeSwitch};
    matches!(kind, If | For | Range | Switch | TypeSwitch | Select)
}

/// A statement's lines without those of its bodies.
pub(super) fn own_lines(statement: &Statement) -> LineRange {
    match statement.kind {
        StatementKind::Bare => LineRange::new(statement.span.start.line, statement.span.start.line),
        _ => statement.header.lines(),
    }
}

/// Whether a block is entered or not depending on a header.
pub(super) fn is_guarded(kind: BlockKind) -> bool {
    !matches!(kind, BlockKind::Function | BlockKind::Bare)
}

/// The smallest run that holds both.
pub(super) fn union(one: LineRange, other: LineRange) -> LineRange {
    LineRange { first: one.first.min(other.first), last: one.last.max(other.last) }
}
