//! A unit's line program in, its rows out, in the order of their addresses.

use super::{Budget, Unit, UnitError, spend};
use crate::{addr::VirtAddr, binary::object::Image};

/// A row as the table has it, or the end of a sequence.
#[derive(Clone, Copy)]
pub(super) struct RawRow {
    pub(super) addr: VirtAddr,
    /// The line table's own index.
    pub(super) file: u64,
    pub(super) line: u32,
    pub(super) is_stmt: bool,
    pub(super) prologue_end: bool,
    /// From here on the table says nothing.
    pub(super) end: bool,
}

/// The rows of every sequence that lies in the text, sorted by address. At one address the order is the table's: the last
/// row holds.
pub(super) fn decode(image: &Image, unit: &Unit<'_>, budget: &mut Budget) -> Result<Vec<RawRow>, UnitError> {
    let Some(program) = unit.line_program.clone() else { return Ok(Vec::new()) };
    let mut rows = program.rows();
    let mut sequences: Vec<Vec<RawRow>> = Vec::new();
    let mut sequence: Vec<RawRow> = Vec::new();
    while let Some((_, row)) = rows.next_row()? {
        if !spend(&mut budget.rows, 1) {
            return Err(UnitError::TooManyRows);
        }
        let line = row.line().map_or(0, |line| u32::try_from(line.get()).unwrap_or(0));
        sequence.push(RawRow {
            addr: VirtAddr(row.address()),
            file: row.file_index(),
            line,
            is_stmt: row.is_stmt(),
            prologue_end: row.prologue_end(),
            end: row.end_sequence(),
        });
        if row.end_sequence() {
            let sequence = std::mem::take(&mut sequence);
            // Code that the linker removed keeps its rows, at address 0.
            if sequence.first().is_some_and(|row| image.file_offset(row.addr).is_some()) {
                sequences.push(sequence);
            }
        }
    }
    // Rows without an end of sequence are no sequence. Within one, addresses only grow (DWARF 5, 6.2.5).
    sequences.retain(|sequence| sequence.is_sorted_by_key(|row| row.addr));
    sequences.sort_by_key(|sequence| sequence[0].addr);
    let mut all: Vec<RawRow> = Vec::with_capacity(sequences.iter().map(Vec::len).sum());
    for sequence in sequences {
        // Two sequences for the same code contradict each other; the first is as good as any.
        if all.last().is_none_or(|last| last.addr <= sequence[0].addr) {
            all.extend(sequence);
        }
    }
    Ok(all)
}
