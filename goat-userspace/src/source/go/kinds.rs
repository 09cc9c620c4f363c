//! The grammar's node kinds that mean something here, looked up by number: names would be compared a few million times.

use std::sync::LazyLock;

use tree_sitter::{Language, Node};

use crate::source::StatementKind;

/// What a node is to us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Plain,
    Comment,
    RawString,
    /// Two operands.
    Binary,
    PackageClause,
    /// One path of an import declaration.
    Import,
    /// A function, method or closure.
    Function,
    /// `{ ... }` around statements.
    Block,
    StatementList,
    Label,
    /// `;` on its own.
    Empty,
    /// `case` or `default` of a switch or select.
    Case,
    /// A statement that holds no other one outside of closures; what it is in detail says [`statement_kind`].
    Simple,
    If,
    For,
    Switch,
    TypeSwitch,
    Select,
}

/// The grammar.
pub(super) static LANGUAGE: LazyLock<Language> = LazyLock::new(|| tree_sitter_go::LANGUAGE.into());

/// By node kind number; the error node's number lies outside.
static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(|| {
    let ids = 0..LANGUAGE.node_kind_count();
    ids.map(|id| u16::try_from(id).map_or(Kind::Plain, named)).collect()
});

fn named(id: u16) -> Kind {
    if !LANGUAGE.node_kind_is_named(id) {
        return Kind::Plain;
    }
    match LANGUAGE.node_kind_for_id(id).unwrap_or_default() {
        "comment" => Kind::Comment,
        "raw_string_literal" => Kind::RawString,
        "binary_expression" => Kind::Binary,
        "package_clause" => Kind::PackageClause,
        "import_spec" => Kind::Import,
        "function_declaration" | "method_declaration" | "func_literal" => Kind::Function,
        "block" => Kind::Block,
        "statement_list" => Kind::StatementList,
        "labeled_statement" => Kind::Label,
        "empty_statement" => Kind::Empty,
        "expression_case" | "default_case" | "type_case" | "communication_case" => Kind::Case,
        "if_statement" => Kind::If,
        "for_statement" => Kind::For,
        "expression_switch_statement" => Kind::Switch,
        "type_switch_statement" => Kind::TypeSwitch,
        "select_statement" => Kind::Select,
        "expression_statement"
        | "send_statement"
        | "inc_statement"
        | "dec_statement"
        | "assignment_statement"
        | "short_var_declaration"
        | "go_statement"
        | "defer_statement"
        | "return_statement"
        | "break_statement"
        | "continue_statement"
        | "goto_statement"
        | "fallthrough_statement"
        | "const_declaration"
        | "type_declaration"
        | "var_declaration" => Kind::Simple,
        _ => Kind::Plain,
    }
}

/// What `node` is.
pub(super) fn of(node: Node<'_>) -> Kind {
    KINDS.get(usize::from(node.kind_id())).copied().unwrap_or(Kind::Plain)
}

/// Go's name for the statement that `node` is.
pub(super) fn statement_kind(node: Node<'_>) -> StatementKind {
    match node.kind() {
        "assignment_statement" => StatementKind::Assign,
        "short_var_declaration" => StatementKind::Define,
        "inc_statement" | "dec_statement" => StatementKind::IncDec,
        "send_statement" => StatementKind::Send,
        "expression_statement" => expression_kind(node),
        "go_statement" => StatementKind::Go,
        "defer_statement" => StatementKind::Defer,
        "return_statement" => StatementKind::Return,
        "break_statement" => StatementKind::Break,
        "continue_statement" => StatementKind::Continue,
        "goto_statement" => StatementKind::Goto,
        "fallthrough_statement" => StatementKind::Fallthrough,
        "const_declaration" => StatementKind::Const,
        "var_declaration" if has_value(node) => StatementKind::Var,
        "var_declaration" => StatementKind::VarZero,
        "type_declaration" => StatementKind::Type,
        "if_statement" => StatementKind::If,
        "for_statement" if has_child(node, "range_clause") => StatementKind::Range,
        "for_statement" => StatementKind::For,
        "expression_switch_statement" => StatementKind::Switch,
        "type_switch_statement" => StatementKind::TypeSwitch,
        "select_statement" => StatementKind::Select,
        "block" => StatementKind::Bare,
        _ => StatementKind::Other,
    }
}

/// A call or a receive, parentheses around it or not.
fn expression_kind(statement: Node<'_>) -> StatementKind {
    let mut inner = statement.named_child(0);
    while let Some(node) = inner {
        return match node.kind() {
            "parenthesized_expression" | "comment" => {
                inner = if node.kind() == "comment" { node.next_named_sibling() } else { node.named_child(0) };
                continue;
            }
            // `f[int](x)` and `(*T)(x)` read the same without types.
            "call_expression" | "type_conversion_expression" => StatementKind::Call,
            "unary_expression" if node.child(0).is_some_and(|operator| operator.kind() == "<-") => {
                StatementKind::Receive
            }
            _ => StatementKind::Other,
        };
    }
    StatementKind::Other
}

/// Whether any name of a `var` declaration is given a value.
fn has_value(declaration: Node<'_>) -> bool {
    let mut cursor = declaration.walk();
    let mut todo: Vec<Node<'_>> = declaration.named_children(&mut cursor).collect();
    while let Some(node) = todo.pop() {
        match node.kind() {
            "var_spec" if node.child_by_field_name("value").is_some() => return true,
            "var_spec_list" => todo.extend(node.named_children(&mut cursor)),
            _ => {}
        }
    }
    false
}

fn has_child(node: Node<'_>, kind: &str) -> bool {
    node.children(&mut node.walk()).any(|child| child.kind() == kind)
}
