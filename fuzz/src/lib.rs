//! What the fuzz targets share: a real Go binary, and its copies with bytes written over.
//!
//! A whole binary is far too long to be fuzzed as such. An input is a list of patches instead, and each target names the parts
//! of the file that they may fall into.

use std::{ops::Range, path::PathBuf, sync::OnceLock};

use object::{Object, ObjectSection};

/// The variable that names the binary; `cargo xtask fuzz` sets it.
pub const BASE: &str = "GOAT_FUZZ_BASE";

/// The most patches of one input.
const MAX_PATCHES: usize = 64;

/// A binary, and the parts of it that may be patched.
pub struct Base {
    bytes: Vec<u8>,
    parts: Vec<Range<usize>>,
}

impl Base {
    /// The binary that [`BASE`] names, with the sections whose names `wanted` lets pass to be patched; without any, its
    /// headers.
    pub fn new(wanted: impl Fn(&str) -> bool) -> Self {
        let path = PathBuf::from(std::env::var_os(BASE).expect("GOAT_FUZZ_BASE names a Go binary"));
        let bytes = std::fs::read(path).expect("the binary can be read");
        let file = object::File::parse(&*bytes).expect("the binary is an ELF file");
        let parts = file
            .sections()
            .filter(|section| section.name().is_ok_and(&wanted))
            .filter_map(|section| section.file_range())
            .map(|(start, len)| start as usize..(start + len) as usize)
            .filter(|range| !range.is_empty())
            .collect();
        Self { bytes, parts }
    }

    /// The ELF header and the tables that it points to.
    pub fn headers() -> Self {
        /// `e_shoff`, and the size of a section header (elf(5)).
        const SECTION_HEADERS: Range<usize> = 0x28..0x30;
        const SECTION_HEADER_BYTES: usize = 64;
        let mut base = Self::new(|_| false);
        let at = base.bytes[SECTION_HEADERS].try_into().map(u64::from_le_bytes).expect("8 bytes") as usize;
        let sections = object::File::parse(&*base.bytes).map_or(0, |file| file.sections().count() + 1);
        base.parts = vec![0..1024, at..(at + sections * SECTION_HEADER_BYTES).min(base.bytes.len())];
        base
    }

    /// A copy with `input`'s patches: each is a part's number, a place in it, how many bytes, and the bytes.
    pub fn patched(&self, input: &[u8]) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        let mut rest = input;
        for _ in 0..MAX_PATCHES {
            let [part, a, b, c, len, tail @ ..] = rest else { break };
            let part = &self.parts[usize::from(*part) % self.parts.len()];
            let len = (usize::from(*len) % 17).min(tail.len());
            let at = part.start + u32::from_le_bytes([*a, *b, *c, 0]) as usize % part.len();
            let end = (at + len).min(part.end);
            bytes[at..end].copy_from_slice(&tail[..end - at]);
            rest = &tail[len..];
        }
        bytes
    }
}

/// A static of a target.
pub type Shared = OnceLock<Base>;
