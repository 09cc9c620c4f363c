//! The cheapest instruction that tells what a spot asks. Within a block, everything between two calls runs together, faults
//! aside: any instruction of that run serves, and one that the kernel emulates costs a fifteenth of one that it single-steps.

use super::{Condition, ProbeClass, Unobservable, sites::Spot};
use crate::cfg::{Cfg, Flow};

/// An instruction to probe, and the flags on which a hit counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Placed {
    pub(super) insn: usize,
    pub(super) condition: Option<Condition>,
    pub(super) class: ProbeClass,
}

/// The instructions to probe for `spots`, which belong to one point in one copy.
pub(super) fn place(cfg: &Cfg, spots: &[Spot]) -> Result<Vec<Placed>, Unobservable> {
    let mut placed: Vec<Placed> = Vec::with_capacity(spots.len());
    for spot in spots {
        let site = match *spot {
            Spot::Block { block, insn } => match (in_block(cfg, block, insn), on_ways_to(cfg, block, insn)) {
                (Ok(Placed { class: ProbeClass::Stepped, .. }) | Err(_), Some(jumps)) => {
                    placed.extend(jumps);
                    continue;
                }
                (here, _) => here,
            },
            Spot::Flags { insn, condition } => match cfg.insns[insn].probe {
                Some(class) => Ok(Placed { insn, condition: Some(condition), class }),
                None => Err(Unobservable::RefusedInstruction),
            },
            Spot::Edge { from, to } => {
                let all_lead_here = cfg.blocks[to].preds.iter().all(|p| spots.contains(&Spot::Edge { from: *p, to }));
                if all_lead_here && !cfg.blocks[to].panics {
                    in_block(cfg, to, cfg.blocks[to].first).or_else(|_| on_edge(cfg, from, to))
                } else {
                    on_edge(cfg, from, to)
                }
            }
        }?;
        placed.push(site);
    }
    placed.sort_by_key(|p| (p.insn, p.condition.map(|c| c.0)));
    placed.dedup();
    Ok(placed)
}

/// An instruction of the block that runs together with `at`.
fn in_block(cfg: &Cfg, block: usize, at: usize) -> Result<Placed, Unobservable> {
    let block = &cfg.blocks[block];
    let stops = |i: usize| cfg.insns[i].flow == Flow::Call;
    // Backwards up to the last call, or to something that may fault in between.
    let mut from = at;
    while from > block.first && !stops(from - 1) && !cfg.insns[from - 1].may_fault {
        from -= 1;
    }
    // Forwards up to and including the next call, not past something that may fault.
    let mut to = at;
    while to + 1 < block.end && !stops(to) && !cfg.insns[to].may_fault {
        to += 1;
    }
    let candidates = (from..=to).filter_map(|i| {
        let class = cfg.insns[i].probe?;
        // A conditional branch is as good as any other emulated instruction: it is trapped on either way.
        Some((class, i.abs_diff(at), i))
    });
    // A 5-byte nop can't be disarmed by hand; it is taken only where nothing else is there.
    let cost = |class: ProbeClass| match class {
        ProbeClass::Emulated => 0,
        ProbeClass::Stepped => 1,
        ProbeClass::Nop5 => 2,
    };
    let best = candidates.min_by_key(|(class, distance, i)| (cost(*class), *distance, *i));
    best.map(|(class, _, insn)| Placed { insn, condition: None, class }).ok_or(Unobservable::RefusedInstruction)
}

/// How many jumps may stand for the block that they lead to.
const MAX_JUMPS: usize = 4;

/// The jumps through which alone control comes to the block, if nothing stands between them and `at`: each is emulated, where a
/// block that returns has nothing but instructions that are not.
fn on_ways_to(cfg: &Cfg, block: usize, at: usize) -> Option<Vec<Placed>> {
    let inside = &cfg.blocks[block];
    let straight = (inside.first..at).all(|i| cfg.insns[i].flow == Flow::Next && !cfg.insns[i].may_fault);
    if !straight || inside.preds.is_empty() || inside.preds.len() > MAX_JUMPS {
        return None;
    }
    let jump = |p: &usize| {
        let insn = cfg.blocks[*p].end - 1;
        let alone = cfg.blocks[*p].succs.len() == 1 && !cfg.blocks[*p].prologue;
        let emulated = cfg.insns[insn].probe == Some(ProbeClass::Emulated);
        let jumps = matches!(cfg.insns[insn].flow, Flow::Jump(_));
        (alone && jumps && emulated).then_some(Placed { insn, condition: None, class: ProbeClass::Emulated })
    };
    inside.preds.iter().map(jump).collect()
}

/// The branch at the end of `from`, counted only where it goes to `to`.
fn on_edge(cfg: &Cfg, from: usize, to: usize) -> Result<Placed, Unobservable> {
    let block = &cfg.blocks[from];
    let insn = block.end - 1;
    let class = cfg.insns[insn].probe;
    match cfg.insns[insn].flow {
        Flow::Branch(target, condition) if condition.0 < 16 => {
            let taken = cfg.insns[cfg.blocks[to].first].addr == target;
            // Both sides may lead to one block: a branch to the next instruction, which tells nothing.
            if block.succs.len() < 2 {
                return Err(Unobservable::Speculated);
            }
            let condition = if taken { condition } else { Condition(condition.0 ^ 1) };
            let class = class.ok_or(Unobservable::RefusedInstruction)?;
            Ok(Placed { insn, condition: Some(condition), class })
        }
        _ if block.succs.len() == 1 => in_block(cfg, from, insn),
        _ => Err(Unobservable::Speculated),
    }
}
