//! One function's tree of inlined calls, from its index by pc and the records that this points to.

use super::{
    super::{FileId, InlinedCall, Row},
    raw::{BadTable, Func, InlTreeOff, InlinedCallRecord, PcValue},
    view::View,
};
use crate::addr::{AddrRange, VirtAddr};

/// How deep inlined calls may nest. The compiler's own limits keep it below some dozens.
const MAX_DEPTH: u32 = 256;
/// How many inlined calls one function may have; the runtime's own limit (runtime/symtabinl.go, inlineUnwinder.inlTree).
const MAX_CALLS: u32 = 1 << 20;
/// How many ranges the inlined calls of one function may have together.
const MAX_RANGES: usize = 1 << 22;

struct Node {
    index: u32,
    record: InlinedCallRecord,
    parent: Option<u32>,
    /// Where the call was made.
    call: (FileId, u32),
}

/// From an index into a function's tree to the call's place in the result. One vector serves every function: what a function
/// has set is cleared behind it, so that a tree costs what it holds and not what its numbers are.
#[derive(Default)]
pub(super) struct Places(Vec<u32>);

const NOWHERE: u32 = u32::MAX;

impl Places {
    fn get(&self, index: u32) -> Option<u32> {
        self.0.get(index as usize).copied().filter(|&place| place != NOWHERE)
    }

    fn set(&mut self, index: u32, place: u32) -> Result<(), BadTable> {
        if index >= MAX_CALLS {
            return Err(BadTable);
        }
        let index = index as usize;
        if index >= self.0.len() {
            self.0.resize(index + 1, NOWHERE);
        }
        self.0[index] = place;
        Ok(())
    }

    fn clear(&mut self, nodes: &[Node]) {
        for node in nodes {
            self.0[node.index as usize] = NOWHERE;
        }
    }
}

/// A function whose inlined calls are wanted.
pub(super) struct Body<'a> {
    pub view: &'a View<'a>,
    pub func: &'a Func,
    pub tree: InlTreeOff,
    /// Its first address.
    pub low: VirtAddr,
    pub rows: &'a [Row],
    /// Which call each byte of its code belongs to most closely.
    pub by_pc: &'a [PcValue],
}

/// The inlined calls of a function, parents before children.
///
/// A call that no instruction is left of is no call here: the compiler keeps such entries in the tree.
pub(super) fn decode(body: &Body<'_>, places: &mut Places) -> Result<Box<[InlinedCall]>, BadTable> {
    let mut nodes: Vec<Node> = Vec::new();
    let calls = body.nodes(places, &mut nodes).and_then(|()| body.calls(&nodes, places));
    places.clear(&nodes);
    calls
}

impl Body<'_> {
    /// Finds the calls that code is left of, and those around them, in the order of their indices.
    fn nodes(&self, places: &mut Places, nodes: &mut Vec<Node>) -> Result<(), BadTable> {
        for v in self.by_pc {
            let mut next = u32::try_from(v.value).ok();
            while let Some(index) = next.filter(|&index| places.get(index).is_none()) {
                let node = self.node(index)?;
                next = node.parent;
                places.set(index, 0)?;
                nodes.push(node);
            }
        }
        // The compiler numbers a call after the one that it was made in, so the order of the numbers is parents first.
        nodes.sort_unstable_by_key(|node| node.index);
        nodes.iter().zip(0..).try_for_each(|(node, place)| places.set(node.index, place))
    }

    fn calls(&self, nodes: &[Node], places: &Places) -> Result<Box<[InlinedCall]>, BadTable> {
        let mut depths: Vec<u32> = Vec::with_capacity(nodes.len());
        let mut calls: Vec<InlinedCall> = Vec::with_capacity(nodes.len());
        for node in nodes {
            let parent = node.parent.and_then(|index| places.get(index));
            let depth = parent.map_or(0, |parent| depths[parent as usize] + 1);
            if depth > MAX_DEPTH {
                return Err(BadTable);
            }
            depths.push(depth);
            calls.push(InlinedCall {
                name: self.view.name(node.record.name).ok_or(BadTable)?.into(),
                file: None,
                start_line: node.record.start_line,
                parent,
                call_file: node.call.0,
                call_line: node.call.1,
                ranges: Box::default(),
            });
        }

        let mut ranges: Vec<Vec<AddrRange>> = vec![Vec::new(); calls.len()];
        let mut total = 0;
        for v in self.by_pc {
            let Some(innermost) = u32::try_from(v.value).ok().and_then(|index| places.get(index)) else { continue };
            let range = AddrRange {
                low: VirtAddr(self.low.0 + u64::from(v.start)),
                high: VirtAddr(self.low.0 + u64::from(v.end)),
            };
            let own = &mut calls[innermost as usize].file;
            *own = own.or_else(|| self.position(v.start).map(|(file, _)| file));
            let mut next = Some(innermost);
            while let Some(i) = next {
                next = calls[i as usize].parent;
                match ranges[i as usize].last_mut() {
                    Some(last) if last.high == range.low => last.high = range.high,
                    _ => {
                        total += 1;
                        ranges[i as usize].push(range);
                    }
                }
            }
            if total > MAX_RANGES {
                return Err(BadTable);
            }
        }
        // A body of which only deeper calls are left shows its file by where it makes them.
        for i in 0..calls.len() {
            let (file, parent) = (calls[i].call_file, calls[i].parent);
            if let Some(parent) = parent {
                calls[parent as usize].file.get_or_insert(file);
            }
        }
        for (call, ranges) in calls.iter_mut().zip(ranges) {
            call.ranges = ranges.into();
        }
        Ok(calls.into())
    }

    fn node(&self, index: u32) -> Result<Node, BadTable> {
        let (view, by_pc) = (self.view, self.by_pc);
        let record = view.tables.inlined_call(view.gofunc, self.tree, index).ok_or(BadTable)?;
        let (parent, call) = match record.call {
            Some(call) => (call.parent, view.cutab.file(self.func.cu, call.file).map(|file| (file, call.line))),
            None => {
                // runtime/symtabinl.go, next: the caller is what the instruction at parentPc belongs to.
                let at = by_pc[..by_pc.partition_point(|v| v.start <= record.parent_pc)].last();
                let parent = at.and_then(|v| u32::try_from(v.value).ok());
                (parent, self.position(record.parent_pc))
            }
        };
        // Also what keeps the walk to the root from going in circles.
        if parent.is_some_and(|parent| parent >= index) {
            return Err(BadTable);
        }
        Ok(Node { index, record, parent, call: call.ok_or(BadTable)? })
    }

    /// The position of the instruction at `pc` bytes behind the entry.
    fn position(&self, pc: u32) -> Option<(FileId, u32)> {
        let addr = self.low.checked_add(u64::from(pc))?;
        let row = self.rows[..self.rows.partition_point(|row| row.addr <= addr)].last()?;
        Some((row.file, row.line))
    }
}
