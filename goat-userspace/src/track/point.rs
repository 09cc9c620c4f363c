//! A track point: what a person asked to observe, in terms of the source alone.

use crate::{
    lines::{LineRange, LineSet},
    source::{BlockId, FunctionId, StatementId},
};

/// What to observe, in the order of the points' ids.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrackPoints {
    /// Files in byte order of their paths, then by position; ids are 1, 2, 3, ...
    pub points: Vec<TrackPoint>,
    /// By index of the file: changed lines with nothing to observe (comments, declarations, blank lines, lone braces).
    pub no_code: Vec<LineSet>,
}

/// One point.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrackPoint {
    /// From 1.
    pub id: u32,
    /// Index into [`crate::source::SourceIndex::files`].
    pub file: u32,
    /// The lines that are observed: the statement, patch, scope or function, as written.
    pub span: LineRange,
    /// The changed lines that this point answers for. Each changed line with code stands in exactly one point. Empty for a
    /// branch that is tracked because the condition in front of it changed.
    pub lines: LineSet,
    /// The function or closure that the anchor lies in.
    pub function: FunctionId,
    /// Why the point is there.
    pub kind: PointKind,
    /// What must run for the point to be covered.
    pub anchor: Anchor,
}

/// Why a point is there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PointKind {
    /// Changed statements.
    Statement,
    /// A line inside a statement of several lines: an argument, a field, a later part of a condition.
    Part,
    /// A changed header of `if`, `for`, `switch` or `select`: that it was reached.
    Header,
    /// A body that a changed header guards.
    Branch,
    /// A function.
    Function,
    /// A statement behind `// +goat:insert`.
    Marked,
}

impl PointKind {
    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Statement => "statement",
            Self::Part => "part",
            Self::Header => "header",
            Self::Branch => "branch",
            Self::Function => "function",
            Self::Marked => "marked",
        }
    }
}

/// What must run for a point to be covered. Its count is how often that ran.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Anchor {
    /// The statement begins to run. Where it has no machine code of its own, the statements of the same list behind it tell.
    Statement(StatementId),
    /// Code of this line, within the statement; without any, the statement itself.
    Line(StatementId, u32),
    /// The statement list is entered.
    Block(BlockId),
    /// The function is called.
    Function(FunctionId),
}
