//! The mapping that goat is measured against, as a plan: every row that the line table recommends for a breakpoint on one of a
//! point's lines is probed, and any hit means that the point ran. Rows inside an instruction and on instructions that the
//! kernel refuses are left out, as any tool must.
//!
//! `address_only PLAN BINARY OUTPUT` replaces the sites of goat's own plan, and prints how many there are, and how many of them are on emulated
//! instructions.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use anyhow::{Context, Result};
use goat::{
    addr::{AddrRange, VirtAddr},
    binary::{self, Binary, FileId},
    cfg,
    plan::{self, Instance, ProbePlan, Site, Slot, Status, Unobservable},
};

/// By index of the plan's file and line: the rows' addresses, each with its function.
type Rows = HashMap<(u32, u32), Vec<(VirtAddr, String)>>;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let mut next = || args.next().context("usage: address_only PLAN BINARY OUTPUT");
    let (from, binary, to) = (next()?, next()?, next()?);
    let mut plan = plan::read(Path::new(&from))?;
    let binary = binary::open(Path::new(&binary))?;
    let (rows, instructions) = rows(&plan, &binary)?;
    replace(&mut plan, &rows, instructions);
    plan::write(Path::new(&to), &plan)?;
    let sum = plan.summary();
    println!("{} {}", sum.sites, sum.emulated);
    Ok(())
}

/// The rows of the plan's files, and the sites that they make.
fn rows(plan: &ProbePlan, binary: &Binary) -> Result<(Rows, BTreeMap<VirtAddr, Site>)> {
    let mut wanted: HashMap<FileId, u32> = HashMap::new();
    for (name, id) in binary.files()?.names.iter().zip(0..) {
        let ends = |path: &str| name.strip_suffix(path).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'));
        if let Some(file) = plan.files.iter().position(|f| ends(f.path.as_str())) {
            wanted.insert(FileId(id), u32::try_from(file)?);
        }
    }
    let (mut rows, mut sites) = (Rows::new(), BTreeMap::new());
    let ids: Vec<FileId> = wanted.keys().copied().collect();
    for function in binary.functions(&ids)? {
        let Ok(cfg) = cfg::build(binary, function.range) else { continue };
        for row in function.rows.iter().filter(|row| row.is_stmt && row.line != 0) {
            let Some(&file) = wanted.get(&row.file) else { continue };
            let Ok(at) = cfg.insns.binary_search_by_key(&row.addr, |insn| insn.addr) else { continue };
            let insn = &cfg.insns[at];
            let high = VirtAddr(row.addr.0 + u64::from(insn.len));
            let (Some(class), Some(offset), Some(code)) =
                (insn.probe, binary.file_offset(row.addr), binary.code(AddrRange { low: row.addr, high }))
            else {
                continue;
            };
            let site = Site {
                address: row.addr,
                offset,
                instruction: code.to_vec(),
                class,
                condition: None,
                behind_faults: false,
                fallback: None,
            };
            sites.insert(row.addr, site);
            rows.entry((file, row.line)).or_default().push((row.addr, function.name.to_string()));
        }
    }
    Ok((rows, sites))
}

fn replace(plan: &mut ProbePlan, rows: &Rows, sites: BTreeMap<VirtAddr, Site>) {
    let mut used = BTreeMap::new();
    for point in plan.points.iter().filter(|p| !matches!(p.status, Status::Excluded(..))) {
        for line in point.span.first..=point.span.last {
            for (address, _) in rows.get(&(point.file, line)).into_iter().flatten() {
                used.insert(*address, Slot::default());
            }
        }
    }
    for (slot, number) in used.values_mut().zip(0..) {
        *slot = number;
    }
    for point in plan.points.iter_mut().filter(|p| !matches!(p.status, Status::Excluded(..))) {
        let mut slots: BTreeMap<Slot, &str> = BTreeMap::new();
        for line in point.span.first..=point.span.last {
            for (address, function) in rows.get(&(point.file, line)).into_iter().flatten() {
                slots.insert(used[address], function);
            }
        }
        let mut by_function: BTreeMap<&str, Vec<Slot>> = BTreeMap::new();
        for (slot, function) in slots {
            by_function.entry(function).or_default().push(slot);
        }
        let instance = |(function, sites): (&str, Vec<Slot>)| Instance {
            function: function.into(),
            inlined: false,
            foldable: false,
            sites,
        };
        let instances: Vec<Instance> = by_function.into_iter().map(instance).collect();
        point.blind.clear();
        point.status = match instances.is_empty() {
            true => Status::Unobservable(Unobservable::OptimisedOut),
            false => Status::Observed(instances),
        };
    }
    plan.sites = sites.into_iter().filter(|(address, _)| used.contains_key(address)).map(|(_, site)| site).collect();
}
