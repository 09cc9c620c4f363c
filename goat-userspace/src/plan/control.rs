//! Statements that send control elsewhere, and statements that guard others.

use super::copy::Copy;
use crate::source::{BlockId, StatementId, StatementKind};

/// Whether an `if` has no else, and its body ends by going elsewhere: what follows it runs only if the condition does not hold.
pub(super) fn always_leaves(copy: &Copy<'_, '_>, id: StatementId) -> bool {
    let [body] = copy.source.statements[id.0 as usize].bodies[..] else { return false };
    let last = copy.source.blocks[body.0 as usize].statements.last();
    last.is_some_and(|last| leaves(copy.source.statements[last.0 as usize].kind))
}

/// Whether the body in front of a case ends in `fallthrough`, so that control comes to the case from there as well.
pub(super) fn is_fallen_into(copy: &Copy<'_, '_>, id: BlockId) -> bool {
    let Some(owner) = copy.source.blocks[id.0 as usize].owner else { return false };
    let bodies = &copy.source.statements[owner.0 as usize].bodies;
    let before = bodies.iter().take_while(|body| **body != id).last().filter(|_| bodies.contains(&id));
    let last = before.and_then(|body| copy.source.blocks[body.0 as usize].statements.last());
    last.is_some_and(|last| copy.source.statements[last.0 as usize].kind == StatementKind::Fallthrough)
}

pub(super) fn leaves(kind: StatementKind) -> bool {
    use StatementKind::{Break, Continue, Fallthrough, Goto, Return};
    matches!(kind, Return | Break | Continue | Goto | Fallthrough)
}

/// Whether one of a statement's bodies ends by going elsewhere.
pub(super) fn leaves_somewhere(copy: &Copy<'_, '_>, id: StatementId) -> bool {
    copy.source.statements[id.0 as usize].bodies.iter().any(|body| {
        let statements = &copy.source.blocks[body.0 as usize].statements;
        statements.iter().any(|s| leaves(copy.source.statements[s.0 as usize].kind) || leaves_somewhere(copy, *s))
    })
}

pub(super) fn has_bodies(kind: StatementKind) -> bool {
    use StatementKind::{Bare, For, If, Range, Select, Switch, TypeSwitch};
    matches!(kind, If | For | Range | Switch | TypeSwitch | Select | Bare)
}
