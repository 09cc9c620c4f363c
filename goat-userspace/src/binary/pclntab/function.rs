//! One function's rows: its tables of files, of lines and of inlined calls, merged.

use super::{
    super::{FileId, Function, Row},
    inlined::{self, Body, Places},
    raw::{BadTable, PcTabOff, PcValue, PcValues},
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

    collect(view.tables.pc_values(func.pcfile, limit).ok_or(BadTable)?, &mut scratch.files)?;
    let is_wanted = |id: FileId| wanted.get(id.0 as usize) == Some(&true);
    if !scratch.files.iter().any(|v| file(v.value).is_some_and(is_wanted)) {
        return Ok(None);
    }
    let size = scratch.files.last().ok_or(BadTable)?.end;
    match func.inl_index.filter(|_| func.inl_tree.is_some()) {
        Some(at) => collect(view.tables.pc_values(at, limit).ok_or(BadTable)?, &mut scratch.calls)?,
        None => {
            scratch.calls.clear();
            scratch.calls.push(PcValue { start: 0, end: size, value: NOT_INLINED });
        }
    }

    let low = view.addr(func.entry).ok_or(BadTable)?;
    let range = AddrRange { low, high: low.checked_add(u64::from(size)).ok_or(BadTable)? };
    let lines = view.tables.pc_values(func.pcln, limit).ok_or(BadTable)?;
    let own_file = merge(lines, file, range, scratch)?;

    let inlined = match func.inl_tree {
        Some(tree) if func.inl_index.is_some() => {
            let body = Body { view, func: &func, tree, low, rows: &scratch.rows, by_pc: &scratch.calls };
            inlined::decode(&body, &mut scratch.places)?
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

fn collect(mut values: PcValues<'_>, into: &mut Vec<PcValue>) -> Result<(), BadTable> {
    into.clear();
    while let Some(v) = values.step()? {
        into.push(v);
    }
    Ok(())
}

/// Fills `scratch.rows` from its files and calls, and the lines. All three tables must reach to the end of `range` and no
/// further. Returns the file of the first row that is not inlined.
fn merge(
    mut lines: PcValues<'_>,
    file: impl Fn(i32) -> Option<FileId>,
    range: AddrRange,
    scratch: &mut Scratch,
) -> Result<Option<FileId>, BadTable> {
    let Scratch { files, rows, calls, .. } = scratch;
    rows.clear();
    let (mut at_file, mut at_call, mut pc) = (0, 0, 0);
    let (mut previous, mut own_file) = (None, None);
    while let Some(line) = lines.step()? {
        while pc < line.end {
            let f = files.get(at_file).ok_or(BadTable)?;
            let c = calls.get(at_call).ok_or(BadTable)?;
            // -1 until the first instruction that has a position.
            if line.value >= 0 && f.value >= 0 {
                let file = file(f.value).ok_or(BadTable)?;
                let here = (file, line.value, c.value);
                if previous != Some(here) {
                    previous = Some(here);
                    let addr = VirtAddr(range.low.0 + u64::from(pc));
                    rows.push(Row { addr, file, line: line.value.cast_unsigned(), is_stmt: true });
                }
                if c.value < 0 {
                    own_file.get_or_insert(file);
                }
            }
            pc = line.end.min(f.end).min(c.end);
            at_file += usize::from(pc == f.end);
            at_call += usize::from(pc == c.end);
        }
    }
    let whole = range.low.checked_add(u64::from(pc)) == Some(range.high);
    (whole && at_file == files.len() && at_call == calls.len()).then_some(own_file).ok_or(BadTable)
}
