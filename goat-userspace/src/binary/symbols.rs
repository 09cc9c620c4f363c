//! Names of functions by address: the ELF symbol table's, or those of another table for a binary without it.

use std::ops::Range;

use crate::addr::{AddrRange, VirtAddr};

/// Functions' names, to be searched by address.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    /// Sorted by address, not overlapping.
    entries: Box<[Symbol]>,
    /// All names, one behind the other.
    names: Box<str>,
}

#[derive(Debug)]
struct Symbol {
    range: AddrRange,
    name: Range<usize>,
}

impl Symbols {
    /// The name of the function that `addr` lies in.
    pub(super) fn name(&self, addr: VirtAddr) -> Option<&str> {
        let symbol = self.entries[..self.entries.partition_point(|s| s.range.low <= addr)].last()?;
        symbol.range.contains(addr).then(|| &self.names[symbol.name.clone()])
    }

    /// Every function's name and code, by address.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, AddrRange)> {
        self.entries.iter().map(|symbol| (&self.names[symbol.name.clone()], symbol.range))
    }

    /// Where the function `name` lies; the first of several.
    pub(super) fn range(&self, name: &str) -> Option<AddrRange> {
        self.entries.iter().find(|s| self.names[s.name.clone()] == *name).map(|s| s.range)
    }

    /// Whether no function is named.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// From functions in any order. Of two at one address the longer one is kept, then the one whose name sorts first; one
/// that reaches into the next is cut there.
impl<'a> FromIterator<(AddrRange, &'a str)> for Symbols {
    fn from_iter<I: IntoIterator<Item = (AddrRange, &'a str)>>(functions: I) -> Self {
        let mut functions: Vec<_> = functions.into_iter().filter(|(range, _)| range.low < range.high).collect();
        functions.sort_unstable_by(|(a, x), (b, y)| (a.low, b.high, x).cmp(&(b.low, a.high, y)));
        functions.dedup_by_key(|(range, _)| range.low);
        let mut names = String::with_capacity(functions.iter().map(|(_, name)| name.len()).sum());
        let mut entries: Vec<Symbol> = Vec::with_capacity(functions.len());
        for (range, name) in functions {
            if let Some(last) = entries.last_mut() {
                last.range.high = last.range.high.min(range.low);
            }
            let start = names.len();
            names.push_str(name);
            entries.push(Symbol { range, name: start..names.len() });
        }
        Self { entries: entries.into(), names: names.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_belongs_to_the_function_around_it() {
        let range = |low, high| AddrRange { low: VirtAddr(low), high: VirtAddr(high) };
        let symbols: Symbols = [
            (range(0x40, 0x50), "tail"),
            (range(0x10, 0x20), "main.main"),
            (range(0x10, 0x10), "runtime.text"),
            (range(0x10, 0x18), "short"),
            (range(0x20, 0x48), "long"),
            (range(0x20, 0x48), "alias"),
        ]
        .into_iter()
        .collect();
        let check = |addr, expected| assert_eq!(symbols.name(VirtAddr(addr)), expected, "{addr:#x}");
        check(0xf, None);
        check(0x10, Some("main.main"));
        check(0x1f, Some("main.main"));
        check(0x20, Some("alias"));
        check(0x3f, Some("alias"));
        check(0x40, Some("tail"));
        check(0x50, None);
        assert!(!symbols.is_empty());
        assert!(Symbols::default().is_empty());
    }
}
