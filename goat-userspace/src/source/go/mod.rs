//! tree-sitter's Go grammar, turned into our own plain structure. Nothing else names tree-sitter.
//!
//! One walk over the tree in the order of the text, with its own stacks: nesting costs memory, never call depth. What is written
//! where is decided by a node's kind and its parent's [`Role`]; parts that the grammar could not read give up their statements
//! and closures as far as they have any.

mod condition;
mod kinds;
mod names;
mod new_calls;

use kinds::{Kind, LANGUAGE};
use tree_sitter::{Node, Parser, Point, Tree, TreeCursor};

use super::{
    Block, BlockId, BlockKind, Function, FunctionId, Pos, SourceFile, Span, Statement, StatementId, StatementKind,
    directives,
    line_classes::{self, Opaque},
    markers::Markers,
};
use crate::{lines::LineSet, paths::RepoPath};

/// tree-sitter's offsets are 32 bits wide, and a tree takes some ten times its text. No Go file that a person could change comes
/// near it: the largest generated ones known have about 20 MB.
const MAX_FILE_BYTES: usize = 64 << 20;

/// Parses one file. Never fails: what can't be read stands in `syntax_errors`.
pub fn parse(path: &RepoPath, text: &[u8]) -> SourceFile {
    let mut walk = Walk::new(path, text);
    match tree(text) {
        Some(tree) => walk.run(&tree),
        None => walk.unreadable(),
    }
    walk.file.markers = Markers::new(walk.marked);
    (walk.file.code, walk.file.punctuation) = line_classes::classify(text, &walk.opaque);
    walk.file
}

fn tree(text: &[u8]) -> Option<Tree> {
    if text.len() > MAX_FILE_BYTES {
        return None;
    }
    let mut parser = Parser::new();
    parser.set_language(&LANGUAGE).ok()?;
    new_calls::parse(&mut parser, text)
}

/// What a node is to its children.
#[derive(Clone, Copy)]
enum Role {
    /// Nothing: their own kinds decide.
    Plain,
    /// Lists of the innermost open block's statements are among them.
    Body,
    /// They are statements of the innermost open block.
    List,
    /// One of them is the function's body.
    Function(FunctionId),
    /// Bodies of the statement.
    Control(StatementId),
}

/// One node that the walk is inside of, and what ends with it.
struct Frame {
    role: Role,
    function: bool,
    block: Option<BlockId>,
    statement: bool,
}

impl Frame {
    fn plain(role: Role) -> Self {
        Self { role, function: false, block: None, statement: false }
    }
}

struct Walk<'t> {
    text: &'t [u8],
    file: SourceFile,
    opaque: Vec<Opaque>,
    /// Comments that may be markers, with their lines.
    marked: Vec<(u32, &'t [u8])>,
    frames: Vec<Frame>,
    functions: Vec<FunctionId>,
    /// Open blocks and statements; `None` where a function begins, whose statements belong to nothing around it.
    blocks: Vec<Option<BlockId>>,
    statements: Vec<Option<StatementId>>,
    /// The label that the next statement has.
    label: Option<Span>,
    /// How many closures each function has so far, and the package-level variables.
    closures: Vec<u32>,
    package_closures: u32,
}

impl<'t> Walk<'t> {
    fn new(path: &RepoPath, text: &'t [u8]) -> Self {
        let file = SourceFile {
            path: path.clone(),
            package: String::new(),
            functions: Vec::new(),
            blocks: Vec::new(),
            statements: Vec::new(),
            code: LineSet::new(),
            punctuation: LineSet::new(),
            operands: LineSet::new(),
            syntax_errors: Vec::new(),
            build_constraint: None,
            cgo: false,
            line_directives: false,
            markers: Markers::default(),
        };
        Self {
            text,
            file,
            opaque: Vec::new(),
            marked: Vec::new(),
            frames: Vec::new(),
            functions: Vec::new(),
            blocks: Vec::new(),
            statements: Vec::new(),
            label: None,
            closures: Vec::new(),
            package_closures: 0,
        }
    }

    /// No tree: all of the text is one error.
    fn unreadable(&mut self) {
        let lines = 1 + self.text.iter().filter(|&&byte| byte == b'\n').count();
        let end = Pos { line: u32::try_from(lines).unwrap_or(u32::MAX), column: 1 };
        self.file.syntax_errors.push(Span { start: Pos { line: 1, column: 1 }, end });
    }

