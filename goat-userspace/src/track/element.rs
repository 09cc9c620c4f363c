//! Changed lines, told apart: which statement, header, case or part of a statement each one is, or that nothing runs on it.

use super::{
    point::{Anchor, PointKind},
    scopes::{self, ScopeId, Scopes},
};
use crate::{
    lines::{LineRange, LineSet},
    source::{BlockId, FunctionId, Pos, SourceFile, StatementId, StatementKind},
};

/// One thing to observe on one changed line.
#[derive(Clone, Debug)]
pub(super) struct Element {
    pub(super) line: u32,
    /// Whether it answers for the line. The other ones are the first statements of closures that begin and end on the line.
    pub(super) owns: bool,
    pub(super) anchor: Anchor,
    pub(super) kind: PointKind,
    pub(super) weight: Weight,
    /// The lines that it observes on its own.
    pub(super) span: LineRange,
    pub(super) scope: ScopeId,
    pub(super) function: FunctionId,
}

/// How good an element is as the anchor of a group: the least one is taken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Weight {
    /// A statement that the original puts a point before.
    Statement,
    /// A body is entered.
    Branch,
    /// A header or a receive: a point for us alone.
    Reached,
    /// A line within a statement.
    Part,
    /// `var x T`: the compiler need not make code of it.
    Silent,
}

/// A file's structure, indexed for the search by line.
pub(super) struct Lookup<'a> {
    pub(super) file: &'a SourceFile,
    pub(super) scopes: Scopes,
    /// Cases by the first byte of their header.
    cases: Vec<(Pos, BlockId)>,
    /// By closure, the statement that it is written in.
    written_in: Vec<Option<StatementId>>,
}

impl<'a> Lookup<'a> {
    pub(super) fn new(file: &'a SourceFile) -> Self {
        let blocks = (0u32..).map(BlockId).zip(&file.blocks);
        let mut cases: Vec<(Pos, BlockId)> =
            blocks.filter(|(_, block)| block.kind.is_case()).map(|(id, block)| (block.header.start, id)).collect();
        cases.sort();
        let mut written_in = vec![None; file.functions.len()];
        for (id, statement) in (0u32..).map(StatementId).zip(&file.statements) {
            for closure in &statement.closures {
                written_in[closure.0 as usize] = Some(id);
            }
        }
        Self { file, scopes: Scopes::new(file), cases, written_in }
    }

    /// What there is to observe on each of the lines, in their order; nothing for lines on which nothing runs.
    pub(super) fn elements(&self, lines: &LineSet) -> Vec<Element> {
        let mut elements = Vec::new();
        let last = self.file.code.runs().last().map_or(0, |run| run.last);
        for line in lines.iter().take_while(|&line| line <= last) {
            if !self.file.code.contains(line) {
                continue;
            }
            let before = elements.len();
            if !self.starting_on(line, &mut elements) {
                elements.extend(self.within(line));
            }
            for (n, element) in elements[before..].iter_mut().enumerate() {
                element.owns = n == 0;
            }
        }
        elements
    }

    /// The first case or statement that begins on the line, of each function that has one there. False if nothing begins there;
    /// of a type declaration that does nothing runs.
    fn starting_on(&self, line: u32, elements: &mut Vec<Element>) -> bool {
        let statements = &self.file.statements;
        let from = statements.partition_point(|statement| statement.span.start.line < line);
        let mut at = from;
        let mut case = self.cases.partition_point(|(start, _)| start.line < line);
        let mut seen: Vec<FunctionId> = Vec::new();
        loop {
            let statement = statements.get(at).filter(|statement| statement.span.start.line == line);
            let next_case = self.cases.get(case).filter(|(start, _)| start.line == line);
            let element = match (statement, next_case) {
                (statement, Some(&(start, id))) if statement.is_none_or(|statement| start < statement.span.start) => {
                    case += 1;
                    self.case(id, line)
                }
                (Some(statement), _) => {
                    let id = StatementId(u32::try_from(at).expect("statement ids are 32 bits wide"));
                    at += 1;
                    if statement.kind == StatementKind::Type {
                        continue;
                    }
                    // The first statement of a case that begins on the line as well is what the case's entry runs.
                    let element = self.statement(id);
                    let first = self.file.blocks[statement.block.0 as usize].statements.first() == Some(&id);
                    if first && elements.iter().any(|e| e.line == line && e.anchor == Anchor::Block(statement.block)) {
                        elements.push(element);
                        continue;
                    }
                    element
                }
                (None, _) => break,
            };
            if !seen.contains(&element.function) {
                seen.push(element.function);
                elements.push(element);
            }
        }
        !seen.is_empty() || at > from
    }

    /// What the line is a part of, given that nothing begins on it.
    fn within(&self, line: u32) -> Option<Element> {
        if self.file.punctuation.contains(line) {
            return None;
        }
        let function = self.innermost_function(line)?;
        let id = self.innermost_statement(line)?;
        let statement = &self.file.statements[id.0 as usize];
        let is_signature = line <= self.file.blocks[function.body.0 as usize].span.start.line;
        if is_signature || matches!(statement.kind, StatementKind::Type | StatementKind::Const | StatementKind::Bare) {
            return None;
        }
        // A label in a closure: inside of its body, but in none of its statements. The closure's last line may go on with more
        // of the statement around it.
        let in_closure = function.span != self.function_of(id).span;
        if in_closure && line < function.span.end.line {
            return None;
        }
        if scopes::is_control(statement.kind) && !statement.header.lines().contains(line) {
            let at = statement.bodies.partition_point(|body| self.file.blocks[body.0 as usize].header.end.line < line);
            let body = *statement.bodies.get(at)?;
            let block = &self.file.blocks[body.0 as usize];
            return (block.kind.is_case() && block.header.lines().contains(line)).then(|| self.case(body, line));
        }
        let own = LineRange::new(line, line);
        Some(Element {
            line,
            anchor: Anchor::Line(id, line),
            kind: PointKind::Part,
            weight: Weight::Part,
            span: own,
            ..self.statement(id)
        })
    }

