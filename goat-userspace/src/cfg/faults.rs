//! Which memory accesses may fault, and which stores only reach the function's own frame. The first access through a pointer may find it nil; the next one through the same pointer can't,
//! since control would not have come so far. The pointers known not to be nil are followed through registers and spill slots over
//! the whole function: the fewer instructions may fault, the more of a block runs together.

use std::collections::BTreeSet;

use super::{Cfg, Flow};

/// Where a pointer is kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Place {
    /// A general-purpose register, by number.
    Register(u8),
    /// Eight bytes of the frame, by offset from the stack pointer.
    Slot(i64),
}

/// What an instruction does with pointers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Effects {
    /// The register through which it accesses memory that may not be there.
    pub(super) through: Option<u8>,
    /// Registers and slots that it writes.
    pub(super) writes: Vec<Place>,
    /// What it writes is a copy of this.
    pub(super) copies: Option<Place>,
    /// What it writes is an address of the frame, the code or the data.
    pub(super) makes_address: bool,
    /// Of the frame.
    pub(super) makes_frame_address: bool,
    /// The register through which it stores.
    pub(super) stores_through: Option<u8>,
    /// The register that it compares with nil (TEST r, r; CBZ).
    pub(super) compares_with_nil: Option<u8>,
    /// The register that it branches by.
    pub(super) tests: Option<u8>,
}

/// Clears `may_fault` where the pointer has been used before on every way. `context` is the register that holds the closure's context
/// when a function is entered, and never nil if it is used.
pub(super) fn settle(cfg: &mut Cfg, effects: &[Effects], context: u8) {
    type Known = BTreeSet<Place>;
    let mut entry: Vec<Option<Known>> = vec![None; cfg.blocks.len()];
    for root in cfg.roots() {
        entry[root] = Some(Known::new());
    }
    entry[0] = Some(Known::from([Place::Register(context)]));
    let mut todo: Vec<usize> = cfg.roots();
    while let Some(b) = todo.pop() {
        let Some(mut known) = entry[b].clone() else { continue };
        let block = cfg.blocks[b].first..cfg.blocks[b].end;
        for (insn, effects) in cfg.insns[block.clone()].iter().zip(&effects[block]) {
            step(&mut known, effects, insn.flow);
        }
        let not_nil = not_nil_on(cfg, b, effects);
        for &s in &cfg.blocks[b].succs {
            let mut on_edge = known.clone();
            on_edge.extend(not_nil.filter(|(_, to)| *to == s).map(|(register, _)| Place::Register(register)));
            let met = match &entry[s] {
                None => on_edge,
                Some(before) => before.intersection(&on_edge).copied().collect(),
            };
            if entry[s].as_ref() != Some(&met) {
                entry[s] = Some(met);
                todo.push(s);
            }
        }
    }
    for (b, known) in entry.into_iter().enumerate() {
        let Some(mut known) = known else { continue };
        // Registers that hold addresses of the frame. The compiler takes them anew in each block.
        let mut frame: BTreeSet<Place> = BTreeSet::new();
        let block = cfg.blocks[b].first..cfg.blocks[b].end;
        for (insn, effects) in cfg.insns[block.clone()].iter_mut().zip(&effects[block]) {
            if effects.stores_through.is_some_and(|r| frame.contains(&Place::Register(r))) {
                // A temporary is cleared where the function begins, long before the statement that it serves.
                insn.effect = false;
                insn.weak = true;
            }
            frame.retain(|place| !effects.writes.contains(place) && insn.flow != Flow::Call);
            if effects.makes_frame_address {
                frame.extend(&effects.writes);
            }
            if effects.through.is_some_and(|r| known.contains(&Place::Register(r))) {
                insn.may_fault = false;
            }
            step(&mut known, effects, insn.flow);
        }
    }
}

/// The register that the block's last comparison finds not to be nil, and the block that control then goes to.
fn not_nil_on(cfg: &Cfg, b: usize, effects: &[Effects]) -> Option<(u8, usize)> {
    let block = &cfg.blocks[b];
    let Flow::Branch(_, code) = cfg.insns[block.end - 1].flow else { return None };
    let setter = cfg.asked(b)?;
    let register = effects[setter].compares_with_nil?;
    if effects[setter + 1..block.end].iter().any(|e| e.writes.contains(&Place::Register(register))) {
        return None;
    }
    let [taken, next] = block.succs[..] else { return None };
    Some((register, if code.equality()? { next } else { taken }))
}

fn step(known: &mut BTreeSet<Place>, effects: &Effects, flow: Flow) {
    if let Some(register) = effects.through {
        known.insert(Place::Register(register));
    }
    if flow == Flow::Call {
        // Go's calls keep no register; the caller's spill slots are its own.
        known.retain(|place| matches!(place, Place::Slot(_)));
    }
    let holds = effects.makes_address || effects.copies.is_some_and(|from| known.contains(&from));
    for place in &effects.writes {
        if holds {
            known.insert(*place);
        } else {
            known.remove(place);
        }
    }
}
