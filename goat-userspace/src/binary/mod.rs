//! An ELF file in, what goat needs to know of a Go binary out: who it is, its functions, what line each instruction belongs
//! to, and which calls were inlined where.

pub mod debug_file;
mod dwarf;
mod error;
mod functions;
mod ident;
mod identity;
mod object;
mod pclntab;
mod stats;
mod symbols;
#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

pub use error::Error;
pub use functions::{FileId, FileTable, Function, InlinedCall, Row};
pub use identity::{Dependency, Identity, Module};
pub use stats::Stats;

use crate::addr::{AddrRange, FileOffset, VirtAddr};

/// The instruction set.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Arch {
    /// amd64.
    X86_64,
    /// arm64.
    Aarch64,
}

/// Where functions, rows and inlined calls are read from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum LineSource {
    /// DWARF if the file has it, else pclntab.
    #[default]
    Auto,
    /// `.debug_line` and `.debug_info`.
    Dwarf,
    /// Go's own tables, which stripped binaries keep.
    Pclntab,
}

/// How a binary is read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// Where the lines come from.
    pub lines: LineSource,
    /// The file that holds the binary's DWARF; `None` looks for one where the binary has none itself.
    pub debug_file: Option<PathBuf>,
    /// Where debug files are installed.
    pub debug_dirs: Vec<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self { lines: LineSource::Auto, debug_file: None, debug_dirs: vec![debug_file::DEBUG_DIR.into()] }
    }
}

/// An open Go binary. Reads the file once, whole; function details are decoded on demand.
pub struct Binary {
    image: object::Image,
    /// The file that holds the DWARF, where that is another one.
    debug: Option<object::Image>,
    symbols: symbols::Symbols,
    identity: Identity,
    tables: Tables,
    stats: Mutex<Stats>,
}

/// Where the lines come from.
enum Tables {
    Dwarf(dwarf::Tables),
    Pclntab(pclntab::Pclntab),
}

/// Opens the ELF file at `path`, reading lines from DWARF if it is there and from pclntab otherwise.
pub fn open(path: &Path) -> Result<Binary, Error> {
    Binary::open(path, LineSource::Auto)
}

/// Who the Go binary at `path` is: what [`open`] says of that, without its tables, which take many times its size in memory.
pub fn identify(path: &Path) -> Result<Identity, Error> {
    identity::read(&object::Image::open(path)?)
}

impl Binary {
    /// Opens the ELF file at `path`.
    pub fn open(path: &Path, lines: LineSource) -> Result<Self, Error> {
        Self::open_with(path, &Options { lines, ..Options::default() })
    }

    /// Opens the ELF file at `path`, and the file with its debug information where there is one.
    pub fn open_with(path: &Path, options: &Options) -> Result<Self, Error> {
        let image = object::Image::open(path)?;
        let identity = identity::read(&image)?;
        let debug = match &options.debug_file {
            Some(path) => Some(debug_file::named(path, &image, &identity)?),
            None if options.lines == LineSource::Pclntab || dwarf::Tables::has_any(&image) => None,
            None => debug_file::find(&image, &identity, &options.debug_dirs),
        };
        Self::new(image, debug, identity, options.lines)
    }

    /// Takes the file's bytes, and no debug information but its own; `path` is for messages.
    pub fn parse(path: &Path, bytes: Vec<u8>, lines: LineSource) -> Result<Self, Error> {
        let image = object::Image::parse(path, bytes)?;
        let identity = identity::read(&image)?;
        Self::new(image, None, identity, lines)
    }

    fn new(
        image: object::Image,
        debug: Option<object::Image>,
        identity: Identity,
        lines: LineSource,
    ) -> Result<Self, Error> {
        let dwarf = || dwarf::Tables::new(debug.as_ref().unwrap_or(&image)).map(Tables::Dwarf);
        let tables = match lines {
            LineSource::Auto => dwarf().map_or_else(|| pclntab::open(&image).map(Tables::Pclntab), Ok)?,
            LineSource::Dwarf => dwarf().ok_or_else(|| Error::NoDwarf { path: image.path().into() })?,
            LineSource::Pclntab => Tables::Pclntab(pclntab::open(&image)?),
        };
        let mut symbols = image.symbols();
        if symbols.is_empty() {
            // Stripped; pclntab still names the functions.
            symbols = match &tables {
                Tables::Pclntab(tables) => tables.symbols(&image),
                Tables::Dwarf(_) => pclntab::open(&image).map(|tables| tables.symbols(&image)).unwrap_or_default(),
            };
        }
        Ok(Self { image, debug, symbols, identity, tables, stats: Mutex::default() })
    }

