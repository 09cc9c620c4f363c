//! What the compiled copies of a point say, put together: every address gets one slot, whichever points need it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    Blind, Fallback, Instance, ProbeClass, Site, Slot, Status, Unobservable,
    copy::Copy,
    placement::{self, Placed},
    sites,
};
use crate::{
    addr::{AddrRange, FileOffset, VirtAddr},
    binary::Binary,
    cfg::Insn,
    track::TrackPoint,
};

/// What makes a site.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct SiteKey {
    addr: VirtAddr,
    /// Whether its faults are counted, and not its hits.
    is_fault: bool,
    /// The flags on which a hit there counts.
    condition: Option<u8>,
    /// Whether its hits are not all without those of fault slots.
    behind_faults: bool,
    /// What may be probed instead: address, class and length.
    fallback: Option<(VirtAddr, ProbeClass, u8)>,
}

/// A site before it has a slot.
#[derive(Clone, Copy)]
struct Candidate {
    key: SiteKey,
    class: ProbeClass,
    len: u8,
}

impl Candidate {
    fn of(placed: &Placed, insns: &[Insn]) -> Self {
        let insn = &insns[placed.insn];
        let key = SiteKey {
            addr: insn.addr,
            is_fault: false,
            condition: placed.condition,
            behind_faults: !placed.faults.is_empty(),
            fallback: placed.fallback.map(|(insn, class)| (insns[insn].addr, class, insns[insn].len)),
        };
        Self { key, class: placed.class, len: insn.len }
    }

    fn fault(insn: &Insn) -> Self {
        let key = SiteKey { addr: insn.addr, is_fault: true, condition: None, behind_faults: false, fallback: None };
        Self { key, class: ProbeClass::Fault, len: insn.len }
    }
}

/// One of the instructions that tell of a point in a copy.
struct Probe {
    site: Candidate,
    /// Those in front of it whose faults count beside its hits.
    faults: Vec<Candidate>,
    /// What stands in for all of them where faults can't be told of, or are counted already.
    without_faults: Candidate,
}

/// What one copy says of one point.
pub(super) struct Seen {
    function: Arc<str>,
    inlined: bool,
    foldable: bool,
    probes: Result<Vec<Probe>, Unobservable>,
}

impl Seen {
    /// Decides where `point` is to be probed in `copy`; behind instructions that may fault only if `faults` can be told of.
    pub(super) fn new(copy: &Copy<'_, '_>, point: &TrackPoint, faults: bool) -> Self {
        let compiled = copy.compiled;
        let insns = &compiled.cfg.insns;
        let foldable = copy.node.is_none() && compiled.only_computes();
        let probe = |placed: Placed| Probe {
            site: Candidate::of(&placed, insns),
            faults: placed.faults.iter().map(|insn| Candidate::fault(&insns[*insn])).collect(),
            without_faults: Candidate::of(&placed.without_faults(), insns),
        };
        let probes = if compiled.cfg.incomplete {
            Err(Unobservable::Speculated)
        } else {
            sites::locate(copy, point.anchor)
                .and_then(|spots| placement::place(compiled, &spots, faults))
                .map(|placed| placed.into_iter().map(probe).collect())
        };
        Self { function: (&*compiled.function.name).into(), inlined: copy.node.is_some(), foldable, probes }
    }
}

/// What one point's copies say.
#[derive(Default)]
pub(super) struct Gathered {
    instances: Vec<(Instance, Vec<SiteKey>)>,
    blind: Vec<Blind>,
}

impl Gathered {
    /// Adds another copy's.
    pub(super) fn add(&mut self, seen: Seen, slots: &mut Slots) {
        let Seen { function, inlined, foldable, probes } = seen;
        let probes = match probes {
            Ok(probes) => probes,
            Err(reason) => {
                self.blind.push(Blind { function: function.to_string(), inlined, reason });
                return;
            }
        };
        let known: BTreeSet<SiteKey> = self.instances.iter().flat_map(|(_, keys)| keys).copied().collect();
        let mut keys = Vec::with_capacity(probes.len());
        for Probe { site, faults, without_faults } in probes {
            // A fault counts once for the point, though it may be in the way of two copies at once: then without it.
            let is_shared = !known.contains(&site.key) && faults.iter().any(|fault| known.contains(&fault.key));
            let (site, faults) = if is_shared { (without_faults, Vec::new()) } else { (site, faults) };
            for Candidate { key, class, len } in std::iter::once(site).chain(faults) {
                // The body of a loop over a function may lie in two copies, inlined into the function that it belongs to.
                if !known.contains(&key) && !keys.contains(&key) {
                    slots.found.entry(key).or_insert((class, len));
                    keys.push(key);
                }
            }
        }
        if !keys.is_empty() {
            self.instances.push((Instance { function, inlined, foldable, sites: Vec::new() }, keys));
        }
    }

    /// What it comes to.
    pub(super) fn finish(mut self) -> (Status, Vec<Blind>) {
        self.blind.sort_by(|a, b| (&a.function, a.inlined, a.reason).cmp(&(&b.function, b.inlined, b.reason)));
        if self.instances.is_empty() {
            // The copies may differ in why; the reason that says most about the code comes first.
            let reason = self.blind.iter().map(|b| b.reason).max().unwrap_or(Unobservable::NotLinked);
            return (Status::Unobservable(reason), self.blind);
        }
        (Status::Observed(self.instances.into_iter().map(|(instance, _)| instance).collect()), self.blind)
    }
}

/// Every site once.
#[derive(Default)]
pub(super) struct Slots {
    found: BTreeMap<SiteKey, (ProbeClass, u8)>,
}

impl Slots {
    /// Numbers the sites by address and enters the numbers into the instances.
    pub(super) fn finish(self, binary: &Binary, points: &mut BTreeMap<u32, Gathered>) -> Vec<Site> {
        let mut sites = Vec::with_capacity(self.found.len());
        let mut slots: BTreeMap<SiteKey, Slot> = BTreeMap::new();
        for (key @ SiteKey { addr: address, condition, behind_faults, .. }, (class, len)) in self.found {
            let Some((offset, instruction)) = instruction_at(binary, address, len) else { continue };
            let fallback = key.fallback.and_then(|(address, class, len)| {
                let (offset, instruction) = instruction_at(binary, address, len)?;
                Some(Fallback { address, offset, instruction, class })
            });
            slots.insert(key, Slot::try_from(sites.len()).expect("fewer than 2^32 sites"));
            let condition = condition.map(super::Condition);
            sites.push(Site { address, offset, instruction, class, condition, behind_faults, fallback });
        }
        for gathered in points.values_mut() {
            for (instance, keys) in &mut gathered.instances {
                instance.sites = keys.iter().filter_map(|k| slots.get(k).copied()).collect();
                instance.sites.sort_unstable();
            }
            gathered.instances.sort_by(|(a, _), (b, _)| (&a.function, &a.sites).cmp(&(&b.function, &b.sites)));
        }
        sites
    }
}

/// Where in the file the instruction lies, and its bytes.
pub(super) fn instruction_at(binary: &Binary, address: VirtAddr, len: u8) -> Option<(FileOffset, Vec<u8>)> {
    let high = VirtAddr(address.0 + u64::from(len));
    Some((binary.file_offset(address)?, binary.code(AddrRange { low: address, high })?.to_vec()))
}
