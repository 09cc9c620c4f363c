//! A Go file's text in, its functions, scopes and statements out.

mod build_constraint;
mod condition;
mod directives;
mod go;
mod line_classes;
mod markers;

pub use build_constraint::BuildContext;
pub use condition::{Condition, Next, Operand, Order};
pub use go::parse;
pub use markers::{Marker, MarkerKind, Markers};

use crate::{
    lines::{LineRange, LineSet},
    parallel,
    paths::RepoPath,
};

/// Fewer files than this are not worth a further thread.
const FILES_A_THREAD: usize = 4;

/// The changed files' sources, in byte order of their paths.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SourceIndex {
    /// One entry per file.
    pub files: Vec<SourceFile>,
}

/// Parses every file: most of a plan's time, so by as many threads as there are processors.
pub fn index<'a>(files: impl IntoIterator<Item = (&'a RepoPath, &'a [u8])>) -> SourceIndex {
    let files: Vec<_> = files.into_iter().collect();
    SourceIndex { files: parallel::map(&files, FILES_A_THREAD, |(path, text)| parse(path, text)) }
}

/// One file's structure. Ids are indices into its own vectors.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceFile {
    /// Where it is in the repository.
    pub path: RepoPath,
    /// The name in its package clause.
    pub package: String,
    /// Functions, methods and closures, in the order of their first byte.
    pub functions: Vec<Function>,
    /// Statement lists.
    pub blocks: Vec<Block>,
    /// Statements, in the order of their first byte.
    pub statements: Vec<Statement>,
    /// Lines that hold anything besides white space and comments.
    pub code: LineSet,
    /// Those of them that hold only brackets, separators and `else`: nothing on them runs. Lines of strings are never among them.
    pub punctuation: LineSet,
    /// Lines that begin within the right side of `&&` or `||`, which may not be evaluated.
    pub operands: LineSet,
    /// Spans that the parser could not read; statements in them are missing.
    pub syntax_errors: Vec<Span>,
    /// The `//go:build` expression or `// +build` lines, as written.
    pub build_constraint: Option<String>,
    /// Whether it imports `"C"`, so that only a build with cgo has it.
    pub cgo: bool,
    /// Whether a `//line` directive renames what the binary says of the lines behind it.
    pub line_directives: bool,
    /// `// +goat:` comments.
    pub markers: Markers,
}

/// A place in a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Pos {
    /// 1-based.
    pub line: u32,
    /// 1-based, in bytes.
    pub column: u32,
}

/// From a node's first byte to just behind its last.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Span {
    /// The first byte's place.
    pub start: Pos,
    /// The place just behind the last byte; never at the start of a line that the node does not reach.
    pub end: Pos,
}

impl Span {
    /// The lines that the span touches.
    pub fn lines(&self) -> LineRange {
        LineRange::new(self.start.line, self.end.line)
    }

    /// Whether `other` lies within `self`.
    pub fn encloses(&self, other: &Span) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

/// Index into [`SourceFile::functions`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FunctionId(pub u32);
/// Index into [`SourceFile::blocks`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BlockId(pub u32);
/// Index into [`SourceFile::statements`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StatementId(pub u32);

/// A function, method or closure with a body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Function {
    /// `Tier`, `(*Cart).Add`, `Cart.Total`, `init`; generic receivers without their parameters (`(*Cache).Get`);
    /// closures as the compiler names them in their parent: `Lit.func1`, `(*Cart).Add.func2`, nested `Lit.func1.1`;
    /// of a package-level variable: `glob..func1`. For people; the binary's functions are found by `span.start.line`.
    pub name: String,
    /// Whether it is a closure.
    pub closure: bool,
    /// The function around it, for a closure that has one.
    pub parent: Option<FunctionId>,
    /// From `func` to the closing brace.
    pub span: Span,
    /// Its statements.
    pub body: BlockId,
}

/// What a statement list belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BlockKind {
    /// A function's body.
    Function,
    /// What an `if` runs when its condition holds.
    Then,
    /// What it runs otherwise. For `else if`, a list whose only statement is the second `if`.
    Else,
    /// A `for` loop's body.
    For,
    /// A `for ... range` loop's body.
    Range,
    /// A case of a `switch`, default included.
    Case,
    /// A case of a type switch, default included.
    TypeCase,
    /// A case of a `select`, default included.
    Comm,
    /// Braces on their own.
    Bare,
}

impl BlockKind {
    /// Whether the list stands behind `case` or `default`, without braces of its own.
    pub fn is_case(self) -> bool {
        matches!(self, Self::Case | Self::TypeCase | Self::Comm)
    }
}

/// A statement list: the smallest thing that control enters as a whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    /// What it belongs to.
    pub kind: BlockKind,
    /// The statement that it is a body of; `None` for a function's.
    pub owner: Option<StatementId>,
    /// The function that it is in.
    pub function: FunctionId,
    /// From `{` to `}`; a case from its keyword to the end of its last statement (or to its `:`).
    pub span: Span,
    /// For a case its own text from the keyword to `:`; for everything else the owner's header.
    /// Whether the block is entered is decided there (and, for a case, in the headers of its siblings and the owner).
    pub header: Span,
    /// Its statements, in order; empty statements (`;`) left out.
    pub statements: Vec<StatementId>,
    /// Whether it is the `default:` of a switch or select.
    pub default: bool,
}

/// What a statement is, by go/ast's names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "the names are go/ast's")]
pub enum StatementKind {
    Assign,
    Define,
    IncDec,
    Send,
    /// An expression statement that is a call.
    Call,
    /// An expression statement that is a receive, `<-ch`.
    Receive,
    Go,
    Defer,
    Return,
    Break,
    Continue,
    Goto,
    Fallthrough,
    Const,
    /// A `var` declaration or group with at least one value.
    Var,
    /// A `var` declaration or group without values.
    VarZero,
    Type,
    If,
    For,
    Range,
    Switch,
    TypeSwitch,
    Select,
    /// Braces on their own.
    Bare,
    /// Anything that the parser gave no name to.
    Other,
}

/// One statement. A labelled statement is the statement behind the label.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Statement {
    /// What it is.
    pub kind: StatementKind,
    /// The list that it stands in.
    pub block: BlockId,
    /// From its first byte to its last, bodies included; the label left out.
    pub span: Span,
    /// For `if`, `for`, `switch`, `select`: from the keyword to the `{` included. For everything else the whole span.
    pub header: Span,
    /// The lists that it guards, in order: then and else; a loop's body; the cases; a bare block's own.
    pub bodies: Vec<BlockId>,
    /// Closures written in it, outside its bodies, outermost only.
    pub closures: Vec<FunctionId>,
    /// Its label, without the colon's position being part of any statement.
    pub label: Option<Span>,
    /// For an `if`: what its condition asks.
    pub operands: Vec<Operand>,
}

impl Statement {
    /// For an `if` whose condition is one comparison or one truth value: which.
    pub fn condition(&self) -> Option<Condition> {
        match self.operands[..] {
            [Operand { asks, holds: Next::Then, .. }] => asks,
            [Operand { asks, .. }] => asks.map(Condition::negated),
            _ => None,
        }
    }
}
