//! A unit's entries in, its out-of-line functions and the calls inlined into them out, still with DWARF's references.

use gimli::{Abbreviation, AttributeValue, EntriesRaw};

use super::{Budget, Dwarf, Slice, Unit, spend, units::UnitFiles};
use crate::{
    addr::{AddrRange, VirtAddr},
    binary::{FileId, object::Image},
};

/// Calls inlined into each other more deeply than this are left out; Go's nest some ten deep.
const MAX_INLINE_DEPTH: usize = 256;

/// What an entry says of the function that it stands for.
#[derive(Clone, Copy, Default)]
pub(super) struct Declaration<'a> {
    pub(super) name: Option<&'a [u8]>,
    pub(super) file: Option<FileId>,
    /// 0 if the entry does not say.
    pub(super) line: u32,
    /// The entry in `.debug_info` that says the rest.
    pub(super) origin: Option<usize>,
}

pub(super) struct RawFunction<'a> {
    pub(super) declaration: Declaration<'a>,
    pub(super) range: AddrRange,
    /// Parents before children.
    pub(super) calls: Vec<RawCall<'a>>,
    /// Whether ranges are broken or too many.
    pub(super) broken: bool,
}

pub(super) struct RawCall<'a> {
    pub(super) declaration: Declaration<'a>,
    pub(super) parent: Option<u32>,
    pub(super) file: Option<FileId>,
    pub(super) line: u32,
    /// As listed: in any order, and perhaps without those of deeper calls.
    pub(super) ranges: Vec<AddrRange>,
}

/// What is open around an entry.
struct Scope {
    depth: isize,
    /// The function, by index; `None` for one without code.
    function: Option<usize>,
    call: Option<u32>,
}

/// The unit's functions that have code, in the order of their entries.
pub(super) fn functions<'a>(
    image: &Image,
    dwarf: &Dwarf<'a>,
    unit: &Unit<'a>,
    files: &UnitFiles,
    budget: &mut Budget,
) -> gimli::Result<Vec<RawFunction<'a>>> {
    let mut functions: Vec<RawFunction<'a>> = Vec::new();
    let mut scopes: Vec<Scope> = Vec::new();
    let mut entries = unit.entries_raw(None)?;
    while !entries.is_empty() {
        let depth = entries.next_depth();
        let Some(abbreviation) = entries.read_abbreviation()? else { continue };
        // Lexical blocks and the like open no scope: what is in them belongs to the function or call around them.
        while scopes.last().is_some_and(|scope| scope.depth >= depth) {
            scopes.pop();
        }
        match abbreviation.tag() {
            gimli::DW_TAG_subprogram => {
                let attributes = Attributes::read(dwarf, unit, files, &mut entries, abbreviation)?;
                let range = attributes.range(dwarf, unit).filter(|&range| image.code(range).is_some());
                scopes.push(Scope { depth, function: range.map(|_| functions.len()), call: None });
                if let Some(range) = range {
                    let declaration = attributes.declaration;
                    functions.push(RawFunction { declaration, range, calls: Vec::new(), broken: false });
                }
            }
            gimli::DW_TAG_inlined_subroutine => {
                let attributes = Attributes::read(dwarf, unit, files, &mut entries, abbreviation)?;
                let Some(&Scope { function: Some(function), call: parent, .. }) = scopes.last() else { continue };
                let function = &mut functions[function];
                let ranges = attributes.ranges(dwarf, unit, function.range, budget);
                let number = u32::try_from(function.calls.len()).ok().filter(|_| scopes.len() <= MAX_INLINE_DEPTH);
                let (Ok(ranges), Some(number)) = (ranges, number) else {
                    function.broken = true;
                    continue;
                };
                let &Attributes { declaration, call_file: file, call_line: line, .. } = &attributes;
                function.calls.push(RawCall { declaration, parent, file, line, ranges });
                let function = scopes.last().and_then(|scope| scope.function);
                scopes.push(Scope { depth, function, call: Some(number) });
            }
            _ => entries.skip_attributes(abbreviation.attributes())?,
        }
    }
    Ok(functions)
}

/// What the entry at `offset` of `unit` says of its function.
pub(super) fn declaration<'a>(
    dwarf: &Dwarf<'a>,
    unit: &Unit<'a>,
    files: &UnitFiles,
    offset: gimli::UnitOffset,
) -> gimli::Result<Declaration<'a>> {
    let mut entries = unit.entries_raw(Some(offset))?;
    match entries.read_abbreviation()? {
        Some(abbreviation) => Ok(Attributes::read(dwarf, unit, files, &mut entries, abbreviation)?.declaration),
        None => Ok(Declaration::default()),
    }
}

