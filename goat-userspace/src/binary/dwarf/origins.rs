//! Follows abstract origins, in whatever unit they are: Go inlines across packages, and a package is a unit.

use std::collections::HashMap;

use super::{
    Dwarf, Unit,
    entries::{self, Declaration},
    units::Index,
};

/// An inlined call refers to its callee's entry, that one to its specification at most (C++).
const MAX_REFERENCES: usize = 4;

pub(super) struct Origins<'d, 'a> {
    dwarf: &'d Dwarf<'a>,
    index: &'d Index,
    /// By number; `None` for one that is broken.
    units: HashMap<usize, Option<Unit<'a>>>,
    /// By place in `.debug_info`.
    declarations: HashMap<usize, Declaration<'a>>,
}

impl<'d, 'a> Origins<'d, 'a> {
    pub(super) fn new(dwarf: &'d Dwarf<'a>, index: &'d Index) -> Self {
        Self { dwarf, index, units: HashMap::new(), declarations: HashMap::new() }
    }

    /// `declaration` with what it leaves to its origins filled in.
    pub(super) fn resolve(&mut self, mut declaration: Declaration<'a>) -> Declaration<'a> {
        for _ in 0..MAX_REFERENCES {
            let Some(offset) = declaration.origin.take() else { break };
            let origin = self.declaration(offset).unwrap_or_default();
            declaration.name = declaration.name.or(origin.name);
            declaration.file = declaration.file.or(origin.file);
            if declaration.line == 0 {
                declaration.line = origin.line;
            }
            declaration.origin = origin.origin;
        }
        declaration
    }

    fn declaration(&mut self, offset: usize) -> Option<Declaration<'a>> {
        if let Some(known) = self.declarations.get(&offset) {
            return Some(*known);
        }
        let number = self.index.unit_of(offset)?;
        let files = &self.index.units[number];
        let unit = self.units.entry(number).or_insert_with(|| {
            let header = self.dwarf.unit_header(gimli::DebugInfoOffset(files.offset)).ok()?;
            let mut unit = self.dwarf.unit(header).ok()?;
            // Its file table is in the index; kept here, those of all units would take most of the memory.
            unit.line_program = None;
            Some(unit)
        });
        let unit = unit.as_ref()?;
        let place = gimli::DebugInfoOffset(offset).to_unit_offset(&unit.header)?;
        let declaration = entries::declaration(self.dwarf, unit, files, place).ok()?;
        self.declarations.insert(offset, declaration);
        Some(declaration)
    }
}
