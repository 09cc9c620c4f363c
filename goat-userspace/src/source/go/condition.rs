//! The form of an `if`'s condition.

use tree_sitter::Node;

use crate::{
    lines::LineRange,
    source::{Condition, Next, Operand, Order},
};

/// A condition with more operands than this is not taken apart.
const MAX_OPERANDS: usize = 8;

/// What the `if` asks; nothing if the condition has too many operands.
pub(super) fn of(node: Node<'_>, text: &[u8]) -> Vec<Operand> {
    let mut operands = Vec::new();
    let Some(condition) = node.child_by_field_name("condition") else { return operands };
    // What is still to be taken apart, and what comes next behind it.
    let mut todo = vec![(condition, Next::Then, Next::Else)];
    while let Some((node, holds, fails)) = todo.pop() {
        let Some(node) = bare(node) else { return Vec::new() };
        let sides = || Some((node.child_by_field_name("left")?, node.child_by_field_name("right")?));
        match (operator(node), sides()) {
            (Some("!"), _) => match node.child_by_field_name("operand") {
                Some(operand) => todo.push((operand, fails, holds)),
                None => return Vec::new(),
            },
            (Some(word @ ("&&" | "||")), Some((left, right))) => {
                let Some(count) = leaves(left) else { return Vec::new() };
                let behind = Next::Operand(operands.len() + count);
                todo.push((right, holds, fails));
                todo.push(if word == "&&" { (left, behind, fails) } else { (left, holds, behind) });
            }
            _ => operands.push(Operand { asks: leaf(node, text), holds, fails }),
        }
        if operands.len() > MAX_OPERANDS {
            return Vec::new();
        }
    }
    operands
}

/// How many operands a part of a condition has.
fn leaves(node: Node<'_>) -> Option<usize> {
    let (mut todo, mut count) = (vec![node], 0);
    while let Some(node) = todo.pop() {
        let node = bare(node)?;
        match operator(node) {
            Some("!") => todo.push(node.child_by_field_name("operand")?),
            Some("&&" | "||") => todo.extend([node.child_by_field_name("left")?, node.child_by_field_name("right")?]),
            _ => count += 1,
        }
        if count > MAX_OPERANDS {
            return None;
        }
    }
    Some(count)
}

fn operator<'t>(node: Node<'t>) -> Option<&'t str> {
    if !matches!(node.kind(), "binary_expression" | "unary_expression") {
        return None;
    }
    node.child_by_field_name("operator").map(|operator| operator.kind())
}

/// What an operand asks; `None` for anything that takes more than one comparison to answer.
fn leaf(node: Node<'_>, text: &[u8]) -> Option<Condition> {
    match node.kind() {
        "binary_expression" => comparison(node, text),
        _ if is_value(node) => Some(Condition::Truth { negated: false }),
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
    let operator = operator(node)?;
    match operator {
        "==" | "!=" => {
            let plain = |side: Node<'_>| !matches!(side.kind(), "true" | "false") && !compares(side);
            let is_zero =
                |side: &Node<'_>| matches!(text.get(side.byte_range()), Some(b"0" | b"nil" | b"\"\"" | b"``"));
            let zero = [left, right].iter().any(is_zero);
            (plain(left) && plain(right)).then_some(Condition::Equal { negated: operator == "!=", zero })
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
                (false, false) => Some(Condition::Compare { strict: matches!(operator, "<" | ">") }),
                (true, true) => None,
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

#[cfg(test)]
mod tests {
    use crate::source::{self, Next, Operand};

    /// The operands of `if condition {`, each as `what it asks ? next if it holds : next if it fails`.
    #[track_caller]
    fn check(condition: &str, expected: &str) {
        let text = format!("package a\n\nfunc f() {{\n\tif {condition} {{\n\t}}\n}}\n");
        let path = "a.go".into();
        let sources = source::index([(&path, text.as_bytes())]);
        let next = |next: Next| match next {
            Next::Operand(n) => n.to_string(),
            Next::Then => "then".to_owned(),
            Next::Else => "else".to_owned(),
        };
        let one = |o: &Operand| {
            let asks = o.asks.map_or("-".to_owned(), |asks| format!("{asks:?}"));
            format!("{} ? {} : {}", asks.split([' ', '{']).next().unwrap_or_default(), next(o.holds), next(o.fails))
        };
        let operands: Vec<String> = sources.files[0].statements[0].operands.iter().map(one).collect();
        assert_eq!(operands.join("; "), expected, "{condition}");
    }

    #[test]
    fn operands_say_what_comes_next() {
        check("ok", "Truth ? then : else");
        check("!ok", "Truth ? else : then");
        check("x := f(); x > 3", "Order ? then : else");
        check("a == nil && b", "Equal ? 1 : else; Truth ? then : else");
        check("a || b < c", "Truth ? then : 1; Compare ? then : else");
        check("a || b && c", "Truth ? then : 1; Truth ? 2 : else; Truth ? then : else");
        check("(a || b) && c", "Truth ? 2 : 1; Truth ? 2 : else; Truth ? then : else");
        check("!(a || b)", "Truth ? else : 1; Truth ? else : then");
        check("!(a && !b) || c", "Truth ? 1 : then; Truth ? then : 2; Truth ? then : else");
        check("a == true", "- ? then : else");
        check("a && b && c && d && e && f && g && h && i", "");
    }
}
