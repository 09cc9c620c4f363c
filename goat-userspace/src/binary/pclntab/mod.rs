//! Go's own function and line tables (runtime/symtab.go), which stripped binaries keep.
//!
//! For every function: its name, where its code begins and ends, the position of each instruction (that of the innermost
//! inlined call) and the tree of the inlined calls. Rows are as DWARF's, except that all are `is_stmt` and that one begins
//! wherever another inlined call does, too. Generic functions of Go 1.18 to 1.20 are called `F[...]` here.

mod function;
mod inlined;
mod locate;
mod raw;
mod view;

use self::{
    function::Scratch,
    raw::Tables,
    view::{CuTab, View},
};
use super::{Error, FileId, FileTable, Function, Stats, object::Image, symbols::Symbols};
use crate::addr::{AddrRange, VirtAddr};

/// The most bytes that the result of one [`Pclntab::functions`] may take: many times what all of a large binary does, but a
/// damaged table can repeat one long name or line table for every function.
const MAX_RESULT_BYTES: usize = 4 << 30;

/// A binary's pclntab: where it is and what it names. Its bytes stay in the [`Image`] that it was opened in.
#[derive(Debug)]
pub(super) struct Pclntab {
    addr: VirtAddr,
    text: VirtAddr,
    gofunc: Option<VirtAddr>,
    files: FileTable,
    cutab: CuTab,
}

/// Finds the pclntab of a Go binary.
pub(super) fn open(image: &Image) -> Result<Pclntab, Error> {
    let broken = |why| Error::Pclntab { path: image.path().into(), why };
    let addr = locate::table(image).ok_or_else(|| broken("there is none, or its Go is older than 1.18"))?;
    let bytes = locate::bytes_from(image, addr).expect("located there");
    let tables = Tables::parse(bytes).expect("located by its header");
    let module = locate::module(image, addr, &tables)
        .ok_or_else(|| broken("no runtime.moduledata agrees with it: the file is damaged, or packed"))?;
    let (files, cutab) = CuTab::read(&tables);
    Ok(Pclntab { addr, text: module.text, gofunc: module.gofunc, files, cutab })
}

impl Pclntab {
    /// Every file that a linked function has code from.
    pub(super) fn files(&self) -> &FileTable {
        &self.files
    }

    /// Every function with a row in one of `wanted`, sorted by address.
    pub(super) fn functions(&self, image: &Image, wanted: &[FileId]) -> (Vec<Function>, Stats) {
        let mut is_wanted = vec![false; self.files.names.len()];
        for file in wanted {
            if let Some(slot) = is_wanted.get_mut(file.0 as usize) {
                *slot = true;
            }
        }
        let view = self.view(image);
        let units = self.cutab.units_naming(&is_wanted);
        let mut scratch = Scratch::default();
        let mut functions = Vec::new();
        let mut stats = Stats::default();
        let mut size = 0;
        // Functions of a unit mostly stand together.
        let mut last = (u32::MAX, false);
        for i in 0..view.tables.header.nfunc {
            let Some(cu) = view.tables.cu(i) else {
                stats.functions_broken += 1;
                continue;
            };
            if cu != last.0 {
                last = (cu, units.binary_search_by_key(&cu, |unit| unit.0).is_ok_and(|at| units[at].1));
            }
            if !last.1 {
                continue;
            }
            stats.functions_read += 1;
            match function::decode(&view, i, &is_wanted, &mut scratch) {
                Ok(Some(function)) if size + bytes_of(&function) <= MAX_RESULT_BYTES => {
                    size += bytes_of(&function);
                    functions.push(function);
                }
                Ok(None) => {}
                Ok(Some(_)) | Err(_) => stats.functions_broken += 1,
            }
        }
        (functions, stats)
    }

    /// Every function's name and code, up to the next function.
    pub(super) fn symbols(&self, image: &Image) -> Symbols {
        let view = self.view(image);
        // Names may share bytes only in a damaged table.
        let mut budget = MAX_RESULT_BYTES;
        let symbol = |i| {
            let low = view.addr(view.tables.entry(i)?)?;
            let high = view.addr(view.tables.entry(i + 1)?)?;
            Some((AddrRange { low, high }, view.function_name(i)?))
        };
        let symbols = (0..view.tables.header.nfunc).filter_map(symbol);
        symbols
            .take_while(|(_, name)| {
                let rest = budget.checked_sub(name.len());
                budget = rest.unwrap_or(0);
                rest.is_some()
            })
            .collect()
    }

    fn view<'a>(&'a self, image: &'a Image) -> View<'a> {
        let bytes = locate::bytes_from(image, self.addr).expect("this image's pclntab, as open found it");
        View {
            tables: Tables::parse(bytes).expect("this image's pclntab, as open found it"),
            text: self.text,
            gofunc: self.gofunc.and_then(|addr| locate::bytes_from(image, addr)).unwrap_or_default(),
            cutab: &self.cutab,
        }
    }
}

/// What `function` takes in memory, about.
fn bytes_of(function: &Function) -> usize {
    let calls = function.inlined.iter().map(|call| size_of_val(call) + call.name.len() + size_of_val(&*call.ranges));
    size_of_val(function) + function.name.len() + size_of_val(&*function.rows) + calls.sum::<usize>()
}

#[cfg(test)]
mod tests;
