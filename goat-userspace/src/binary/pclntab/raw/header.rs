//! `runtime.pcHeader`: which layout a pclntab has and where its parts are.

use super::{
    reader::{u32_at, u64_at},
    types::Layout,
};

/// Bytes of a `pcHeader`: magic, pad, quantum and pointer size, then eight words.
pub(in super::super) const HEADER_SIZE: usize = 8 + 8 * 8;

/// `internal/abi.Go118PCLnTabMagic`.
const MAGIC_118: u32 = 0xffff_fff0;
/// `internal/abi.Go120PCLnTabMagic`; still that of Go 1.27.
const MAGIC_120: u32 = 0xffff_fff1;

/// A `pcHeader` whose offsets are in order and lie in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) struct Header {
    pub layout: Layout,
    /// The size of an instruction, or 1 where they differ in size: what pc deltas are counted in.
    pub quantum: u32,
    pub nfunc: u32,
    pub nfiles: u32,
    /// The start of the Go text up to Go 1.25, where the file holds it: in a position-independent executable a relocation
    /// may put it there, and Go 1.26 writes 0.
    pub text_start: u64,
    /// Bytes from the header to each part.
    pub funcnametab: usize,
    pub cutab: usize,
    pub filetab: usize,
    pub pctab: usize,
    pub functab: usize,
}

impl Header {
    /// Whether `bytes` begin as a header does: a cheap first look.
    pub fn looks_like(bytes: &[u8]) -> bool {
        u32_at(bytes, 0).is_some_and(|magic| magic == MAGIC_118 || magic == MAGIC_120)
    }

    /// The header at the start of `bytes`, which reach at least to the end of the pclntab; `None` if there is none.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let layout = match u32_at(bytes, 0)? {
            MAGIC_118 => Layout::Go118,
            MAGIC_120 => Layout::Go120,
            _ => return None,
        };
        let &[pad1, pad2, quantum, ptr_size] = bytes.get(4..8)? else { return None };
        if (pad1, pad2) != (0, 0) || !matches!(quantum, 1 | 4) || ptr_size != 8 {
            return None;
        }
        let word = |i: usize| u64_at(bytes, 8 + 8 * i);
        let offset = |i: usize| usize::try_from(word(i)?).ok();
        let header = Self {
            layout,
            quantum: u32::from(quantum),
            nfunc: u32::try_from(word(0)?).ok()?,
            nfiles: u32::try_from(word(1)?).ok()?,
            text_start: word(2)?,
            funcnametab: offset(3)?,
            cutab: offset(4)?,
            filetab: offset(5)?,
            pctab: offset(6)?,
            functab: offset(7)?,
        };
        let offsets =
            [HEADER_SIZE, header.funcnametab, header.cutab, header.filetab, header.pctab, header.functab, bytes.len()];
        let functab_size = (header.nfunc as usize).checked_mul(8)?.checked_add(4)?;
        let whole = offsets.is_sorted() && functab_size <= bytes.len() - header.functab;
        (whole && header.nfunc > 0).then_some(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(magic: u32, quantum: u8, words: [u64; 8]) -> Vec<u8> {
        let mut bytes = magic.to_le_bytes().to_vec();
        bytes.extend([0, 0, quantum, 8]);
        bytes.extend(words.iter().flat_map(|w| w.to_le_bytes()));
        bytes.resize(HEADER_SIZE + 64, 0);
        bytes
    }

    #[test]
    fn only_whole_headers_of_known_layouts_are_taken() {
        let good = [1, 1, 0x40_1000, 72, 80, 88, 96, 104];
        let check = |bytes: &[u8], expected| assert_eq!(Header::parse(bytes).map(|h| h.layout), expected);
        check(&header(MAGIC_118, 1, good), Some(Layout::Go118));
        check(&header(MAGIC_120, 4, good), Some(Layout::Go120));
        check(&header(0xffff_fffa, 1, good), None); // Go 1.16
        check(&header(MAGIC_120, 2, good), None); // s390x
        check(&header(MAGIC_120, 1, [1, 1, 0, 72, 88, 80, 96, 104]), None); // out of order
        check(&header(MAGIC_120, 1, [1, 1, 0, 72, 80, 88, 96, 1 << 40]), None); // outside
        check(&header(MAGIC_120, 1, [u64::MAX, 1, 0, 72, 80, 88, 96, 104]), None);
        check(&header(MAGIC_120, 1, [1000, 1, 0, 72, 80, 88, 96, 104]), None); // functab cut short
        check(&header(MAGIC_120, 1, good)[..HEADER_SIZE - 1], None);
    }
}