    /// The innermost function that began before the line and is not over on the line before it.
    fn innermost_function(&self, line: u32) -> Option<&'a crate::source::Function> {
        let functions = &self.file.functions;
        let mut at = functions.partition_point(|function| function.span.start.line < line).checked_sub(1)?;
        while functions[at].span.end.line < line {
            at = functions[at].parent?.0 as usize;
        }
        Some(&functions[at])
    }

    /// The same for statements.
    fn innermost_statement(&self, line: u32) -> Option<StatementId> {
        let statements = &self.file.statements;
        let mut at = statements.partition_point(|statement| statement.span.start.line < line).checked_sub(1)?;
        while statements[at].span.end.line < line {
            at = self.around(&statements[at])?.0 as usize;
        }
        u32::try_from(at).ok().map(StatementId)
    }

    /// The statement that one is nested in.
    fn around(&self, statement: &crate::source::Statement) -> Option<StatementId> {
        let block = &self.file.blocks[statement.block.0 as usize];
        block.owner.or_else(|| self.written_in[block.function.0 as usize])
    }

    fn function_of(&self, statement: StatementId) -> &'a crate::source::Function {
        let block = self.file.statements[statement.0 as usize].block;
        &self.file.functions[self.file.blocks[block.0 as usize].function.0 as usize]
    }

    /// The first statement that begins behind `line`.
    pub(super) fn next_statement(&self, line: u32) -> Option<Element> {
        let at = self.file.statements.partition_point(|statement| statement.span.start.line <= line);
        self.file.statements.get(at)?;
        u32::try_from(at).ok().map(|id| self.statement(StatementId(id)))
    }

    fn statement(&self, id: StatementId) -> Element {
        let statement = &self.file.statements[id.0 as usize];
        let (kind, weight) = match statement.kind {
            kind if scopes::is_control(kind) => (PointKind::Header, Weight::Reached),
            StatementKind::Receive => (PointKind::Statement, Weight::Reached),
            StatementKind::VarZero => (PointKind::Statement, Weight::Silent),
            _ => (PointKind::Statement, Weight::Statement),
        };
        Element {
            line: statement.span.start.line,
            owns: false,
            anchor: Anchor::Statement(id),
            kind,
            weight,
            span: statement.header.lines(),
            scope: self.scopes.of(id),
            function: self.file.blocks[statement.block.0 as usize].function,
        }
    }

    fn case(&self, id: BlockId, line: u32) -> Element {
        Element { line, ..self.branch(id) }
    }

    /// That a block is entered.
    pub(super) fn branch(&self, id: BlockId) -> Element {
        let block = &self.file.blocks[id.0 as usize];
        Element {
            line: block.span.start.line,
            owns: false,
            anchor: Anchor::Block(id),
            kind: PointKind::Branch,
            weight: Weight::Branch,
            span: block.span.lines(),
            scope: self.scopes.first(id),
            function: block.function,
        }
    }

    /// The blocks that a changed header guards: its own, or for a case also its switch's.
    pub(super) fn guarded(&self, lines: &LineSet) -> Vec<BlockId> {
        let guarded = |block: &crate::source::Block| {
            let owner = block.owner.map(|owner| &self.file.statements[owner.0 as usize]);
            let by_switch = owner.is_some_and(|owner| {
                matches!(owner.kind, StatementKind::Switch | StatementKind::TypeSwitch)
                    && lines.intersects(owner.header.lines())
            });
            scopes::is_guarded(block.kind) && (by_switch || lines.intersects(block.header.lines()))
        };
        let blocks = (0u32..).map(BlockId).zip(&self.file.blocks);
        blocks.filter(|(_, block)| guarded(block)).map(|(id, _)| id).collect()
    }

    /// The block whose entry is the same as the anchor's beginning to run, if there is one.
    pub(super) fn entered_with(&self, anchor: Anchor) -> Option<BlockId> {
        match anchor {
            Anchor::Block(block) => Some(block),
            Anchor::Statement(id) => {
                let list = self.file.statements[id.0 as usize].block;
                let block = &self.file.blocks[list.0 as usize];
                (scopes::is_guarded(block.kind) && block.statements.first() == Some(&id)).then_some(list)
            }
            Anchor::Line(..) | Anchor::Function(_) => None,
        }
    }

    /// Where an anchor stands in the file.
    pub(super) fn place(&self, anchor: Anchor) -> Pos {
        match anchor {
            Anchor::Statement(id) => self.file.statements[id.0 as usize].span.start,
            Anchor::Line(_, line) => Pos { line, column: 1 },
            Anchor::Block(id) => {
                let block = &self.file.blocks[id.0 as usize];
                let first = block.statements.first().map(|first| self.file.statements[first.0 as usize].span.start);
                first.unwrap_or(block.span.end)
            }
            Anchor::Function(id) => self.file.functions[id.0 as usize].span.start,
        }
    }
}