    /// Who the binary is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The modules that it was linked with; `None` if it says nothing of modules, as one that was not built by the go command.
    pub fn dependencies(&self) -> Option<Vec<Dependency>> {
        identity::dependencies(&self.image)
    }

    /// Its instruction set.
    pub fn arch(&self) -> Arch {
        self.image.arch()
    }

    /// Which table the lines come from; never `Auto`.
    pub fn line_source(&self) -> LineSource {
        match self.tables {
            Tables::Dwarf(_) => LineSource::Dwarf,
            Tables::Pclntab(_) => LineSource::Pclntab,
        }
    }

    /// Every source file named in the line tables, sorted by name.
    pub fn files(&self) -> Result<FileTable, Error> {
        match &self.tables {
            Tables::Dwarf(tables) => Ok(tables.files(self.debug_image()).clone()),
            Tables::Pclntab(tables) => Ok(tables.files().clone()),
        }
    }

    /// The source files that have code in the binary. DWARF names more: those of which the linker kept no function.
    pub fn files_with_code(&self) -> Result<FileTable, Error> {
        match &self.tables {
            Tables::Pclntab(tables) => Ok(tables.files().clone()),
            Tables::Dwarf(_) => {
                pclntab::open(&self.image).map(|tables| tables.files().clone()).or_else(|_| self.files())
            }
        }
    }

    /// Every function that has at least one row, of its own or inlined, in one of `files`; sorted by address.
    pub fn functions(&self, files: &[FileId]) -> Result<Vec<Function>, Error> {
        let (functions, stats) = match &self.tables {
            Tables::Dwarf(tables) => tables.functions(&self.image, self.debug_image(), files),
            Tables::Pclntab(tables) => tables.functions(&self.image, files),
        };
        tracing::debug!(?stats, found = functions.len(), "functions read");
        *self.stats.lock().unwrap_or_else(PoisonError::into_inner) = stats;
        Ok(functions)
    }

    /// The file that the lines come from, where that is not the binary itself.
    pub fn debug_file(&self) -> Option<&Path> {
        self.debug.as_ref().map(object::Image::path)
    }

    fn debug_image(&self) -> &object::Image {
        self.debug.as_ref().unwrap_or(&self.image)
    }

    /// What the latest [`Binary::functions`] read and left out.
    pub fn stats(&self) -> Stats {
        *self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The machine code in `range`, or `None` where it is not whole in the file's executable part.
    pub fn code(&self, range: AddrRange) -> Option<&[u8]> {
        self.image.code(range)
    }

    /// `len` bytes of initialised read-only data at `addr` (jump tables), or `None` if the file does not hold them. Pointers
    /// in a PIE are relocated, as if it were loaded at the addresses that it states.
    pub fn data(&self, addr: VirtAddr, len: usize) -> Option<&[u8]> {
        self.image.data(addr, len)
    }

    /// Where in the file the byte of `addr` lies, if it is in an executable segment.
    pub fn file_offset(&self, addr: VirtAddr) -> Option<FileOffset> {
        self.image.file_offset(addr)
    }

    /// Every function's name and code, by address: also those that have no line in any file, as some of the compiler's own.
    pub fn symbols(&self) -> impl Iterator<Item = (&str, AddrRange)> {
        self.symbols.iter()
    }

    /// Where the function `name` lies, by the same tables as [`Binary::symbol`].
    pub fn function_named(&self, name: &str) -> Option<AddrRange> {
        self.symbols.range(name)
    }

    /// The name of the function that `addr` lies in, from the symbol table or pclntab: `runtime.panicIndex`, ...
    pub fn symbol(&self, addr: VirtAddr) -> Option<&str> {
        self.symbols.name(addr)
    }
}
