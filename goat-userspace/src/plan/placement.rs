//! The cheapest instruction that tells what a spot asks. Between two calls of a block everything runs together, faults aside: any
//! instruction of that run serves, and one that the kernel emulates costs a fifteenth of one that it single-steps.
//!
//! From the dearest to the cheapest: the spot's own instruction; an emulated one behind it, with the faults in between counted beside
//! its hits; the branches that lead to the block, where they go there; an emulated one with nothing in between that may fault.

use super::{ProbeClass, Unobservable, compiled::Compiled, sites::Spot};
use crate::cfg::{Callee, Cfg, Flow, Insn};

/// An instruction to probe, and the flags on which a hit counts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Placed {
    pub(super) insn: usize,
    pub(super) condition: Option<u8>,
    pub(super) class: ProbeClass,
    /// Instructions in front of `insn` that may fault, and with which the spot has run all the same.
    pub(super) faults: Vec<usize>,
    /// What tells the same by its hits alone and without a condition.
    pub(super) fallback: Option<(usize, ProbeClass)>,
}

impl Placed {
    fn plain(insn: usize, class: ProbeClass) -> Self {
        Self { insn, condition: None, class, faults: Vec::new(), fallback: None }
    }

    /// What stands in for it, if faults can't be told of and there is something.
    pub(super) fn without_faults(self) -> Self {
        self.fallback.map_or(self, |(insn, class)| Self::plain(insn, class))
    }

    /// The same, with what does without faults and conditions.
    fn instead_of(self, fallback: Option<&Self>) -> Self {
        Self { fallback: fallback.map(|plain| (plain.insn, plain.class)), ..self }
    }
}

/// The instructions to probe for `spots`, which belong to one point in one copy; where `faults` can be told of, behind instructions
/// that may fault too.
pub(super) fn place(compiled: &Compiled<'_>, spots: &[Spot], faults: bool) -> Result<Vec<Placed>, Unobservable> {
    let cfg = &compiled.cfg;
    let mut placed: Vec<Placed> = Vec::with_capacity(spots.len());
    for spot in spots {
        match *spot {
            Spot::Block { block, insn } => placed.extend(cheapest(compiled, block, insn, faults)?),
            Spot::Flags { insn, condition } => {
                let class = cfg.insns[insn].probe.ok_or(Unobservable::RefusedInstruction)?;
                placed.push(Placed { condition: Some(condition.0), ..Placed::plain(insn, class) });
            }
            Spot::Edge { from, to } => {
                let all_lead_here = cfg.blocks[to].preds.iter().all(|p| spots.contains(&Spot::Edge { from: *p, to }));
                let inside = (all_lead_here && !cfg.blocks[to].panics)
                    .then(|| cheapest(compiled, to, cfg.blocks[to].first, faults).ok());
                match inside.flatten() {
                    Some(found) => placed.extend(found),
                    None => placed.push(on_edge(cfg, from, to)?),
                }
            }
        }
    }
    placed.sort();
    placed.dedup();
    Ok(placed)
}

/// What tells of `at`, which lies in `block`.
fn cheapest(compiled: &Compiled<'_>, block: usize, at: usize, faults: bool) -> Result<Vec<Placed>, Unobservable> {
    let cfg = &compiled.cfg;
    let here = in_block(cfg, block, at);
    if matches!(here, Ok(Placed { class: ProbeClass::Emulated, .. })) {
        return here.map(|placed| vec![placed]);
    }
    let ways = on_ways_to(compiled, block, at).filter(|ways| ways.len() <= MAX_WAYS);
    if let Some(jumps) = &ways
        && jumps.iter().all(|jump| jump.condition.is_none())
    {
        return Ok(jumps.clone());
    }
    let plain = here.as_ref().ok();
    if let Some(behind) = faults.then(|| behind_faults(cfg, block, at)).flatten() {
        return Ok(vec![behind.instead_of(plain)]);
    }
    if let Some(ways) = ways {
        return Ok(ways.into_iter().map(|way| way.instead_of(plain)).collect());
    }
    here.map(|placed| vec![placed])
}

/// Whether control may not come out behind the instruction as it went in: a call that may panic or never come back.
fn stops(insn: &Insn) -> bool {
    insn.flow == Flow::Call && !matches!(insn.callee, Callee::Returns | Callee::WriteBarrier)
}

/// An instruction of the block that runs together with `at`.
fn in_block(cfg: &Cfg, block: usize, at: usize) -> Result<Placed, Unobservable> {
    let block = &cfg.blocks[block];
    // Backwards up to the last call, or to something that may fault in between.
    let mut from = at;
    while from > block.first && !stops(&cfg.insns[from - 1]) && !cfg.insns[from - 1].may_fault {
        from -= 1;
    }
    // Forwards up to and including the next call, not past something that may fault.
    let mut to = at;
    while to + 1 < block.end && !stops(&cfg.insns[to]) && !cfg.insns[to].may_fault {
        to += 1;
    }
    let candidates = (from..=to).filter_map(|i| {
        let class = cfg.insns[i].probe?;
        // A conditional branch is as good as any other emulated instruction: it is trapped on either way.
        Some((class, i.abs_diff(at), i))
    });
    let best = candidates.min_by_key(|(class, distance, i)| (cost(*class, &cfg.insns[*i]), *distance, *i));
    best.map(|(class, _, insn)| Placed::plain(insn, class)).ok_or(Unobservable::RefusedInstruction)
}

