//! Puts a unit's entries and rows together: functions as the rest of goat knows them.

use super::{
    Budget, Dwarf, UnitError,
    entries::{self, RawCall, RawFunction},
    lines::{self, RawRow},
    origins::Origins,
    ranges, spend,
    units::{Index, UnitFiles},
};
use crate::{
    addr::{AddrRange, VirtAddr},
    binary::{FileId, Function, InlinedCall, Row, Stats, object::Image},
};

/// What is shared by the units of one call.
pub(super) struct Reading<'d, 'a> {
    pub(super) image: &'d Image,
    pub(super) dwarf: &'d Dwarf<'a>,
    pub(super) index: &'d Index,
    /// By [`FileId`].
    pub(super) wanted: Box<[bool]>,
    pub(super) origins: Origins<'d, 'a>,
    pub(super) budget: Budget,
    pub(super) stats: Stats,
}

impl<'a> Reading<'_, 'a> {
    /// The functions of unit `number` that have to do with a wanted file.
    pub(super) fn unit(&mut self, number: usize) -> Result<Vec<Function>, UnitError> {
        let files = &self.index.units[number];
        let unit = self.dwarf.unit(self.dwarf.unit_header(gimli::DebugInfoOffset(files.offset))?)?;
        let rows = lines::decode(self.image, &unit, &mut self.budget)?;
        let mut raw = entries::functions(self.image, self.dwarf, &unit, files, &mut self.budget)?;
        // Rows are handed out by range: were ranges to overlap, a small file could ask for its rows any number of times.
        raw.sort_by_key(|function| function.range.low);
        let mut end = VirtAddr(0);
        let mut functions = Vec::new();
        for function in raw {
            self.stats.functions_read += 1;
            if function.range.low < end {
                self.stats.functions_broken += 1;
                continue;
            }
            end = function.range.high;
            let rows = rows_of(&rows, function.range);
            if !self.is_wanted(files, &function, rows) {
                continue;
            }
            match self.function(files, function, rows) {
                Some(function) => functions.push(function),
                None => self.stats.functions_broken += 1,
            }
        }
        Ok(functions)
    }

    fn is_wanted(&self, files: &UnitFiles, function: &RawFunction<'_>, rows: &[RawRow]) -> bool {
        let wanted = |file: Option<FileId>| file.is_some_and(|file| self.wanted[file.0 as usize]);
        // A call from a file that has no row left was made by a function of that file, inlined into this one.
        rows.iter().any(|row| !row.end && wanted(files.file(row.file)))
            || function.calls.iter().any(|call| wanted(call.file))
    }

    fn function(&mut self, files: &UnitFiles, raw: RawFunction<'a>, raw_rows: &[RawRow]) -> Option<Function> {
        let RawFunction { range, mut calls, broken, .. } = raw;
        let any_file =
            raw_rows.iter().find_map(|row| files.file(row.file)).or(calls.iter().find_map(|call| call.file))?;
        let rows = rows(files, range, raw_rows, any_file);
        let bodies = Bodies::complete(&mut calls, range, &rows, &mut self.budget).filter(|_| !broken)?;

        let declaration = self.origins.resolve(raw.declaration);
        let name = self.name(declaration.name?)?;
        let file = declaration.file.or(bodies.function);
        let mut numbers: Vec<Option<u32>> = Vec::with_capacity(calls.len());
        let mut inlined = Vec::with_capacity(calls.len());
        for (call, body) in calls.into_iter().zip(bodies.calls) {
            if call.ranges.is_empty() {
                // Nothing of the callee is left, nor of what it called.
                numbers.push(None);
                continue;
            }
            numbers.push(u32::try_from(inlined.len()).ok());
            let callee = self.origins.resolve(call.declaration);
            inlined.push(InlinedCall {
                name: self.name(callee.name.unwrap_or_default())?,
                file: callee.file.or(body),
                start_line: callee.line,
                parent: call.parent.and_then(|parent| numbers[parent as usize]),
                call_file: call.file.or(file).unwrap_or(any_file),
                call_line: call.line,
                ranges: call.ranges.into(),
            });
        }
        let prologue_end = raw_rows.iter().find(|row| row.prologue_end && range.contains(row.addr)).map(|row| row.addr);
        let (rows, inlined) = (rows.into(), inlined.into());
        Some(Function { name, range, file, start_line: declaration.line, prologue_end, rows, inlined })
    }

    fn name(&mut self, bytes: &[u8]) -> Option<Box<str>> {
        spend(&mut self.budget.text, bytes.len()).then(|| String::from_utf8_lossy(bytes).into())
    }
}

