//! What functions are called, close to the compiler's own names.

use tree_sitter::Node;

/// A function's or method's name: `Tier`, `(*Cart).Add`, `Cart.Total`.
pub(super) fn declared(node: Node<'_>, text: &[u8]) -> String {
    let name = node.child_by_field_name("name").map_or("", |name| slice(name, text));
    match node.child_by_field_name("receiver").and_then(|list| receiver(list, text)) {
        Some((base, true)) => format!("(*{base}).{name}"),
        Some((base, false)) => format!("{base}.{name}"),
        None => name.to_owned(),
    }
}

/// The `n`th closure (from 1) of the function called `parent`, itself a closure or not; without a parent one of a
/// package-level variable. As in the compiler's closureName (src/cmd/compile/internal/ir/func.go at go1.26).
pub(super) fn closure(parent: Option<(&str, bool)>, n: u32) -> String {
    match parent {
        None => format!("glob..func{n}"),
        Some((name, false)) => format!("{name}.func{n}"),
        Some((name, true)) => format!("{name}.{n}"),
    }
}

/// The receiver's type without its type parameters, and whether it is a pointer.
fn receiver<'t>(list: Node<'_>, text: &'t [u8]) -> Option<(&'t str, bool)> {
    let mut pointer = false;
    let parameter = list.named_children(&mut list.walk()).find(|node| node.kind() == "parameter_declaration")?;
    let mut node = parameter.child_by_field_name("type")?;
    loop {
        node = match node.kind() {
            "pointer_type" | "parenthesized_type" => {
                pointer |= node.kind() == "pointer_type";
                node.named_child(0)?
            }
            "generic_type" => node.child_by_field_name("type")?,
            _ => return Some((slice(node, text), pointer)),
        }
    }
}

/// The node's text; empty where it is no UTF-8.
pub(super) fn slice<'t>(node: Node<'_>, text: &'t [u8]) -> &'t str {
    text.get(node.byte_range()).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
}
