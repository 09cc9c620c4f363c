//! The units and the files that they name: the part of DWARF that is read whole, once.

use std::{borrow::Cow, collections::HashMap};

use gimli::{AttributeValue, Section as _};

use super::{Dwarf, Unit, spend};
use crate::binary::{FileId, FileTable};

/// A longer path is no path (Linux's PATH_MAX).
const MAX_PATH_BYTES: usize = 4096;
/// All paths together; the largest Go programs have some ten thousand files.
const MAX_PATHS_BYTES: usize = 256 << 20;

/// The largest Go programs have some thousand packages, each a unit.
const MAX_UNITS: usize = 1 << 16;
/// An entry of a file table takes two bytes at least; some units may share a table, as partial units do.
const FILES_PER_BYTE: usize = 2;

pub(super) struct Index {
    /// Sorted by name.
    pub(super) files: FileTable,
    /// Sorted by offset.
    pub(super) units: Box<[UnitFiles]>,
    /// Units whose header, root entry or file table could not be read.
    pub(super) broken: usize,
}

pub(super) struct UnitFiles {
    /// The unit's place in `.debug_info`.
    pub(super) offset: usize,
    /// By the index that the unit's line table and entries use: from 1 in DWARF 4, from 0 in DWARF 5.
    pub(super) files: Box<[Option<FileId>]>,
}

impl UnitFiles {
    pub(super) fn file(&self, index: u64) -> Option<FileId> {
        *self.files.get(usize::try_from(index).ok()?)?
    }
}

impl Index {
    pub(super) fn new(dwarf: &Dwarf<'_>) -> Self {
        let mut names = Names::default();
        let mut entries = dwarf.debug_line.reader().len().saturating_mul(FILES_PER_BYTE);
        let mut units = Vec::new();
        let mut broken = 0;
        let mut headers = dwarf.units();
        loop {
            let header = match headers.next() {
                Ok(Some(header)) => header,
                Ok(None) => break,
                Err(error) => {
                    // Without a unit's length there is no way to the next one.
                    tracing::debug!(%error, "units end early");
                    broken += 1;
                    break;
                }
            };
            let Some(offset) = header.debug_info_offset() else { continue };
            if units.len() == MAX_UNITS {
                tracing::debug!(unit = offset.0, "too many units");
                broken += 1;
                break;
            }
            match dwarf.unit(header) {
                Ok(unit) => {
                    let files = names.unit(dwarf, &unit);
                    if !spend(&mut entries, files.len()) {
                        tracing::debug!(unit = offset.0, "file tables overlap without end");
                        broken += 1;
                        break;
                    }
                    units.push(UnitFiles { offset: offset.0, files });
                }
                Err(error) => {
                    tracing::debug!(unit = offset.0, %error, "unit left out");
                    broken += 1;
                }
            }
        }
        let (files, new_ids) = names.sorted();
        for file in units.iter_mut().flat_map(|unit| unit.files.iter_mut().flatten()) {
            *file = new_ids[file.0 as usize];
        }
        Self { files, units: units.into(), broken }
    }

    /// The number of the unit that holds the entry at `offset` of `.debug_info`.
    pub(super) fn unit_of(&self, offset: usize) -> Option<usize> {
        self.units.partition_point(|unit| unit.offset <= offset).checked_sub(1)
    }
}

/// Paths, numbered in the order in which they are met.
#[derive(Default)]
struct Names {
    ids: HashMap<Box<str>, FileId>,
    bytes: usize,
}

impl Names {
    fn unit(&mut self, dwarf: &Dwarf<'_>, unit: &Unit<'_>) -> Box<[Option<FileId>]> {
        let Some(header) = unit.line_program.as_ref().map(|program| program.header()) else { return Box::default() };
        let text = |value: AttributeValue<_>| dwarf.attr_string(unit, value).ok().map(|s| s.to_string_lossy());
        // DWARF 4 numbers from 1.
        let first = u64::from(header.version() <= 4);
        let mut files = vec![None; first as usize];
        for entry in header.file_names() {
            let name = text(entry.path_name());
            let dir = entry.directory(header).and_then(text);
            files.push(name.and_then(|name| self.intern(&join(dir.as_deref().unwrap_or(""), &name))));
        }
        files.into()
    }

    fn intern(&mut self, path: &str) -> Option<FileId> {
        if let Some(id) = self.ids.get(path) {
            return Some(*id);
        }
        self.bytes += path.len();
        if path.len() > MAX_PATH_BYTES || self.bytes > MAX_PATHS_BYTES {
            return None;
        }
        let id = FileId(u32::try_from(self.ids.len()).ok()?);
        self.ids.insert(path.into(), id);
        Some(id)
    }

    /// The table, and by old number the new one.
    fn sorted(self) -> (FileTable, Vec<FileId>) {
        let mut names: Vec<(Box<str>, FileId)> = self.ids.into_iter().collect();
        names.sort_unstable();
        let mut new_ids = vec![FileId(0); names.len()];
        for (new, (_, old)) in (0..).zip(&names) {
            new_ids[old.0 as usize] = FileId(new);
        }
        (FileTable { names: names.into_iter().map(|(name, _)| name).collect() }, new_ids)
    }
}

/// The path as Go's own tables have it. The Go linker cuts paths into directory and name and gives `.` for none:
/// `<autogenerated>`; a relative directory is a package path of a binary that was built with -trimpath, not one below the
/// directory of compilation.
fn join<'a>(dir: &str, name: &'a str) -> Cow<'a, str> {
    if name.starts_with('/') || matches!(dir, "" | ".") {
        return name.into();
    }
    let slash = if dir.ends_with('/') { "" } else { "/" };
    format!("{dir}{slash}{name}").into()
}

#[cfg(test)]
mod tests {
    use super::join;

    #[test]
    fn paths_are_put_together_as_pclntab_has_them() {
        let check = |dir, name, expected| assert_eq!(join(dir, name), expected);
        check("/src/shop", "cart.go", "/src/shop/cart.go");
        check("example.com/shop", "cart.go", "example.com/shop/cart.go");
        check(".", "<autogenerated>", "<autogenerated>");
        check("", "_cgo_gotypes.go", "_cgo_gotypes.go");
        check("/src", "/usr/include/stdio.h", "/usr/include/stdio.h");
        check("/", "x.go", "/x.go");
    }
}
