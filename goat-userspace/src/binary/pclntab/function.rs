//! One function's rows: its tables of files, of lines and of inlined calls, merged.

use super::{
    super::{FileId, Function, Row},
    inlined::{self, Places},
    raw::{BadTable, PcTabOff, PcValue},
    view::View,
};
use crate::addr::{AddrRange, VirtAddr};

/// Buffers that every function of a run is decoded into.
#[derive(Default)]
pub(super) struct Scratch {
    files: Vec<PcValue>,
    rows: Vec<Row>,
    /// The innermost inlined call by pc; -1 for the function's own code.
    calls: Vec<PcValue>,
    places: Places,
}

/// Decodes function `i` if it has a row in one of the files of `wanted` (by [`FileId`]).
///
/// `Ok(None)` if it has none, or no rows at all: text that no Go compiler made.
pub(super) fn decode(
    view: &View<'_>,
    i: u32,
    wanted: &[bool],
    scratch: &mut Scratch,
) -> Result<Option<Function>, BadTable> {
    let func = view.tables.func(i).ok_or(BadTable)?;
    let next = view.tables.entry(i + 1).ok_or(BadTable)?;
    let limit = next.0.checked_sub(func.entry.0).ok_or(BadTable)?;
    if view.tables.entry(i) != Some(func.entry) {
        return Err(BadTable);
    }
    let has_rows = func.pcfile != PcTabOff(0) && func.pcln != PcTabOff(0) && func.cu != u32::MAX;
    if !has_rows {
        return Ok(None);
    }
    let file = |value: i32| u32::try_from(value).ok().and_then(|index| view.cutab.file(func.cu, index));

    let mut seen = false;
    scratch.files.clear();
    let mut values = view.tables.pc_values(func.pcfile, limit).ok_or(BadTable)?;
    while let Some(v) = values.step()? {
        seen |= file(v.value).is_some_and(|id| wanted.get(id.0 as usize) == Some(&true));
        scratch.files.push(v);
    }
    if !seen {
        return Ok(None);
    }

    let size = scratch.files.last().ok_or(BadTable)?.end;
    scratch.calls.clear();
    match func.inl_index.filter(|_| func.inl_tree.is_some()) {
        None => scratch.calls.push(PcValue { start: 0, end: size, value: NOT_INLINED }),
        Some(at) => {
            let mut values = view.tables.pc_values(at, limit).ok_or(BadTable)?;
            while let Some(v) = values.step()? {
                scratch.calls.push(v);
            }
        }
    }
    if scratch.calls.last().is_none_or(|last| last.end != size) {
        return Err(BadTable);
    }

    let low = view.addr(func.entry).ok_or(BadTable)?;
    let range = AddrRange { low, high: low.checked_add(u64::from(size)).ok_or(BadTable)? };
    scratch.rows.clear();
    let own_file = {
        let mut lines = view.tables.pc_values(func.pcln, limit).ok_or(BadTable)?;
        let (mut at_file, mut at_call, mut pc) = (0, 0, 0);
        let mut previous = None;
        let mut own_file = None;
        while let Some(line) = lines.step()? {
            while pc < line.end {
                let (f, c) = (
                    scratch.files.get(at_file).ok_or(BadTable)?,
                    // Ends where the files do.
                    scratch.calls.get(at_call).ok_or(BadTable)?,
                );
                // -1 until the first instruction that has a position.
                if line.value >= 0 && f.value >= 0 {
                    let file = file(f.value).ok_or(BadTable)?;
                    let here = (file, line.value, c.value);
                    if previous != Some(here) {
                        previous = Some(here);
                        let addr = VirtAddr(low.0 + u64::from(pc));
                        scratch.rows.push(Row { addr, file, line: line.value.cast_unsigned(), is_stmt: true });
                    }
                    if own_file.is_none() && c.value < 0 {
                        own_file = Some(file);
                    }
                }
                pc = line.end.min(f.end).min(c.end);
                at_file += usize::from(pc == f.end);
                at_call += usize::from(pc == c.end);
            }
        }
        if pc != size {
            return Err(BadTable);
        }
        own_file
    };

    let inlined = match func.inl_tree {
        Some(tree) if func.inl_index.is_some() => {
            inlined::decode(view, &func, tree, low, &scratch.rows, &scratch.calls, &mut scratch.places)?
        }
        _ => Box::default(),
    };
    // A leaf without a frame may begin with an inlined call: then its own file is where it makes that call.
    let own_file = own_file.or_else(|| inlined.first().map(|call| call.call_file));
    Ok(Some(Function {
        name: view.name(func.name).ok_or(BadTable)?.into(),
        range,
        file: own_file,
        start_line: func.start_line,
        prologue_end: None,
        rows: scratch.rows.as_slice().into(),
        inlined,
    }))
}

/// The value of PCDATA_InlTreeIndex for the function's own code.
const NOT_INLINED: i32 = -1;

/// The position of the instruction at `pc` bytes behind `low`.
pub(super) fn position(rows: &[Row], low: VirtAddr, pc: u32) -> Option<(FileId, u32)> {
    let addr = low.checked_add(u64::from(pc))?;
    let row = rows[..rows.partition_point(|row| row.addr <= addr)].last()?;
    Some((row.file, row.line))
}
