//! Which way a machine comparison goes when an `if`'s condition holds. Needed where a body has left no instruction that could tell
//! its side of the branch from the other one, and where there is no branch at all: small bodies become conditional moves.
//!
//! It is only said where nothing is left open: the condition is one comparison or one truth value, the header has exactly one
//! comparison in this copy, and that is made by the header itself, not by a function inlined into it.

use super::copy::Copy;
use crate::{
    cfg::{Comparison, Flags, Flow},
    plan::Condition as Code,
    source::{Condition, Order, StatementId},
};

/// An instruction that asks the flags, and the condition code under which the source's condition holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Decision {
    pub(super) insn: usize,
    pub(super) holds: Code,
}

/// The instruction that decides the `if` in this copy: a branch, or the first conditional move.
pub(super) fn of(copy: &Copy<'_, '_>, statement: StatementId) -> Option<Decision> {
    let node = &copy.source.statements[statement.0 as usize];
    let condition = node.condition()?;
    let lines = node.header.lines();
    let insns = &copy.compiled.cfg.insns;
    let on_header = |i: &usize| {
        copy.compiled.is_strong(*i)
            && copy.line(*i).is_some_and(|line| lines.contains(line))
            && copy.first_statement_on(copy.line(*i).unwrap_or_default()) == Some(statement)
    };
    let mut comparisons = (0..insns.len()).filter(on_header).filter(|i| matches!(insns[*i].flags, Flags::Compared(_)));
    let setter = comparisons.next().filter(|_| comparisons.next().is_none())?;
    // A function inlined into the condition compares for reasons of its own.
    if !copy.compiled.is_own(copy.node, setter) {
        return None;
    }
    let Flags::Compared(comparison) = insns[setter].flags else { return None };
    let answer = |asked: Code| Some(if is_true(condition, comparison, asked)? { asked } else { asked.inverted() });
    if let Flow::Branch(_, asked) = insns[setter].flow {
        // It compares on its own.
        return Some(Decision { insn: setter, holds: answer(asked)? });
    }
    let end = copy.compiled.cfg.blocks[copy.compiled.cfg.block_of(setter)].end;
    let mut first = None;
    for (i, insn) in insns.iter().enumerate().take(end).skip(setter + 1) {
        let asked = match (insn.flags, insn.flow) {
            // The flags are gone, or something else is asked.
            (Flags::Clobbered | Flags::Compared(_), _) => break,
            (_, Flow::Branch(_, code)) => code,
            (Flags::Chosen(code), _) => code,
            (Flags::Untouched, _) => continue,
        };
        let holds = answer(asked)?;
        // Every one of them must ask the same question.
        match first {
            None => first = Some(Decision { insn: i, holds }),
            Some(Decision { holds: same, .. }) if same == holds => {}
            Some(_) => return None,
        }
    }
    first
}

/// Whether the source's condition holds when the code does; `None` if one does not follow from the other.
pub(super) fn is_true(condition: Condition, comparison: Comparison, code: Code) -> Option<bool> {
    let equal = code.equality();
    let code = code.relation()?;
    if comparison.bit {
        // The carry flag is the bit.
        let Condition::Equal { negated, zero: true } = condition else { return None };
        return match code {
            Code::BELOW => Some(negated),
            Code::ABOVE_OR_EQUAL => Some(!negated),
            _ => None,
        };
    }
    match condition {
        Condition::Equal { zero, .. } if (comparison.masked || comparison.zero) && !zero => None,
        // A byte that is compared with zero may be what a function that compares returned: then zero means different.
        Condition::Equal { negated, .. } => Some(equal? != negated).filter(|_| !comparison.byte_zero),
        Condition::Truth { negated } => Some(equal? == negated).filter(|_| comparison.byte_zero),
        Condition::Order { order, literal } if comparison.constant => {
            let greater = matches!(order, Order::Greater | Order::GreaterOrEqual);
            match (code, order, literal) {
                (Code::ABOVE_OR_EQUAL | Code::ABOVE | Code::GREATER_OR_EQUAL | Code::GREATER, ..) => Some(greater),
                (Code::BELOW | Code::BELOW_OR_EQUAL | Code::LESS | Code::LESS_OR_EQUAL, ..) => Some(!greater),
                // The sign alone.
                (Code::NEGATIVE, Order::Less, Some(0)) | (Code::NOT_NEGATIVE, Order::GreaterOrEqual, Some(0)) => {
                    Some(true)
                }
                (Code::NOT_NEGATIVE, Order::Less, Some(0)) | (Code::NEGATIVE, Order::GreaterOrEqual, Some(0)) => {
                    Some(false)
                }
                // What can't be negative is more than 0 if it is not 0.
                (_, Order::Greater, Some(0)) | (_, Order::GreaterOrEqual, Some(1)) => equal.map(|e| !e),
                (_, Order::LessOrEqual, Some(0)) | (_, Order::Less, Some(1)) => equal,
                _ => None,
            }
        }
        Condition::Order { .. } => None,
        // Whichever side stands first, and whether the code holds for the condition or for its opposite. Of a constant the
        // compiler may take the next one: `x < 128` becomes `x <= 127`.
        Condition::Compare { strict } if !comparison.constant => match code {
            Code::BELOW | Code::ABOVE | Code::LESS | Code::GREATER => Some(strict),
            Code::ABOVE_OR_EQUAL | Code::BELOW_OR_EQUAL | Code::GREATER_OR_EQUAL | Code::LESS_OR_EQUAL => Some(!strict),
            _ => None,
        },
        Condition::Compare { .. } => None,
    }
}
