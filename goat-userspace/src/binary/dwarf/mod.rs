//! DWARF 4 and 5 in, functions, rows and inlined calls out. Nothing else names gimli.
//!
//! Go makes one unit per package. A unit's line table names every file that its code comes from, inlined code included, so
//! that a unit that does not name a file has no row in it: only units that name a wanted file are decoded.

mod assemble;
mod entries;
mod lines;
mod origins;
mod ranges;
mod units;

use std::sync::OnceLock;

use gimli::SectionId;

use self::{assemble::Reading, origins::Origins, units::Index};
use super::{FileId, FileTable, Function, Stats, object::Image};

type Slice<'a> = gimli::EndianSlice<'a, gimli::LittleEndian>;
type Dwarf<'a> = gimli::Dwarf<Slice<'a>>;
type Unit<'a> = gimli::Unit<Slice<'a>>;

/// A binary's DWARF.
pub(super) struct Tables {
    index: OnceLock<Index>,
}

impl Tables {
    /// `None` if the file has no DWARF.
    pub(super) fn new(image: &Image) -> Option<Self> {
        Self::has_any(image).then(|| Self { index: OnceLock::new() })
    }

    /// Whether the file has DWARF. Looked up, not decompressed: that is for when it is needed.
    pub(super) fn has_any(image: &Image) -> bool {
        image.has_section(".debug_info") && image.has_section(".debug_line")
    }

    /// Every file that a unit names, sorted by name. `debug` holds the DWARF.
    pub(super) fn files(&self, debug: &Image) -> &FileTable {
        &self.index(debug).files
    }

    /// Every function with a row in one of `files`, or with a call inlined from one of them; sorted by address. `image` holds
    /// the code, `debug` the DWARF: the same file as a rule.
    pub(super) fn functions(&self, image: &Image, debug: &Image, files: &[FileId]) -> (Vec<Function>, Stats) {
        let index = self.index(debug);
        let mut wanted = vec![false; index.files.names.len()];
        for file in files {
            if let Some(wanted) = wanted.get_mut(file.0 as usize) {
                *wanted = true;
            }
        }
        let dwarf = load(debug);
        let mut reading = Reading {
            image,
            dwarf: &dwarf,
            index,
            wanted: wanted.into(),
            origins: Origins::new(&dwarf, index),
            budget: Budget::new(debug),
            stats: Stats { units: index.units.len(), units_broken: index.broken, ..Stats::default() },
        };
        let mut functions = Vec::new();
        for (number, unit) in index.units.iter().enumerate() {
            if !unit.files.iter().flatten().any(|file| reading.wanted[file.0 as usize]) {
                continue;
            }
            match reading.unit(number) {
                Ok(mut found) => {
                    reading.stats.units_read += 1;
                    functions.append(&mut found);
                }
                Err(error) => {
                    tracing::debug!(unit = unit.offset, %error, "unit left out");
                    reading.stats.units_broken += 1;
                }
            }
        }
        let mut stats = reading.stats;
        functions.sort_by_key(|function| function.range.low);
        let mut end = None;
        functions.retain(|function| {
            let fits = end.is_none_or(|end| end <= function.range.low);
            if fits {
                end = Some(function.range.high);
            } else {
                stats.functions_broken += 1;
            }
            fits
        });
        (functions, stats)
    }

    fn index(&self, debug: &Image) -> &Index {
        self.index.get_or_init(|| Index::new(&load(debug)))
    }
}

fn load(image: &Image) -> Dwarf<'_> {
    let section = |id: SectionId| {
        use SectionId as S;
        // The others say where variables are kept and how to unwind; decompressing them would double the time.
        let used = matches!(
            id,
            S::DebugAbbrev
                | S::DebugAddr
                | S::DebugInfo
                | S::DebugLine
                | S::DebugLineStr
                | S::DebugRanges
                | S::DebugRngLists
                | S::DebugStr
                | S::DebugStrOffsets
        );
        let data = if used { image.section(id.name()).map(|s| s.data) } else { None };
        Ok::<_, std::convert::Infallible>(Slice::new(data.unwrap_or_default(), gimli::LittleEndian))
    };
    let Ok(mut dwarf) = Dwarf::load(section);
    // Go's units share one table of abbreviations.
    dwarf.populate_abbreviations_cache(gimli::AbbreviationsCacheStrategy::Duplicates);
    dwarf
}

/// What one call may produce: DWARF's references can make the answer of a small, hostile file as large as one likes.
struct Budget {
    /// Rows to decode. An honest table takes at least a byte for each.
    rows: usize,
    /// Ranges of inlined calls.
    ranges: usize,
    /// Bytes of names.
    text: usize,
}

impl Budget {
    /// Some units may share a line table, as partial units do.
    const ROWS_PER_BYTE: usize = 4;
    const RANGES: usize = 1 << 25;
    const TEXT_BYTES: usize = 1 << 29;

    fn new(image: &Image) -> Self {
        let bytes = image.section(".debug_line").map_or(0, |s| s.data.len());
        Self { rows: bytes.saturating_mul(Self::ROWS_PER_BYTE), ranges: Self::RANGES, text: Self::TEXT_BYTES }
    }
}

/// Takes `n` from `left`; false if there is not so much left.
fn spend(left: &mut usize, n: usize) -> bool {
    let rest = left.checked_sub(n);
    *left = rest.unwrap_or(0);
    rest.is_some()
}

/// Why a unit was left out.
#[derive(Debug, thiserror::Error)]
enum UnitError {
    #[error("{0}")]
    Dwarf(#[from] gimli::Error),
    #[error("more line rows than the table has bytes")]
    TooManyRows,
}
