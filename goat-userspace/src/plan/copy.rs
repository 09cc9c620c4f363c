//! One compiled copy of a source function: out of line, inlined, of a generic shape, or the body of a loop over a function. It
//! answers which of the copy's instructions belong to which statement.

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
};

use super::{compiled::Compiled, entries::Entry};
use crate::{
    binary::FileId,
    cfg::{BlockIndex, Flags, Flow},
    lines::{LineRange, LineSet},
    source::{BlockId, BlockKind, FunctionId, SourceFile, StatementId, StatementKind},
    track::Anchor,
};

/// A copy of `function`.
pub(super) struct Copy<'a, 'b> {
    pub(super) compiled: &'a Compiled<'b>,
    /// The inlined call that the copy is; `None` for the out-of-line function.
    pub(super) node: Option<u32>,
    pub(super) source: &'a SourceFile,
    pub(super) function: FunctionId,
    /// The statement list that the copy begins with: the function's body, or that of a loop over a function (`F-range1`).
    pub(super) root: BlockId,
    /// Whether it lies in a wrapper, with none of the method's lines.
    pub(super) wrapper: bool,
    /// Bodies of loops over functions, which have copies of their own.
    elsewhere: &'a BTreeSet<BlockId>,
    /// Memo of [`super::entries::entry`].
    pub(super) entries: RefCell<HashMap<BlockId, Option<Entry>>>,
    /// By instruction: the line in this copy.
    lines: Vec<Option<u32>>,
}

/// Instructions of a statement in one block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Evidence {
    pub(super) block: BlockIndex,
    /// The first of them.
    pub(super) insn: usize,
    /// Whether one of them proves by itself that the statement ran.
    pub(super) solid: bool,
}

impl<'a, 'b> Copy<'a, 'b> {
    pub(super) fn new(
        compiled: &'a Compiled<'b>,
        node: Option<u32>,
        file: FileId,
        source: &'a SourceFile,
        function: FunctionId,
        root: BlockId,
        elsewhere: &'a BTreeSet<BlockId>,
    ) -> Self {
        let lines = (0..compiled.cfg.insns.len()).map(|i| compiled.line_in(node, file, i)).collect();
        let wrapper = false;
        Self { compiled, node, source, function, root, wrapper, elsewhere, entries: RefCell::default(), lines }
    }

    /// The instruction's line in this copy.
    pub(super) fn line(&self, insn: usize) -> Option<u32> {
        self.lines[insn]
    }

    /// What shows that the statement ran: instructions that the program asked for, on lines that no other statement of the
    /// function begins on or shares.
    pub(super) fn evidence(&self, statement: StatementId) -> Vec<Evidence> {
        let node = &self.source.statements[statement.0 as usize];
        let own = self.evidence_on(node.header.lines(), statement);
        if !own.is_empty()
            || !matches!(node.kind, StatementKind::Switch | StatementKind::TypeSwitch | StatementKind::Select)
        {
            return own;
        }
        // `switch {` has nothing to do before it looks at its cases.
        let mut lines = LineSet::new();
        for body in &node.bodies {
            lines.insert(self.source.blocks[body.0 as usize].header.lines());
        }
        self.evidence_where(&|line| lines.contains(line))
    }

    /// The same on a part of the statement's lines.
    pub(super) fn evidence_on(&self, lines: LineRange, statement: StatementId) -> Vec<Evidence> {
        // A jump that ends a block has the line of a statement with bodies where it leads out of it.
        let bodies = !self.source.statements[statement.0 as usize].bodies.is_empty();
        let is_loop =
            matches!(self.source.statements[statement.0 as usize].kind, StatementKind::For | StatementKind::Range);
        let jump = |i: usize| matches!(self.compiled.cfg.insns[i].flow, Flow::Jump(_));
        let counts = |i: usize| self.compiled.is_strong(i) && (!bodies || is_loop || !jump(i));
        self.evidence_among(lines, statement, &counts)
    }

    /// By block, the strong instructions whose line satisfies `wanted`; blocks that tell nothing left out.
    pub(super) fn evidence_where(&self, wanted: &dyn Fn(u32) -> bool) -> Vec<Evidence> {
        self.evidence_of(wanted, &|i| self.compiled.is_strong(i))
    }

    /// The same of the other instructions that have a position of their own: a row begins at them. A result that is put in its
    /// place, a constant that is returned. Such an instruction may stand too early or too late: its neighbours must agree.
    pub(super) fn weak_evidence(&self, statement: StatementId) -> Vec<Evidence> {
        let lines = self.source.statements[statement.0 as usize].header.lines();
        self.evidence_among(lines, statement, &|i| self.compiled.begins_row(i))
    }

    /// Evidence on those of `lines` that are the statement's own.
    fn evidence_among(
        &self,
        lines: LineRange,
        statement: StatementId,
        counts: &dyn Fn(usize) -> bool,
    ) -> Vec<Evidence> {
        let own: Vec<u32> =
            (lines.first..=lines.last).filter(|line| self.first_statement_on(*line) == Some(statement)).collect();
        if own.is_empty() { Vec::new() } else { self.evidence_of(&|line| own.binary_search(&line).is_ok(), counts) }
    }

    fn evidence_of(&self, wanted: &dyn Fn(u32) -> bool, counts: &dyn Fn(usize) -> bool) -> Vec<Evidence> {
        let mut found: Vec<Evidence> = Vec::new();
        for (b, block) in self.compiled.cfg.blocks.iter().enumerate() {
            if !self.compiled.tells[b] {
                continue;
            }
            let mut mine =
                (block.first..block.end).filter(|i| counts(*i) && self.lines[*i].is_some_and(wanted)).peekable();
            if let Some(&insn) = mine.peek() {
                found.push(Evidence { block: b, insn, solid: mine.any(|i| self.compiled.is_solid(i)) });
            }
        }
        found
    }

