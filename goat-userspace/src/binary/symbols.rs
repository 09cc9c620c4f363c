//! Names of functions by address, from the ELF symbol table. What is kept of a name is where it stands: a large binary has some
//! hundred thousand, of which a plan asks for a few.

use std::{cmp::Reverse, ops::Range};

use super::bytes::Bytes;
use crate::addr::{AddrRange, VirtAddr};

/// The longest name that is read. Names of instantiated generics are the longest there are, some thousand bytes.
const MAX_NAME: usize = 1 << 16;

/// Functions' names, to be searched by address.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    /// Sorted by address, not overlapping.
    entries: Box<[Symbol]>,
    /// The table of names in the file.
    strings: Range<usize>,
}

/// A function and its name, as an offset into the table of names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Symbol {
    pub(super) range: AddrRange,
    pub(super) name: u32,
}

impl Symbols {
    /// From functions in any order, whose names are in the part `strings` of `bytes`. Of two at one address the longer one is
    /// kept, then the one whose name sorts first; one that reaches into the next is cut there.
    pub(super) fn new(bytes: &Bytes, strings: Range<usize>, mut functions: Vec<Symbol>) -> Self {
        functions.retain(|symbol| symbol.range.low < symbol.range.high);
        functions.sort_by(|a, b| {
            let by_place = (a.range.low, Reverse(a.range.high)).cmp(&(b.range.low, Reverse(b.range.high)));
            by_place.then_with(|| name_at(bytes, &strings, a.name).cmp(&name_at(bytes, &strings, b.name)))
        });
        functions.dedup_by_key(|symbol| symbol.range.low);
        for at in 1..functions.len() {
            let next = functions[at].range.low;
            let high = &mut functions[at - 1].range.high;
            *high = (*high).min(next);
        }
        Self { entries: functions.into(), strings }
    }

    /// The name of the function that `addr` lies in. `bytes` are those that the symbols are of.
    pub(super) fn name<'a>(&self, bytes: &'a Bytes, addr: VirtAddr) -> Option<&'a str> {
        let symbol = self.entries[..self.entries.partition_point(|s| s.range.low <= addr)].last()?;
        symbol.range.contains(addr).then(|| name_at(bytes, &self.strings, symbol.name))?
    }

    /// Every function's name and code, by address.
    pub(super) fn iter<'a>(&'a self, bytes: &'a Bytes) -> impl Iterator<Item = (&'a str, AddrRange)> {
        self.entries.iter().filter_map(|s| Some((name_at(bytes, &self.strings, s.name)?, s.range)))
    }

    /// Whether no function is named.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// The name at `offset` of the table, if there is a whole one and it is UTF-8.
fn name_at<'a>(bytes: &'a Bytes, strings: &Range<usize>, offset: u32) -> Option<&'a str> {
    let start = strings.start.checked_add(offset as usize)?;
    let name = bytes.until_nul(start..strings.end.min(start.checked_add(MAX_NAME)?))?;
    std::str::from_utf8(name).ok().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_belongs_to_the_function_around_it() {
        let range = |low, high| AddrRange { low: VirtAddr(low), high: VirtAddr(high) };
        let mut strings = b"\0".to_vec();
        let mut functions = Vec::new();
        for (range, name) in [
            (range(0x40, 0x50), "tail"),
            (range(0x10, 0x20), "main.main"),
            (range(0x10, 0x10), "runtime.text"),
            (range(0x10, 0x18), "short"),
            (range(0x20, 0x48), "long"),
            (range(0x20, 0x48), "alias"),
        ] {
            functions.push(Symbol { range, name: strings.len() as u32 });
            strings.extend_from_slice(name.as_bytes());
            strings.push(0);
        }
        // Of a name behind the end nothing is known.
        functions.push(Symbol { range: range(0x60, 0x70), name: 1000 });
        let end = strings.len();
        let bytes = Bytes::Whole(strings);
        let symbols = Symbols::new(&bytes, 0..end, functions);
        let check = |addr, expected| assert_eq!(symbols.name(&bytes, VirtAddr(addr)), expected, "{addr:#x}");
        check(0xf, None);
        check(0x10, Some("main.main"));
        check(0x1f, Some("main.main"));
        check(0x20, Some("alias"));
        check(0x3f, Some("alias"));
        check(0x40, Some("tail"));
        check(0x50, None);
        check(0x61, None);
        assert_eq!(symbols.iter(&bytes).count(), 3);
        assert!(!symbols.is_empty());
        assert!(Symbols::default().is_empty());
    }
}
