//! The form of an `if`'s condition.

use tree_sitter::Node;

use crate::{
    lines::LineRange,
    source::{Condition, Order},
};

/// What the `if` asks; `None` for anything that takes more than one comparison to answer.
pub(super) fn of(node: Node<'_>, text: &[u8]) -> Option<Condition> {
    let condition = bare(node.child_by_field_name("condition")?)?;
    match condition.kind() {
        "binary_expression" => comparison(condition, text),
        "unary_expression" => {
            let operand = bare(condition.child_by_field_name("operand")?)?;
            let negated = condition.child_by_field_name("operator")?.kind() == "!";
            (negated && is_value(operand)).then_some(Condition::Truth { negated: true })
        }
        _ if is_value(condition) => Some(Condition::Truth { negated: false }),
        _ => None,
    }
}

/// The lines that begin within the right side of `&&` or `||`, if the expression is one that spans several.
pub(super) fn operand(node: Node<'_>) -> Option<LineRange> {
    if !matches!(node.child_by_field_name("operator")?.kind(), "&&" | "||") {
        return None;
    }
    let line = |row: usize| u32::try_from(row).ok()?.checked_add(1);
    let (left, right) = (node.child_by_field_name("left")?, node.child_by_field_name("right")?);
    let (end, first) = (line(left.end_position().row)?, line(right.start_position().row)?);
    let first = if first > end { first } else { first + 1 };
    let last = line(right.end_position().row)?;
    (first <= last).then(|| LineRange::new(first, last))
}

fn comparison(node: Node<'_>, text: &[u8]) -> Option<Condition> {
    let (left, right) = (bare(node.child_by_field_name("left")?)?, bare(node.child_by_field_name("right")?)?);
    let operator = node.child_by_field_name("operator")?.kind();
    match operator {
        "==" | "!=" => {
            let plain = |side: Node<'_>| !matches!(side.kind(), "true" | "false") && !compares(side);
            (plain(left) && plain(right)).then_some(Condition::Equal { negated: operator == "!=" })
        }
        "<" | "<=" | ">" | ">=" => {
            let order = match operator {
                "<" => Order::Less,
                "<=" => Order::LessOrEqual,
                ">" => Order::Greater,
                _ => Order::GreaterOrEqual,
            };
            match (is_literal(left), is_literal(right)) {
                (false, true) => Some(Condition::Order { order, literal: integer(right, text) }),
                (true, false) => Some(Condition::Order { order: order.swapped(), literal: integer(left, text) }),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Without the parentheses around it.
fn bare(mut node: Node<'_>) -> Option<Node<'_>> {
    while node.kind() == "parenthesized_expression" {
        node = node.named_child(0)?;
    }
    Some(node)
}

fn is_value(node: Node<'_>) -> bool {
    matches!(
        node.kind(),
        "identifier" | "selector_expression" | "call_expression" | "index_expression" | "type_assertion_expression"
    )
}

fn compares(node: Node<'_>) -> bool {
    match node.kind() {
        "binary_expression" => node
            .child_by_field_name("operator")
            .is_some_and(|operator| matches!(operator.kind(), "==" | "!=" | "<" | "<=" | ">" | ">=" | "&&" | "||")),
        "unary_expression" => node.child_by_field_name("operator").is_some_and(|operator| operator.kind() == "!"),
        _ => false,
    }
}

fn is_literal(node: Node<'_>) -> bool {
    match node.kind() {
        "int_literal" | "rune_literal" => true,
        "unary_expression" => node.child_by_field_name("operand").is_some_and(|o| o.kind() == "int_literal"),
        _ => false,
    }
}

/// Decimal integers and plain characters; the value only matters where it is 0 or 1.
fn integer(node: Node<'_>, text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text.get(node.byte_range())?).ok()?.parse().ok()
}
