//! A pclntab with what its numbers are relative to: the start of the text, `go:func.*`, and the table of files.

use super::{
    super::{FileId, FileTable},
    raw::{NameOff, Tables, TextOff},
};
use crate::addr::VirtAddr;

/// What is needed to decode a function.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub tables: Tables<'a>,
    /// `moduledata.text`.
    pub text: VirtAddr,
    /// The bytes from `moduledata.gofunc` on; empty if they could not be found.
    pub gofunc: &'a [u8],
    pub cutab: &'a CuTab,
}

impl<'a> View<'a> {
    /// The address of a place in the text.
    pub fn addr(&self, at: TextOff) -> Option<VirtAddr> {
        self.text.checked_add(u64::from(at.0))
    }

    /// The name of function `i`.
    pub fn function_name(&self, i: u32) -> Option<&'a str> {
        self.name(self.tables.func(i)?.name)
    }

    pub fn name(&self, at: NameOff) -> Option<&'a str> {
        self.tables.name(at).filter(|name| !name.is_empty())
    }
}

/// cutab, resolved: each compilation unit's files, by the index that its functions know them by.
#[derive(Debug, Default)]
pub(super) struct CuTab {
    /// By cutab index; [`NO_FILE`] for a file that nothing linked refers to.
    files: Box<[u32]>,
    /// Where each unit begins, sorted.
    units: Box<[u32]>,
}

const NO_FILE: u32 = u32::MAX;

impl CuTab {
    /// Reads filetab and cutab; the names are sorted.
    pub fn read(tables: &Tables<'_>) -> (FileTable, Self) {
        let mut by_offset: Vec<(u32, &str)> =
            tables.files().filter_map(|(offset, name)| Some((offset, std::str::from_utf8(name).ok()?))).collect();
        by_offset.sort_unstable_by_key(|&(_, name)| name);
        let mut names: Vec<Box<str>> = Vec::with_capacity(by_offset.len());
        let mut ids: Vec<(u32, u32)> = Vec::with_capacity(by_offset.len());
        for (offset, name) in by_offset {
            // The linker tells files apart by the name before $GOROOT is expanded, so that one may stand here twice.
            if names.last().is_none_or(|last| **last != *name) {
                names.push(name.into());
            }
            ids.push((offset, names.len() as u32 - 1));
        }
        ids.sort_unstable();
        let id_at = |offset| ids.binary_search_by_key(&offset, |&(at, _)| at).map_or(NO_FILE, |i| ids[i].1);
        let files = tables.cutab().map(id_at).collect();

        let mut units = Vec::new();
        for i in 0..tables.header.nfunc {
            if let Some(cu) = tables.cu(i)
                && units.last() != Some(&cu)
            {
                units.push(cu);
            }
        }
        units.sort_unstable();
        units.dedup();
        (FileTable { names }, Self { files, units: units.into() })
    }

    /// File `index` of the unit at `cu`.
    pub fn file(&self, cu: u32, index: u32) -> Option<FileId> {
        let &id = self.files.get(cu.checked_add(index)? as usize)?;
        (id != NO_FILE).then_some(FileId(id))
    }

    /// For each unit, in order, where it begins and whether it names one of the files in `wanted` (by [`FileId`]).
    pub fn units_naming(&self, wanted: &[bool]) -> Vec<(u32, bool)> {
        let ends = self.units.iter().skip(1).copied().chain([u32::MAX]);
        let named = self.units.iter().zip(ends).map(|(&start, end)| {
            let end = (end as usize).min(self.files.len());
            let files = self.files.get(start as usize..end).unwrap_or_default();
            (start, files.iter().any(|&id| wanted.get(id as usize) == Some(&true)))
        });
        named.collect()
    }
}