/// Ranks what a hit costs.
fn cost(class: ProbeClass, insn: &Insn) -> u8 {
    match class {
        // Nops longer than two bytes are only emulated since Linux 6.18, and arm64's since 6.13. Of the other emulated
        // instructions none on x86 is weak and as long; on arm64 there are those that make addresses.
        ProbeClass::Emulated if insn.weak && insn.len > 2 => 1,
        ProbeClass::Emulated => 0,
        ProbeClass::Stepped | ProbeClass::Fault => 2,
        // It can't be disarmed by hand: taken only where nothing else is there.
        ProbeClass::Nop5 => 3,
    }
}

/// The first emulated instruction behind `at`, with what may fault in front of it: control that came to `at` comes there, or one of
/// these faults.
fn behind_faults(cfg: &Cfg, block: usize, at: usize) -> Option<Placed> {
    let mut faults = Vec::new();
    for i in at..cfg.blocks[block].end {
        let insn = &cfg.insns[i];
        if insn.probe == Some(ProbeClass::Emulated) {
            return Some(Placed { faults, ..Placed::plain(i, ProbeClass::Emulated) });
        }
        if stops(insn) {
            return None;
        }
        if insn.may_fault {
            if looks_like_a_callee(cfg, i) {
                return None;
            }
            faults.push(i);
        }
    }
    None
}

/// Whether the instruction stands behind a call through a register: one of a function that is not there faults at address 0, and the
/// runtime then names what the call would have come back to (runtime/panic.go, `shouldPushSigpanic`).
fn looks_like_a_callee(cfg: &Cfg, insn: usize) -> bool {
    let before = insn.checked_sub(1).map(|i| &cfg.insns[i]);
    before.is_some_and(|before| before.flow == Flow::Call && before.probe != Some(ProbeClass::Emulated))
}

/// How many jumps and branches may stand for the block that they lead to.
const MAX_WAYS: usize = 4;
/// How many blocks, each going on to the next without a jump, they may lie in front of it.
const MAX_BLOCKS_BACK: usize = 4;

/// The jumps and branches through which alone control comes to the block, if nothing stands between them and `at`: each is emulated,
/// where a block that returns has nothing but instructions that are not.
fn on_ways_to(compiled: &Compiled<'_>, block: usize, at: usize) -> Option<Vec<Placed>> {
    let mut ways = Vec::new();
    let mut todo = vec![(block, at, 0)];
    while let Some((block, at, depth)) = todo.pop() {
        let cfg = &compiled.cfg;
        let inside = &cfg.blocks[block];
        let straight = |i: usize| matches!(cfg.insns[i].flow, Flow::Next | Flow::Call) && !stops(&cfg.insns[i]);
        let free = (inside.first..at).all(|i| straight(i) && !cfg.insns[i].may_fault);
        if !free || inside.prologue || inside.preds.is_empty() || depth > MAX_BLOCKS_BACK {
            return None;
        }
        // What the runtime jumps to has a way that is not in the code.
        if cfg.resumed() == Some(block) {
            return None;
        }
        for &p in &inside.preds {
            if ways.len() + todo.len() > MAX_WAYS {
                return None;
            }
            let pred = &cfg.blocks[p];
            let last = &cfg.insns[pred.end - 1];
            match last.flow {
                Flow::Jump(_) | Flow::Branch(..) if last.probe == Some(ProbeClass::Emulated) => {
                    let way = on_edge(cfg, p, block).ok()?;
                    // A stack check runs again after the stack has grown; what only the runtime makes come out otherwise does too.
                    let repeated = pred.prologue || matches!(last.flow, Flow::Branch(..));
                    if repeated && way.condition.is_none() {
                        return None;
                    }
                    if way.condition.is_some() && compiled.loops().leaves(p, block) {
                        return None;
                    }
                    ways.push(way);
                }
                Flow::Next | Flow::Call if !pred.prologue => match tail(cfg, p)? {
                    Some(insn) => ways.push(Placed::plain(insn, ProbeClass::Emulated)),
                    None => todo.push((p, pred.end, depth + 1)),
                },
                _ => return None,
            }
        }
    }
    Some(ways)
}

/// The last emulated instruction of a block that goes on to the next one, if control can't but go on from there; `Some(None)` if the
/// whole block is like that, but has none.
fn tail(cfg: &Cfg, block: usize) -> Option<Option<usize>> {
    let block = &cfg.blocks[block];
    for i in (block.first..block.end).rev() {
        let insn = &cfg.insns[i];
        if stops(insn) || insn.may_fault {
            return None;
        }
        if insn.probe == Some(ProbeClass::Emulated) {
            return Some(Some(i));
        }
    }
    Some(None)
}

/// The branch at the end of `from`, counted only where it goes to `to`.
fn on_edge(cfg: &Cfg, from: usize, to: usize) -> Result<Placed, Unobservable> {
    let block = &cfg.blocks[from];
    let insn = block.end - 1;
    let class = cfg.insns[insn].probe;
    match cfg.insns[insn].flow {
        Flow::Branch(target, condition) if condition.is_of_flags() => {
            let taken = cfg.insns[cfg.blocks[to].first].addr == target;
            // Both sides may lead to one block: a branch to the next instruction, which tells nothing.
            if block.succs.len() < 2 {
                return Err(Unobservable::Speculated);
            }
            let condition = if taken { condition } else { condition.inverted() };
            let class = class.ok_or(Unobservable::RefusedInstruction)?;
            Ok(Placed { condition: Some(condition.0), ..Placed::plain(insn, class) })
        }
        _ if block.succs.len() == 1 => in_block(cfg, from, insn),
        _ => Err(Unobservable::Speculated),
    }
}
