//! `new(f(x))`, which the grammar can't read.
//!
//! Since Go 1.26 `new` takes any expression (go.dev/doc/go1.26#language). The grammar knows `new` and `make` as words that a type
//! stands behind, and takes calls and operators there for errors. Under another name of the same length such a call is like any other,
//! and every place in the tree stays the same.

use std::borrow::Cow;

use tree_sitter::{Node, Parser, Tree};

/// Each time one more of the calls nested in one another is found, deeper ones are not worth the time.
const MAX_ROUNDS: usize = 4;

/// Stands in for the first letter of the word: no keyword and no other predeclared name comes of it.
const STAND_IN: u8 = b'_';

/// Parses the text; where that fails behind `new(` or `make(`, once more with those taken for functions.
pub(super) fn parse(parser: &mut Parser, text: &[u8]) -> Option<Tree> {
    let mut text = Cow::Borrowed(text);
    let mut best = parser.parse(&text, None)?;
    for _ in 0..MAX_ROUNDS {
        let errors = errors(&best);
        let calls: Vec<usize> = errors.iter().filter_map(|&at| call_before(&text, at)).collect();
        if calls.is_empty() {
            break;
        }
        for at in calls {
            text.to_mut()[at] = STAND_IN;
        }
        let tree = parser.parse(&text, None)?;
        if self::errors(&tree).len() >= errors.len() {
            break;
        }
        best = tree;
    }
    Some(best)
}

/// Where each error ends.
fn errors(tree: &Tree) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut cursor = tree.walk();
    loop {
        let node: Node<'_> = cursor.node();
        let is_error = node.is_error() || node.is_missing();
        if is_error {
            ends.push(node.end_byte());
        }
        if node.has_error() && !is_error && cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return ends;
            }
        }
    }
}

/// Where the last call of `new` or `make` before `end` begins, if it is close enough to matter.
fn call_before(text: &[u8], end: usize) -> Option<usize> {
    /// An argument's length, with room to spare.
    const REACH: usize = 4096;
    let end = end.min(text.len());
    let from = end.saturating_sub(REACH);
    (from..end).rev().find(|&at| {
        let rest = &text[at..end];
        let behind = rest.strip_prefix(b"new").or_else(|| rest.strip_prefix(b"make"));
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.' || byte >= 0x80;
        behind.is_some_and(|behind| behind.starts_with(b"(")) && !at.checked_sub(1).is_some_and(|at| is_word(text[at]))
    })
}