/// The rows that say something of `range`, the one that reaches into it included.
fn rows_of(rows: &[RawRow], range: AddrRange) -> &[RawRow] {
    let mut from = rows.partition_point(|row| row.addr < range.low);
    if rows.get(from).is_none_or(|row| row.addr != range.low) && from > 0 && !rows[from - 1].end {
        from -= 1;
    }
    let to = rows.partition_point(|row| row.addr < range.high);
    &rows[from.min(to)..to]
}

/// One row for each address. Behind a sequence's end, and where the file is unknown, the line is 0.
fn rows(files: &UnitFiles, range: AddrRange, raw: &[RawRow], any_file: FileId) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::with_capacity(raw.len());
    for raw in raw.iter().skip_while(|row| row.end) {
        let addr = raw.addr.max(range.low);
        let last_file = rows.last().map_or(any_file, |row| row.file);
        let row = match files.file(raw.file).filter(|_| !raw.end) {
            Some(file) => Row { addr, file, line: raw.line, is_stmt: raw.is_stmt },
            None => Row { addr, file: last_file, line: 0, is_stmt: false },
        };
        rows.pop_if(|last| last.addr == addr);
        rows.push(row);
    }
    rows
}

/// The files that bodies are written in. Go's DWARF has no declaration file for a callee, nor for a function that is
/// inlined elsewhere; but a call inlined into a body names the body's file as its own, and so do the body's rows.
struct Bodies {
    function: Option<FileId>,
    calls: Vec<Option<FileId>>,
}

impl Bodies {
    /// Sorts and joins the ranges of `calls`, adds to each those of the calls inside it, and finds the bodies' files.
    /// `None` if that is beyond the budget.
    fn complete(calls: &mut [RawCall<'_>], range: AddrRange, rows: &[Row], budget: &mut Budget) -> Option<Self> {
        let row_file = |addr: VirtAddr| {
            let row = rows[..rows.partition_point(|row| row.addr <= addr)].last()?;
            (row.line != 0).then_some(row.file)
        };
        let body = |ranges: &[AddrRange], inner: &Inner| {
            inner.call_file.or_else(|| ranges::first_outside(ranges, &inner.ranges).and_then(row_file))
        };
        // The function itself stands behind its calls.
        let root = calls.len();
        let mut inner: Vec<Inner> = (0..=root).map(|_| Inner::default()).collect();
        let mut files = vec![None; root];
        for number in (0..root).rev() {
            let call = &mut calls[number];
            let mut deeper = std::mem::take(&mut inner[number]);
            ranges::normalise(&mut deeper.ranges);
            ranges::normalise(&mut call.ranges);
            files[number] = body(&call.ranges, &deeper);
            call.ranges.append(&mut deeper.ranges);
            ranges::normalise(&mut call.ranges);
            if !spend(&mut budget.ranges, call.ranges.len()) {
                return None;
            }
            let outer = &mut inner[call.parent.map_or(root, |parent| parent as usize)];
            outer.ranges.extend_from_slice(&call.ranges);
            outer.call_file = call.file.or(outer.call_file);
        }
        let mut deeper = std::mem::take(&mut inner[root]);
        ranges::normalise(&mut deeper.ranges);
        Some(Self { function: body(&[range], &deeper), calls: files })
    }
}

/// What is known of the calls inside a body.
#[derive(Default)]
struct Inner {
    ranges: Vec<AddrRange>,
    call_file: Option<FileId>,
}