    fn run(&mut self, tree: &Tree) {
        let mut cursor = tree.walk();
        loop {
            if let Some(frame) = self.enter(&cursor) {
                if cursor.goto_first_child() {
                    self.frames.push(frame);
                    continue;
                }
                self.leave(&frame);
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    return;
                }
                let Some(frame) = self.frames.pop() else { return };
                self.leave(&frame);
            }
        }
    }

    /// Takes in a node; `None` if its children hold nothing.
    fn enter(&mut self, cursor: &TreeCursor<'_>) -> Option<Frame> {
        let node = cursor.node();
        if node.is_error() || node.is_missing() {
            return self.error(node);
        }
        let role = self.frames.last().map_or(Role::Plain, |frame| frame.role);
        match kinds::of(node) {
            Kind::Plain if node.child_count() == 0 => None,
            Kind::Plain => Some(Frame::plain(Role::Plain)),
            Kind::Comment => {
                self.comment(node);
                None
            }
            Kind::RawString => {
                self.opaque.push(Opaque::RawString(node.byte_range()));
                None
            }
            Kind::Binary => {
                condition::operand(node).into_iter().for_each(|lines| self.file.operands.insert(lines));
                Some(Frame::plain(Role::Plain))
            }
            Kind::PackageClause => {
                if self.file.package.is_empty()
                    && let Some(name) = node.named_child(0)
                {
                    self.file.package = names::slice(name, self.text).to_owned();
                    let header = self.text.get(..node.start_byte()).unwrap_or_default();
                    self.file.build_constraint = directives::build_constraint(header);
                }
                Some(Frame::plain(Role::Plain))
            }
            Kind::Import => {
                let path = node.child_by_field_name("path").map(|path| names::slice(path, self.text));
                self.file.cgo |= matches!(path, Some("\"C\"" | "`C`"));
                Some(Frame::plain(Role::Plain))
            }
            Kind::Function => Some(self.function(node)),
            Kind::Block => Some(self.block(node, role, cursor)),
            Kind::StatementList if matches!(role, Role::Body) => Some(Frame::plain(Role::List)),
            Kind::StatementList => Some(Frame::plain(Role::Plain)),
            Kind::Label if self.lists(role) => {
                let name = node.child_by_field_name("label").map(|name| self.span(name));
                // Of several labels in a row the first is where the text begins.
                self.label = match (self.label, name) {
                    (Some(outer), Some(inner)) => Some(Span { start: outer.start, end: inner.end }),
                    (outer, inner) => outer.or(inner),
                };
                Some(Frame::plain(Role::List))
            }
            Kind::Label => Some(Frame::plain(Role::Plain)),
            // A semicolon is a statement only as what a label stands before.
            Kind::Empty => (self.lists(role) && self.label.is_some()).then(|| self.simple(node)),
            Kind::Case => Some(match role {
                Role::Control(owner) => self.case(node, owner),
                _ => Frame::plain(Role::Plain),
            }),
            Kind::If => Some(match role {
                Role::Control(owner) if cursor.field_name() == Some("alternative") => self.else_if(node, owner),
                _ if self.lists(role) => self.control(node),
                _ => Frame::plain(Role::Plain),
            }),
            Kind::For | Kind::Switch | Kind::TypeSwitch | Kind::Select if self.lists(role) => Some(self.control(node)),
            Kind::Simple if self.lists(role) => Some(self.simple(node)),
            Kind::Simple | Kind::For | Kind::Switch | Kind::TypeSwitch | Kind::Select => {
                Some(Frame::plain(Role::Plain))
            }
        }
    }

    fn leave(&mut self, frame: &Frame) {
        if frame.statement {
            self.statements.pop();
        }
        if let Some(id) = frame.block {
            self.blocks.pop();
            self.end_case(id);
            self.label = None;
        }
        if frame.function {
            self.functions.pop();
            self.blocks.pop();
            self.statements.pop();
        }
    }

    /// Whether statements under a node of this role go into the innermost open block.
    fn lists(&self, role: Role) -> bool {
        matches!(role, Role::List) && matches!(self.blocks.last(), Some(Some(_)))
    }

    /// Whether what stands at `span`, under a node of this role, is where the innermost open block has its statements.
    fn is_behind_header(&self, role: Role, span: Span) -> bool {
        let Some(&Some(id)) = self.blocks.last() else { return false };
        let block = &self.file.blocks[id.0 as usize];
        matches!(role, Role::Body) && (!block.kind.is_case() || block.header.end <= span.start)
    }

    fn comment(&mut self, node: Node<'_>) {
        let range = node.byte_range();
        let text = self.text.get(range.clone()).unwrap_or_default();
        self.file.line_directives |= directives::is_line_directive(text, pos(node.start_position()).column);
        self.marked.push((pos(node.start_position()).line, text));
        self.opaque.push(Opaque::Comment(range));
    }

    /// Unreadable text among statements is a statement of its own, unless statements can be told in it.
    fn error(&mut self, node: Node<'_>) -> Option<Frame> {
        let role = self.frames.last().map_or(Role::Plain, |frame| frame.role);
        let span = self.span(node);
        if !self.file.syntax_errors.last().is_some_and(|last| last.encloses(&span)) {
            self.file.syntax_errors.push(span);
        }
        if !self.lists(role) && !self.is_behind_header(role, span) || node.is_missing() {
            return Some(Frame::plain(Role::Plain));
        }
        let is_statement =
            |child: Node<'_>| !matches!(kinds::of(child), Kind::Plain | Kind::Binary | Kind::Comment | Kind::RawString);
        if node.children(&mut node.walk()).any(is_statement) {
            return Some(Frame::plain(Role::List));
        }
        Some(self.simple(node))
    }

    fn function(&mut self, node: Node<'_>) -> Frame {
        let Some(body) = node.child_by_field_name("body") else { return Frame::plain(Role::Plain) };
        let id = FunctionId(index(self.file.functions.len()));
        let closure = node.kind() == "func_literal";
        let parent = self.functions.last().copied().filter(|_| closure);
        let name = if closure { self.closure_name(parent) } else { names::declared(node, self.text) };
        let span = self.span(node);
        let body = self.span(body);
        let header = Span { start: span.start, end: behind_brace(body) };
        let block = self.add_block(Block {
            kind: BlockKind::Function,
            owner: None,
            function: id,
            span: body,
            header,
            statements: Vec::new(),
            default: false,
        });
        self.file.functions.push(Function { name, closure, parent, span, body: block });
        self.closures.push(0);
        if let Some(&Some(around)) = self.statements.last() {
            self.statement(around).closures.push(id);
        }
        self.functions.push(id);
        self.blocks.push(None);
        self.statements.push(None);
        Frame { function: true, ..Frame::plain(Role::Function(id)) }
    }

    fn closure_name(&mut self, parent: Option<FunctionId>) -> String {
        let Some(FunctionId(parent)) = parent else {
            self.package_closures += 1;
            return names::closure(None, self.package_closures);
        };
        let count = &mut self.closures[parent as usize];
        *count += 1;
        let parent = &self.file.functions[parent as usize];
        names::closure(Some((&parent.name, parent.closure)), *count)
    }

    /// A body, or braces on their own.
    fn block(&mut self, node: Node<'_>, role: Role, cursor: &TreeCursor<'_>) -> Frame {
        match role {
            Role::Function(id) if cursor.field_name() == Some("body") => {
                let body = self.file.functions[id.0 as usize].body;
                self.blocks.push(Some(body));
                Frame { block: Some(body), ..Frame::plain(Role::Body) }
            }
            Role::Control(owner) => {
                let kind = match self.statement(owner).kind {
                    StatementKind::For => BlockKind::For,
                    StatementKind::Range => BlockKind::Range,
                    _ if cursor.field_name() == Some("alternative") => BlockKind::Else,
                    _ => BlockKind::Then,
                };
                self.body(node, kind, owner)
            }
            _ if self.lists(role) => {
                let owner = self.add_statement(node, StatementKind::Bare);
                Frame { statement: true, ..self.body(node, BlockKind::Bare, owner) }
            }
            _ => Frame::plain(Role::Plain),
        }
    }

    fn body(&mut self, node: Node<'_>, kind: BlockKind, owner: StatementId) -> Frame {
        let span = self.span(node);
        let header = self.statement(owner).header;
        let id = self.add_body(kind, owner, span, header);
        Frame { block: Some(id), ..Frame::plain(Role::Body) }
    }

    fn case(&mut self, node: Node<'_>, owner: StatementId) -> Frame {
        let span = self.span(node);
        let kind = match self.statement(owner).kind {
            StatementKind::TypeSwitch => BlockKind::TypeCase,
            StatementKind::Select => BlockKind::Comm,
            _ => BlockKind::Case,
        };
        let colon = node.children(&mut node.walk()).find(|child| child.kind() == ":");
        let end = colon.map_or(span.end, |colon| pos(colon.end_position()).min(span.end));
        let id = self.add_body(kind, owner, span, Span { start: span.start, end });
        self.file.blocks[id.0 as usize].default = node.kind() == "default_case";
        Frame { block: Some(id), ..Frame::plain(Role::Body) }
    }

    /// The grammar lets a case run on to the next one's first byte.
    fn end_case(&mut self, id: BlockId) {
        let block = &self.file.blocks[id.0 as usize];
        if block.kind.is_case() {
            let last = block.statements.last().map(|last| self.file.statements[last.0 as usize].span.end);
            let end = last.map_or(block.header.end, |last| last.max(block.header.end));
            self.file.blocks[id.0 as usize].span.end = end;
        }
    }

    /// `else if`: a list whose only statement is the second `if`.
    fn else_if(&mut self, node: Node<'_>, owner: StatementId) -> Frame {
        let frame = self.body(node, BlockKind::Else, owner);
        Frame { block: frame.block, ..self.control(node) }
    }

    fn control(&mut self, node: Node<'_>) -> Frame {
        let id = self.add_statement(node, kinds::statement_kind(node));
        let span = self.statement(id).span;
        let brace = node
            .children(&mut node.walk())
            .find(|child| child.kind() == "{" || kinds::of(*child) == Kind::Block)
            .map_or(span.end, |brace| behind_brace(self.span(brace)));
        self.statement(id).header = Span { start: span.start, end: brace.min(span.end) };
        self.statement(id).operands = condition::of(node, self.text);
        Frame { statement: true, ..Frame::plain(Role::Control(id)) }
    }

    fn simple(&mut self, node: Node<'_>) -> Frame {
        self.add_statement(node, kinds::statement_kind(node));
        Frame { statement: true, ..Frame::plain(Role::Plain) }
    }

    /// Adds a statement to the innermost open block, and opens it.
    fn add_statement(&mut self, node: Node<'_>, kind: StatementKind) -> StatementId {
        let block = self.blocks.last().copied().flatten().expect("statements are looked for in open blocks alone");
        let id = StatementId(index(self.file.statements.len()));
        let span = self.span(node);
        let (bodies, closures) = (Vec::new(), Vec::new());
        let (label, operands) = (self.label.take(), Vec::new());
        let statement = Statement { kind, block, span, header: span, bodies, closures, label, operands };
        self.file.statements.push(statement);
        self.file.blocks[block.0 as usize].statements.push(id);
        self.statements.push(Some(id));
        id
    }

    /// Adds a body to a statement, and opens it.
    fn add_body(&mut self, kind: BlockKind, owner: StatementId, span: Span, header: Span) -> BlockId {
        let function = self.functions.last().copied().expect("statements are looked for in functions alone");
        let (owner_of, statements) = (Some(owner), Vec::new());
        let id = self.add_block(Block { kind, owner: owner_of, function, span, header, statements, default: false });
        self.statement(owner).bodies.push(id);
        self.blocks.push(Some(id));
        id
    }

    fn add_block(&mut self, block: Block) -> BlockId {
        let id = BlockId(index(self.file.blocks.len()));
        self.file.blocks.push(block);
        id
    }

    fn statement(&mut self, id: StatementId) -> &mut Statement {
        &mut self.file.statements[id.0 as usize]
    }

    /// Where a node is, without the line ends that the grammar counts as its last bytes.
    fn span(&self, node: Node<'_>) -> Span {
        let range = node.byte_range();
        let (start, mut end) = (pos(node.start_position()), pos(node.end_position()));
        let bytes = self.text.get(range).unwrap_or_default();
        let kept = bytes.trim_ascii_end();
        if kept.len() < bytes.len() && !kept.is_empty() {
            let line_ends = kept.iter().filter(|&&byte| byte == b'\n').count();
            let in_line = kept.iter().rev().take_while(|&&byte| byte != b'\n').count();
            let from = if line_ends == 0 { start.column } else { 1 };
            end = Pos { line: start.line + index(line_ends), column: from + index(in_line) };
        }
        Span { start, end }
    }
}

fn pos(point: Point) -> Pos {
    Pos { line: index(point.row) + 1, column: index(point.column) + 1 }
}

/// The place behind the `{` that the span begins with.
fn behind_brace(span: Span) -> Pos {
    let brace = Pos { line: span.start.line, column: span.start.column + 1 };
    brace.min(span.end)
}

fn index(n: usize) -> u32 {
    u32::try_from(n).expect("a file has at most MAX_FILE_BYTES bytes, and no more nodes")
}

#[cfg(test)]
mod tests;
