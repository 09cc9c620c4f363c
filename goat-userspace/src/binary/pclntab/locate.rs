//! Where the pclntab is, and what its numbers are relative to: `moduledata.text` and `moduledata.gofunc`.
//!
//! Section names help but are not relied on: a stripped file may have none, and an external linker merges
//! `.data.rel.ro.gopclntab` into `.data.rel.ro`. `.text` is never asked: with cgo, external linking or a PIE it begins with
//! code that is not Go's. `pcHeader.textStart` isn't either: Go 1.26 leaves it 0. `runtime.moduledata` has the true base,
//! and proves itself by a dozen pointers that must agree with the table.

use super::{
    super::object::Image,
    raw::{HEADER_SIZE, Header, InlTreeOff, Tables, TextOff, u64_at},
};
use crate::addr::{AddrRange, VirtAddr};

/// The sections that hold a pclntab by itself: that of a PIE had pointers in it up to Go 1.25.
const TABLE_SECTIONS: [&str; 2] = [".gopclntab", ".data.rel.ro.gopclntab"];
/// The section of `runtime.moduledata` since Go 1.26; in `.noptrdata` before.
const MODULE_SECTION: &str = ".go.module";

/// Words of `runtime.moduledata`, the same from Go 1.18 to 1.27.
mod word {
    pub(super) const MINPC: usize = 20;
    pub(super) const MAXPC: usize = 21;
    pub(super) const TEXT: usize = 22;
    /// As many as are looked at.
    pub(super) const ALL: usize = 23;
}
/// Where `moduledata.gofunc` may be: word 38 in Go 1.18, 40 since 1.20, 43 in 1.27, and room for what comes.
const GOFUNC_WORDS: std::ops::Range<usize> = 34..56;
/// How many functions with inlined calls are looked at to tell the true `moduledata.gofunc`.
const GOFUNC_SAMPLE: usize = 256;

/// The bytes from `addr` to the end of its segment.
pub(super) fn bytes_from(image: &Image, addr: VirtAddr) -> Option<&[u8]> {
    image.segments().find_map(|segment| segment.data_from(addr))
}

/// The address of the pclntab.
pub(super) fn table(image: &Image) -> Option<VirtAddr> {
    let is_table = |addr: &VirtAddr| bytes_from(image, *addr).is_some_and(|bytes| Header::parse(bytes).is_some());
    let named = TABLE_SECTIONS.iter().filter_map(|name| Some(image.section(name)?.addr));
    let found = |executable: bool| {
        let segments = image.segments().filter(move |segment| segment.is_executable() == executable);
        segments.flat_map(|segment| {
            let words = segment.data().windows(HEADER_SIZE).step_by(8);
            words
                .zip(0u64..)
                .filter(|(bytes, _)| Header::looks_like(bytes))
                .filter_map(move |(_, i)| segment.addr().checked_add(8 * i))
        })
    };
    // Most linkers keep constants out of the executable segment.
    named.chain(found(false)).chain(found(true)).find(is_table)
}

/// What a pclntab's numbers are relative to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Module {
    /// `moduledata.text`.
    pub text: VirtAddr,
    /// `moduledata.gofunc`; `None` if no word of the moduledata leads to trees of inlined calls.
    pub gofunc: Option<VirtAddr>,
}

/// The module that the pclntab at `table` belongs to.
pub(super) fn module(image: &Image, table: VirtAddr, tables: &Tables<'_>) -> Option<Module> {
    let named = image.section(MODULE_SECTION).map(|section| section.addr);
    let found = image.segments().filter(|segment| !segment.is_executable()).flat_map(|segment| {
        let words = segment.data().chunks_exact(8).zip(0u64..);
        let pointers = words.filter(move |(word, _)| **word == table.0.to_le_bytes());
        pointers.filter_map(move |(_, i)| segment.addr().checked_add(8 * i))
    });
    let at = named.into_iter().chain(found).find(|&at| proves_itself(image, at, table, tables))?;
    let data = image.initial_bytes(at, 8 * GOFUNC_WORDS.end).or_else(|| bytes_from(image, at))?;
    let text = VirtAddr(u64_at(data, 8 * word::TEXT)?);
    let gofunc = GOFUNC_WORDS
        .filter_map(|i| u64_at(data, 8 * i).map(VirtAddr))
        .filter_map(|addr| Some((agreement(image, addr, tables)?, addr)))
        .max_by_key(|&(agreeing, _)| agreeing)
        .map(|(_, addr)| addr);
    Some(Module { text, gofunc })
}

/// Whether the `runtime.moduledata` of this table is at `at`: each part's address and the text's bounds (which the runtime
/// checks, too: runtime/symtab.go, moduledataverify1) agree with the table, and the text is executable.
fn proves_itself(image: &Image, at: VirtAddr, table: VirtAddr, tables: &Tables<'_>) -> bool {
    let Some(data) = image.initial_bytes(at, 8 * word::ALL) else { return false };
    let header = &tables.header;
    // pcHeader; then slices, three words each: funcnametab, cutab, filetab, pctab, pclntable, ftab.
    let parts = [
        (0, 0),
        (1, header.funcnametab),
        (4, header.cutab),
        (7, header.filetab),
        (10, header.pctab),
        (13, header.functab),
        (16, header.functab),
    ];
    let agree = parts.iter().all(|&(i, offset)| u64_at(data, 8 * i) == table.0.checked_add(offset as u64));
    let text_bounds = || {
        let text = VirtAddr(u64_at(data, 8 * word::TEXT)?);
        let at = |off: TextOff| text.checked_add(u64::from(off.0));
        let (low, high) = (at(tables.entry(0)?)?, at(tables.entry(header.nfunc)?)?);
        let stated = (u64_at(data, 8 * word::MINPC)?, u64_at(data, 8 * word::MAXPC)?);
        ((low.0, high.0) == stated).then_some(AddrRange { low, high })
    };
    agree && text_bounds().is_some_and(|range| image.has_code(range))
}

/// Of some functions with inlined calls, how many find a sensible record if `go:func.*` begins with `gofunc`; `None` if that
/// is no more than half.
fn agreement(image: &Image, gofunc: VirtAddr, tables: &Tables<'_>) -> Option<usize> {
    let with_tree = (0..tables.header.nfunc).filter_map(|i| {
        let func = tables.func(i)?;
        let size = tables.entry(i + 1)?.0.checked_sub(func.entry.0)?;
        Some((func.inl_tree?, size))
    });
    let (mut seen, mut sensible) = (0, 0);
    for (tree, size) in with_tree.take(GOFUNC_SAMPLE) {
        seen += 1;
        // One record at a time: a wrong `gofunc` may have much behind it.
        let first = || image.initial_bytes(gofunc.checked_add(u64::from(tree.0))?, tables.inlined_call_bytes());
        let record = first().and_then(|bytes| tables.inlined_call(bytes, InlTreeOff(0), 0));
        sensible += usize::from(record.is_some_and(|r| tables.starts_name(r.name) && r.parent_pc < size));
    }
    (sensible * 2 > seen).then_some(sensible)
}