    /// The statement of this function whose code a line is, where several touch it: the first. `None` on a line that a case's
    /// header shares with its body, and on lines of other functions.
    pub(super) fn first_statement_on(&self, line: u32) -> Option<StatementId> {
        let file = self.source;
        let touches = |s: &StatementId| {
            let statement = &file.statements[s.0 as usize];
            file.blocks[statement.block.0 as usize].function == self.function
                && statement.kind != StatementKind::Bare
                && statement.header.lines().contains(line)
        };
        let ids = (0..u32::try_from(file.statements.len()).expect("fewer than 2^32 statements")).map(StatementId);
        // Innermost last: of nested statements with this line in their headers the outer one begins first.
        let first = ids.clone().find(touches)?;
        let case_header = file.blocks.iter().any(|b| {
            matches!(b.kind, BlockKind::Case | BlockKind::TypeCase | BlockKind::Comm)
                && b.function == self.function
                && b.header.lines().contains(line)
                && b.header.start <= file.statements[first.0 as usize].span.start
                && b.statements.first() == Some(&first)
        });
        (!case_header).then_some(first)
    }

    /// The statement lists around a statement that control may or may not enter, innermost first, up to the copy's root.
    pub(super) fn conditional_scopes(&self, statement: StatementId) -> Vec<BlockId> {
        let mut scopes = Vec::new();
        let mut at = self.source.statements[statement.0 as usize].block;
        while at != self.root {
            let block = &self.source.blocks[at.0 as usize];
            let Some(owner) = block.owner else { break };
            if block.kind != BlockKind::Bare && !self.is_endless(owner) {
                scopes.push(at);
            }
            at = self.source.statements[owner.0 as usize].block;
        }
        scopes
    }

    /// Whether the statement lies in the copy: below its root.
    pub(super) fn holds(&self, statement: StatementId) -> bool {
        let mut at = self.source.statements[statement.0 as usize].block;
        loop {
            if at == self.root {
                return true;
            }
            if self.elsewhere.contains(&at) {
                return false;
            }
            match self.source.blocks[at.0 as usize].owner {
                Some(owner) => at = self.source.statements[owner.0 as usize].block,
                None => return false,
            }
        }
    }

    /// Whether the block holds a conditional move or SETcc: the place of a branch that the compiler took out.
    pub(super) fn chooses_in(&self, block: BlockIndex) -> bool {
        let cfg = &self.compiled.cfg;
        let block = &cfg.blocks[block];
        cfg.insns[block.first..block.end].iter().any(|i| matches!(i.flags, Flags::Chosen(_)))
    }

    /// Whether the anchor lies in the copy.
    pub(super) fn covers(&self, anchor: Anchor) -> bool {
        match anchor {
            Anchor::Statement(s) | Anchor::Line(s, _) => self.holds(s),
            Anchor::Block(b) if b == self.root => true,
            Anchor::Block(b) if self.elsewhere.contains(&b) => false,
            Anchor::Block(b) => self.source.blocks[b.0 as usize].owner.is_some_and(|o| self.holds(o)),
            Anchor::Function(f) => self.root == self.source.functions[f.0 as usize].body,
        }
    }

    /// `for {`: a loop without a condition, whose body is entered whenever the loop is reached.
    pub(super) fn is_endless(&self, statement: StatementId) -> bool {
        let statement = &self.source.statements[statement.0 as usize];
        let header = statement.header;
        // Nothing but the keyword, a space and the brace.
        statement.kind == StatementKind::For
            && header.start.line == header.end.line
            && header.end.column - header.start.column <= "for {".len() as u32
    }

    /// The statement's neighbours in its list: the one before and the one behind it.
    pub(super) fn neighbours(&self, statement: StatementId) -> (Option<StatementId>, Option<StatementId>) {
        let list = self.list(self.list_of(statement));
        match list.iter().position(|s| *s == statement) {
            Some(at) => (at.checked_sub(1).map(|i| list[i]), list.get(at + 1).copied()),
            // Braces themselves.
            None => (None, None),
        }
    }

    /// The list that control enters when it comes to the statement: braces that only make a scope are none.
    pub(super) fn list_of(&self, statement: StatementId) -> BlockId {
        let mut at = self.source.statements[statement.0 as usize].block;
        while let Some(owner) = self.source.blocks[at.0 as usize].owner.filter(|o| self.is_scope(*o)) {
            at = self.source.statements[owner.0 as usize].block;
        }
        at
    }

    /// The list's first statement.
    pub(super) fn first_in(&self, list: BlockId) -> Option<StatementId> {
        self.list(list).first().copied()
    }

    /// The list's last statement.
    pub(super) fn last_in(&self, list: BlockId) -> Option<StatementId> {
        self.list(list).last().copied()
    }

    /// The statements of a list, with what stands in braces that only make a scope.
    fn list(&self, list: BlockId) -> Vec<StatementId> {
        let mut flat = Vec::new();
        let mut todo: Vec<StatementId> = self.source.blocks[list.0 as usize].statements.iter().rev().copied().collect();
        while let Some(statement) = todo.pop() {
            if self.is_scope(statement) {
                let body = self.source.statements[statement.0 as usize].bodies.first();
                let inner = body.map(|b| &self.source.blocks[b.0 as usize].statements);
                todo.extend(inner.into_iter().flatten().rev());
            } else {
                flat.push(statement);
            }
        }
        flat
    }

    /// Braces that no `break` can name.
    fn is_scope(&self, statement: StatementId) -> bool {
        let statement = &self.source.statements[statement.0 as usize];
        statement.kind == StatementKind::Bare && statement.label.is_none()
    }
}
