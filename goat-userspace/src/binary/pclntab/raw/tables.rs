//! The parts of a pclntab: functab, funcnametab, cutab, filetab and pctab.

use super::{
    header::Header,
    pc_values::PcValues,
    reader::{c_str, u32_at},
    types::{Func, InlTreeOff, InlinedCallRecord, Layout, NameOff, PcTabOff, RecordedCall, TextOff},
};

/// `internal/abi.PCDATA_InlTreeIndex`, the same from Go 1.18 to 1.27.
const PCDATA_INL_TREE_INDEX: u32 = 2;
/// `internal/abi.FUNCDATA_InlTree`, the same from Go 1.18 to 1.27.
const FUNCDATA_INL_TREE: u32 = 3;
/// The longest name that is read. Names of instantiated generics are the longest there are, some thousand bytes.
const MAX_NAME: usize = 1 << 16;

/// A pclntab's parts.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Tables<'a> {
    pub header: Header,
    funcnametab: &'a [u8],
    cutab: &'a [u8],
    filetab: &'a [u8],
    pctab: &'a [u8],
    functab: &'a [u8],
}

impl<'a> Tables<'a> {
    /// The parts of the pclntab at the start of `bytes`, which may go on behind it.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        Some(Self::with_header(bytes, Header::parse(bytes)?))
    }

    fn with_header(bytes: &'a [u8], header: Header) -> Self {
        Self {
            header,
            funcnametab: &bytes[header.funcnametab..header.cutab],
            cutab: &bytes[header.cutab..header.filetab],
            filetab: &bytes[header.filetab..header.pctab],
            pctab: &bytes[header.pctab..header.functab],
            functab: &bytes[header.functab..],
        }
    }

    /// Where function `i` begins; for `i == nfunc`, where the last one ends.
    pub fn entry(&self, i: u32) -> Option<TextOff> {
        (i <= self.header.nfunc).then(|| u32_at(self.functab, i as usize * 8).map(TextOff))?
    }

    /// The compilation unit of function `i`, as in [`Func::cu`].
    pub fn cu(&self, i: u32) -> Option<u32> {
        u32_at(self.record(i)?, 4 * 8)
    }

    fn record(&self, i: u32) -> Option<&'a [u8]> {
        self.functab.get(u32_at(self.functab, i as usize * 8 + 4)? as usize..)
    }

    /// The record of function `i`.
    pub fn func(&self, i: u32) -> Option<Func> {
        let record = self.record(i)?;
        let field = |i: usize| u32_at(record, 4 * i);
        let (start_line, fixed) = match self.header.layout {
            Layout::Go118 => (0, 10),
            Layout::Go120 => (field(9)?, 11),
        };
        let npcdata = field(7)?;
        // The last word is funcID, flag, a pad byte and nfuncdata; u32s for each pcdata, then for each funcdata follow.
        let nfuncdata = field(fixed - 1)? >> 24;
        let pcdata = |i: u32| (i < npcdata).then(|| field(fixed + i as usize)).flatten().filter(|&off| off != 0);
        let funcdata = |i: u32| {
            let at = fixed.checked_add(npcdata as usize)?.checked_add(i as usize)?;
            (i < nfuncdata).then(|| u32_at(record, at.checked_mul(4)?)).flatten().filter(|&off| off != u32::MAX)
        };
        Some(Func {
            entry: TextOff(field(0)?),
            name: NameOff(field(1)?),
            pcfile: PcTabOff(field(5)?),
            pcln: PcTabOff(field(6)?),
            cu: field(8)?,
            start_line,
            inl_index: pcdata(PCDATA_INL_TREE_INDEX).map(PcTabOff),
            inl_tree: funcdata(FUNCDATA_INL_TREE).map(InlTreeOff),
        })
    }

    /// The size of an entry in a tree of inlined calls.
    pub fn inlined_call_bytes(&self) -> usize {
        match self.header.layout {
            Layout::Go118 => 20,
            Layout::Go120 => 16,
        }
    }

    /// Entry `index` of the tree at `tree` in `gofunc`, the bytes at `moduledata.gofunc`.
    pub fn inlined_call(&self, gofunc: &[u8], tree: InlTreeOff, index: u32) -> Option<InlinedCallRecord> {
        let size = self.inlined_call_bytes();
        let at = (tree.0 as usize).checked_add((index as usize).checked_mul(size)?)?;
        let record = gofunc.get(at..at.checked_add(size)?)?;
        let field = |i: usize| u32_at(record, 4 * i);
        Some(match self.header.layout {
            Layout::Go118 => InlinedCallRecord {
                name: NameOff(field(3)?),
                start_line: 0,
                parent_pc: field(4)?,
                call: Some(RecordedCall {
                    parent: u32::try_from(i16::from_le_bytes([record[0], record[1]])).ok(),
                    file: field(1)?,
                    line: field(2)?,
                }),
            },
            Layout::Go120 => {
                InlinedCallRecord { name: NameOff(field(1)?), start_line: field(3)?, parent_pc: field(2)?, call: None }
            }
        })
    }

    /// The name at `at` in funcnametab.
    pub fn name(&self, at: NameOff) -> Option<&'a str> {
        c_str(self.funcnametab, at.0 as usize, MAX_NAME)
    }

    /// Whether a name begins at `at` in funcnametab.
    pub fn starts_name(&self, at: NameOff) -> bool {
        let at = at.0 as usize;
        at < self.funcnametab.len() && (at == 0 || self.funcnametab[at - 1] == 0)
    }

    /// The values of the table at `at` for a function of at most `limit` bytes; `None` if it has no such table.
    pub fn pc_values(&self, at: PcTabOff, limit: u32) -> Option<PcValues<'a>> {
        if at.0 == 0 {
            return None;
        }
        Some(PcValues::new(self.pctab.get(at.0 as usize..)?, self.header.quantum, limit))
    }

    /// The offsets into filetab that cutab holds; `u32::MAX` for a file of a unit that nothing linked refers to.
    pub fn cutab(&self) -> impl ExactSizeIterator<Item = u32> + use<'a> {
        self.cutab.chunks_exact(4).map(|entry| u32::from_le_bytes([entry[0], entry[1], entry[2], entry[3]]))
    }

    /// The names in filetab, each with its offset.
    pub fn files(&self) -> impl Iterator<Item = (u32, &'a [u8])> + use<'a> {
        let mut at = 0;
        let names = self.filetab.split_inclusive(|&b| b == 0).map(move |name| {
            let start = at;
            at += name.len();
            (start as u32, name.strip_suffix(&[0]).unwrap_or(name))
        });
        names.take(self.header.nfiles as usize).filter(|(_, name)| name.len() <= MAX_NAME)
    }
}