/// An entry's attributes, as far as they matter here.
#[derive(Default)]
struct Attributes<'a> {
    declaration: Declaration<'a>,
    call_file: Option<FileId>,
    call_line: u32,
    low_pc: Option<AttributeValue<Slice<'a>>>,
    high_pc: Option<AttributeValue<Slice<'a>>>,
    ranges: Option<AttributeValue<Slice<'a>>>,
}

impl<'a> Attributes<'a> {
    fn read(
        dwarf: &Dwarf<'a>,
        unit: &Unit<'a>,
        files: &UnitFiles,
        entries: &mut EntriesRaw<'_, Slice<'a>>,
        abbreviation: &Abbreviation,
    ) -> gimli::Result<Self> {
        let mut all = Self::default();
        let mut linkage_name = None;
        let number = |value: AttributeValue<Slice<'a>>| match value {
            AttributeValue::FileIndex(index) => Some(index),
            _ => value.udata_value(),
        };
        let file = |value| number(value).and_then(|index| files.file(index));
        let line = |value| number(value).and_then(|line| u32::try_from(line).ok()).unwrap_or(0);
        for &spec in abbreviation.attributes() {
            let attribute = entries.read_attribute(spec)?;
            let value = attribute.value();
            let text = || dwarf.attr_string(unit, value).ok().map(|text| text.slice()).filter(|text| !text.is_empty());
            match attribute.name() {
                gimli::DW_AT_name => all.declaration.name = text(),
                gimli::DW_AT_linkage_name | gimli::DW_AT_MIPS_linkage_name => linkage_name = text(),
                gimli::DW_AT_decl_file => all.declaration.file = file(value),
                gimli::DW_AT_decl_line => all.declaration.line = line(value),
                gimli::DW_AT_abstract_origin | gimli::DW_AT_specification => {
                    all.declaration.origin = match value {
                        AttributeValue::UnitRef(offset) => offset.to_debug_info_offset(&unit.header).map(|o| o.0),
                        AttributeValue::DebugInfoRef(offset) => Some(offset.0),
                        _ => None,
                    }
                }
                gimli::DW_AT_call_file => all.call_file = file(value),
                gimli::DW_AT_call_line => all.call_line = line(value),
                gimli::DW_AT_low_pc => all.low_pc = Some(value),
                gimli::DW_AT_high_pc => all.high_pc = Some(value),
                gimli::DW_AT_ranges => all.ranges = Some(value),
                _ => {}
            }
        }
        all.declaration.name = linkage_name.or(all.declaration.name);
        Ok(all)
    }

    /// From low_pc to high_pc, if that holds anything.
    fn range(&self, dwarf: &Dwarf<'a>, unit: &Unit<'a>) -> Option<AddrRange> {
        let address = |value| dwarf.attr_address(unit, value).ok().flatten().map(VirtAddr);
        let low = address(self.low_pc?)?;
        let high = self.high_pc?;
        // An address (DWARF 2) or the length (DWARF 4).
        let high = address(high).or_else(|| low.checked_add(high.udata_value()?))?;
        (low < high).then_some(AddrRange { low, high })
    }

    /// The ranges, each as far as it lies in `within`.
    fn ranges(
        &self,
        dwarf: &Dwarf<'a>,
        unit: &Unit<'a>,
        within: AddrRange,
        budget: &mut Budget,
    ) -> Result<Vec<AddrRange>, BrokenRanges> {
        let clip = |range: AddrRange| {
            let range = AddrRange { low: range.low.max(within.low), high: range.high.min(within.high) };
            (range.low < range.high).then_some(range)
        };
        let Some(list) = self.ranges else {
            return Ok(self.range(dwarf, unit).and_then(clip).into_iter().collect());
        };
        let mut ranges = Vec::new();
        let mut list = dwarf.attr_ranges(unit, list).map_err(|_| BrokenRanges)?.ok_or(BrokenRanges)?;
        while let Some(range) = list.next().map_err(|_| BrokenRanges)? {
            if !spend(&mut budget.ranges, 1) {
                return Err(BrokenRanges);
            }
            ranges.extend(clip(AddrRange { low: VirtAddr(range.begin), high: VirtAddr(range.end) }));
        }
        Ok(ranges)
    }
}

struct BrokenRanges;
