//! The ELF container: segments, sections, symbols. Nothing else names the `object` crate.
//!
//! The dynamic linker's relative relocations are applied to the bytes once, as if the file were loaded at the addresses that it
//! states, so that the pointers in a PIE's data (which are 0 in the file) read like those of any other binary. Executable
//! segments are left as they are in the file.

use std::{
    cmp::Reverse,
    fs::File,
    io,
    ops::Range,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use object::{
    CompressedData, CompressionFormat, LittleEndian as LE,
    elf::{self, FileHeader64},
    read::ReadRef,
    read::elf::{FileHeader, ProgramHeader, SectionHeader, SectionTable, Sym},
};

use super::{
    Arch, Error,
    bytes::Bytes,
    ident,
    symbols::{Symbol, Symbols},
};
use crate::addr::{AddrRange, FileOffset, VirtAddr};

/// The largest file that is read; the largest Go binaries have some hundred megabytes.
const MAX_FILE_BYTES: u64 = 4 << 30;
/// The largest section after decompression.
const MAX_SECTION_BYTES: u64 = 2 << 30;
/// No zlib stream expands further (zlib's technical notes: 1032 to 1), so that a larger claim is a lie.
const MAX_ZLIB_RATIO: u64 = 1032;

/// A longer section name is cut: none that is asked for comes near.
const MAX_SECTION_NAME_BYTES: usize = 64;

type Header = FileHeader64<LE>;
type Sections<'a> = SectionTable<'a, Header, &'a Bytes>;

/// An ELF file in memory, relative relocations applied.
pub(super) struct Image {
    path: PathBuf,
    bytes: Bytes,
    arch: Arch,
    loads: Box<[Load]>,
    /// What a PIE's loader makes read-only after relocating it.
    read_only_after_start: Box<[AddrRange]>,
    sections: Box<[SectionEntry]>,
}

/// A loadable segment: the part of it that the file holds.
struct Load {
    range: AddrRange,
    file: Range<usize>,
    executable: bool,
    writable: bool,
}

struct SectionEntry {
    name: Box<str>,
    addr: VirtAddr,
    /// Empty for a section without bytes in the file.
    file: Range<usize>,
    compression: Option<Compression>,
    /// The decompressed bytes, once wanted; `None` if they are broken.
    decompressed: OnceLock<Option<Box<[u8]>>>,
}

struct Compression {
    format: CompressionFormat,
    size: u64,
}

/// A section's bytes, decompressed.
#[derive(Clone, Copy)]
pub(super) struct Section<'a> {
    /// Where it is loaded; 0 for one that is not.
    pub addr: VirtAddr,
    pub data: &'a [u8],
}

/// A loadable segment's bytes in the file; what follows them in memory is zero.
#[derive(Clone, Copy)]
pub(super) struct Segment<'a> {
    bytes: &'a Bytes,
    load: &'a Load,
}

impl<'a> Segment<'a> {
    pub(super) fn addr(&self) -> VirtAddr {
        self.load.range.low
    }

    pub(super) fn is_executable(&self) -> bool {
        self.load.executable
    }

    pub(super) fn is_writable(&self) -> bool {
        self.load.writable
    }

    /// All of them: dear in a large file.
    pub(super) fn data(&self) -> &'a [u8] {
        self.bytes.get(self.load.file.clone()).unwrap_or_default()
    }

    /// Those from `addr` on; `None` if there are none.
    pub(super) fn data_from(&self, addr: VirtAddr) -> Option<&'a [u8]> {
        let skipped = usize::try_from(addr.offset_from(self.addr())?).ok()?;
        let start = self.load.file.start.checked_add(skipped).filter(|start| *start < self.load.file.end)?;
        self.bytes.get(start..self.load.file.end)
    }
}

impl Image {
    /// Opens the file at `path`.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        Self::parse_as(path, open(path)?, Role::Executable)
    }

    /// Opens a file of debug information at `path`: its program headers speak of bytes that only the executable has.
    pub(super) fn open_debug(path: &Path) -> Result<Self, Error> {
        Self::parse_as(path, open(path)?, Role::Debug)
    }

    /// Takes the file's bytes; `path` is for messages.
    pub(super) fn parse(path: &Path, bytes: Vec<u8>) -> Result<Self, Error> {
        Self::parse_as(path, Bytes::Whole(bytes), Role::Executable)
    }

    fn parse_as(path: &Path, bytes: Bytes, role: Role) -> Result<Self, Error> {
        let head = bytes.get(0..bytes.len().min(ident::HEADER_BYTES));
        ident::check(path, head.ok_or_else(|| unreadable(path, &bytes))?)?;
        let corrupt = |e: object::read::Error| match bytes.check() {
            Ok(()) => Error::Corrupt { path: path.into(), what: e.to_string() },
            Err(source) => Error::Io { path: path.into(), source },
        };
        let unsupported = |found| Error::Unsupported { path: path.into(), found };
        let file = &bytes;
        let header = Header::parse(file).map_err(corrupt)?;
        let arch = match header.e_machine(LE) {
            elf::EM_X86_64 => Arch::X86_64,
            elf::EM_AARCH64 => Arch::Aarch64,
            other => return Err(unsupported(format!("built for another processor (ELF machine {})", other.0))),
        };
        match header.e_type(LE) {
            elf::ET_EXEC | elf::ET_DYN => {}
            elf::ET_REL => return Err(unsupported("an object file that is not linked yet".into())),
            elf::ET_CORE => return Err(unsupported("a core dump".into())),
            other => return Err(unsupported(format!("an ELF file of type {}", other.0))),
        }

        let mut loads = Vec::new();
        let mut read_only_after_start = Vec::new();
        let segments = match role {
            Role::Executable => header.program_headers(LE, file).map_err(corrupt)?,
            Role::Debug => &[],
        };
        for segment in segments {
            let (kind, size) = (segment.p_type(LE), segment.p_filesz(LE));
            let part = || format!("segment at {:#x}", segment.p_vaddr(LE));
            let low = VirtAddr(segment.p_vaddr(LE));
            let Some(high) = low.checked_add(size) else {
                return Err(Error::Corrupt { path: path.into(), what: format!("its {} has no end", part()) });
            };
            let range = AddrRange { low, high };
            if kind == elf::PT_LOAD {
                loads.push(Load {
                    range,
                    file: file_range(path, file, segment.p_offset(LE), size, part)?,
                    executable: segment.p_flags(LE).contains(elf::PF_X),
                    writable: segment.p_flags(LE).contains(elf::PF_W),
                });
            } else if kind == elf::PT_GNU_RELRO {
                read_only_after_start.push(range);
            }
        }

        let table = header.sections(LE, file).map_err(corrupt)?;
        let mut sections = Vec::with_capacity(table.len());
        for section in table.iter() {
            let name = table.section_name(LE, section).map_err(corrupt)?;
            let name = String::from_utf8_lossy(&name[..name.len().min(MAX_SECTION_NAME_BYTES)]);
            sections.push(section_entry(path, file, section, &name)?);
        }

        let relocations = relative_relocations(file, &table, arch);
        let mut image = Self {
            path: path.into(),
            arch,
            loads: loads.into(),
            read_only_after_start: read_only_after_start.into(),
            sections: sections.into(),
            bytes,
        };
        for (addr, value) in relocations {
            image.relocate(addr, value);
        }
        Ok(image)
    }

    /// The file, for messages.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn arch(&self) -> Arch {
        self.arch
    }

    /// Whether [`Image::section`] has something to read for `name`, broken or not.
    pub(super) fn has_section(&self, name: &str) -> bool {
        self.entry(name).is_some()
    }

    /// The section called `name`, decompressed; `.debug_x` is found under its old compressed name `.zdebug_x`, too.
    /// `None` if the file has no such section, no bytes of it, or broken ones.
    pub(super) fn section(&self, name: &str) -> Option<Section<'_>> {
        let entry = self.entry(name)?;
        let decompressed = |compression| {
            let stored = self.bytes.copy(entry.file.clone())?;
            decompress(name, &stored, compression)
        };
        let data = match &entry.compression {
            None => self.bytes.get(entry.file.clone())?,
            Some(compression) => entry.decompressed.get_or_init(|| decompressed(compression)).as_deref()?,
        };
        Some(Section { addr: entry.addr, data })
    }

    /// Whether what was read is what the file holds: an error where it has been written to, or could not be read.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.bytes.check().map_err(|source| Error::Io { path: self.path.clone(), source })
    }

    /// The checksum that a `.gnu_debuglink` holds of the file that it names.
    pub(super) fn checksum(&self) -> u32 {
        /// How much is looked at, and kept, at once.
        const PIECE: usize = 1 << 20;
        let mut hasher = crc32fast::Hasher::new();
        for start in (0..self.bytes.len()).step_by(PIECE) {
            let piece = self.bytes.copy(start..(start + PIECE).min(self.bytes.len()));
            hasher.update(piece.as_deref().unwrap_or_default());
        }
        hasher.finalize()
    }

    /// Where in the file the bytes of section `name` are.
    #[cfg(test)]
    pub(super) fn section_bytes(&self, name: &str) -> Option<Range<usize>> {
        self.entry(name).map(|entry| entry.file.clone())
    }

    fn entry(&self, name: &str) -> Option<&SectionEntry> {
        let named = |name: &str| self.sections.iter().find(|s| &*s.name == name && !s.file.is_empty());
        named(name).or_else(|| named(&format!(".z{}", name.strip_prefix('.')?)))
    }

    /// The loadable segments, in the file's order.
    pub(super) fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        self.loads.iter().map(|load| Segment { bytes: &self.bytes, load })
    }

    /// The bytes of `range`, if one executable segment of the file holds them all.
    pub(super) fn code(&self, range: AddrRange) -> Option<&[u8]> {
        let len = usize::try_from(range.high.offset_from(range.low)?).ok()?;
        self.slice(range.low, len, |load| load.executable)
    }

    /// Whether one executable segment of the file holds all of `range`.
    pub(super) fn has_code(&self, range: AddrRange) -> bool {
        let len = range.high.offset_from(range.low).and_then(|len| usize::try_from(len).ok());
        len.is_some_and(|len| self.place(range.low, len, |load| load.executable).is_some())
    }

    /// `len` bytes at `addr`, if the file holds them all and the running program cannot change them.
    pub(super) fn data(&self, addr: VirtAddr, len: usize) -> Option<&[u8]> {
        let range = AddrRange { low: addr, high: addr.checked_add(len as u64)? };
        let sealed = self.read_only_after_start.iter().any(|r| r.low <= range.low && range.high <= r.high);
        self.slice(addr, len, |load| sealed || !load.writable)
    }

    /// `len` bytes at `addr`, as the program finds them when it starts, if the file holds them all.
    pub(super) fn initial_bytes(&self, addr: VirtAddr, len: usize) -> Option<&[u8]> {
        self.slice(addr, len, |_| true)
    }

    /// Where in the file the byte of `addr` lies, if it is in an executable segment.
    pub(super) fn file_offset(&self, addr: VirtAddr) -> Option<FileOffset> {
        let load = self.loads.iter().find(|load| load.executable && load.range.contains(addr))?;
        Some(FileOffset(load.file.start as u64 + addr.offset_from(load.range.low)?))
    }

    /// The functions of `.symtab`; none for a stripped binary. A symbol without a size reaches to the next one.
    pub(super) fn symbols(&self) -> Symbols {
        self.try_symbols().unwrap_or_else(|error| {
            tracing::debug!(path = %self.path.display(), %error, "no symbols");
            Symbols::default()
        })
    }

    fn try_symbols(&self) -> object::read::Result<Symbols> {
        let file = &self.bytes;
        let header = Header::parse(file)?;
        let sections = header.sections(LE, file)?;
        let table = sections.symbols(LE, file, elf::SHT_SYMTAB)?;
        let strings = match sections.section(table.string_section())?.file_range(LE) {
            Some((start, size)) => start as usize..start.saturating_add(size).min(file.len() as u64) as usize,
            None => 0..0,
        };
        let mut functions: Vec<Symbol> = Vec::with_capacity(table.len());
        for symbol in table.iter().filter(|symbol| symbol.st_type() == elf::STT_FUNC) {
            let low = VirtAddr(symbol.st_value(LE));
            if self.file_offset(low).is_some() {
                let size = symbol.st_size(LE);
                let high = low.checked_add(size).unwrap_or(low);
                functions.push(Symbol { range: AddrRange { low, high }, name: symbol.st_name(LE) });
            }
        }
        // Of several at one address the one with a size: `runtime.text` and the like are only marks.
        functions.sort_by_key(|symbol| (symbol.range.low, Reverse(symbol.range.high)));
        for at in 0..functions.len() {
            let AddrRange { low, high } = functions[at].range;
            let is_alone = at.checked_sub(1).is_none_or(|before| functions[before].range.low != low);
            if low == high && is_alone {
                let next = functions[at + 1..].iter().map(|symbol| symbol.range.low).find(|next| *next > low);
                functions[at].range.high = next.unwrap_or(low);
            }
        }
        Ok(Symbols::new(file, strings, functions))
    }

    /// The bytes of the whole file.
    pub(super) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    fn slice(&self, addr: VirtAddr, len: usize, wanted: impl Fn(&Load) -> bool) -> Option<&[u8]> {
        self.bytes.get(self.place(addr, len, wanted)?)
    }

    fn place(&self, addr: VirtAddr, len: usize, wanted: impl Fn(&Load) -> bool) -> Option<Range<usize>> {
        let high = addr.checked_add(len as u64)?;
        let holds = |load: &&Load| load.range.low <= addr && high <= load.range.high && wanted(load);
        let load = self.loads.iter().find(holds)?;
        let start = load.file.start + usize::try_from(addr.offset_from(load.range.low)?).ok()?;
        Some(start..start + len)
    }

    fn relocate(&mut self, addr: VirtAddr, value: u64) {
        // Text stays what the kernel finds in the file.
        let Some(place) = self.place(addr, size_of::<u64>(), |load| !load.executable) else { return };
        if let Some(bytes) = self.bytes.get_mut(place) {
            bytes.copy_from_slice(&value.to_le_bytes());
        }
    }
}

/// What a file is read for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Executable,
    /// Its sections only.
    Debug,
}

fn open(path: &Path) -> Result<Bytes, Error> {
    let io = |source| Error::Io { path: path.into(), source };
    let file = File::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if !metadata.is_file() {
        return Err(Error::NotAFile { path: path.into() });
    }
    let size = metadata.len();
    if size > MAX_FILE_BYTES {
        let mut head = [0; ident::HEADER_BYTES];
        file.read_exact_at(&mut head, 0).map_err(io)?;
        ident::check(path, &head)?;
        return Err(Error::TooLarge { path: path.into(), size, limit: MAX_FILE_BYTES });
    }
    Bytes::of_file(file).map_err(io)
}

fn unreadable(path: &Path, bytes: &Bytes) -> Error {
    let source = bytes.check().err().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into());
    Error::Io { path: path.into(), source }
}

/// Bytes as the library reads them.
impl<'a> ReadRef<'a> for &'a Bytes {
    fn len(self) -> Result<u64, ()> {
        Ok(Bytes::len(self) as u64)
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'a [u8], ()> {
        let start = usize::try_from(offset).map_err(drop)?;
        let end = usize::try_from(size).ok().and_then(|size| start.checked_add(size)).ok_or(())?;
        self.get(start..end).ok_or(())
    }

    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> Result<&'a [u8], ()> {
        let at = |offset| usize::try_from(offset).map_err(drop);
        let range = at(range.start)?..at(range.end)?;
        if delimiter == 0 {
            return self.until_nul(range).ok_or(());
        }
        let bytes = self.get(range).ok_or(())?;
        bytes.iter().position(|byte| *byte == delimiter).map(|end| &bytes[..end]).ok_or(())
    }
}

fn file_range(
    path: &Path,
    file: &Bytes,
    offset: u64,
    size: u64,
    part: impl Fn() -> String,
) -> Result<Range<usize>, Error> {
    let end = offset.saturating_add(size);
    if end > file.len() as u64 {
        return Err(Error::Truncated { path: path.into(), part: part(), end, size: file.len() as u64 });
    }
    Ok(offset as usize..end as usize)
}

fn section_entry(
    path: &Path,
    file: &Bytes,
    section: &elf::SectionHeader64<LE>,
    name: &str,
) -> Result<SectionEntry, Error> {
    let corrupt = |what: String| Error::Corrupt { path: path.into(), what: format!("section {name}: {what}") };
    let mut range = match section.file_range(LE) {
        Some((offset, size)) => file_range(path, file, offset, size, || format!("section {name}"))?,
        None => 0..0,
    };
    let mut compression = None;
    if let Some((header, offset, size)) = section.compression(LE, file).map_err(|e| corrupt(e.to_string()))? {
        let format = match header.ch_type.get(LE) {
            elf::ELFCOMPRESS_ZLIB => CompressionFormat::Zlib,
            elf::ELFCOMPRESS_ZSTD => CompressionFormat::Zstandard,
            _ => CompressionFormat::Unknown,
        };
        range = file_range(path, file, offset, size, || format!("section {name}"))?;
        compression = Some(Compression { format, size: header.ch_size.get(LE) });
    } else if name.starts_with(".zdebug_") {
        // `ZLIB`, the size as a big-endian u64, the stream: what the Go linker wrote up to Go 1.18.
        if let Some([b'Z', b'L', b'I', b'B', size @ ..]) = file.get(range.start..range.end.min(range.start + 12))
            && let Some(size) = size.first_chunk()
        {
            compression = Some(Compression { format: CompressionFormat::Zlib, size: u64::from_be_bytes(*size) });
            range.start += 12;
        }
    }
    let (addr, decompressed) = (VirtAddr(section.sh_addr(LE)), OnceLock::new());
    Ok(SectionEntry { name: name.into(), addr, file: range, compression, decompressed })
}

fn decompress(name: &str, stored: &[u8], compression: &Compression) -> Option<Box<[u8]>> {
    let &Compression { format, size } = compression;
    let limit = match format {
        CompressionFormat::Zlib => (stored.len() as u64).saturating_mul(MAX_ZLIB_RATIO).min(MAX_SECTION_BYTES),
        _ => MAX_SECTION_BYTES,
    };
    if size > limit {
        tracing::debug!(section = name, size, limit, "section is said to be too large");
        return None;
    }
    match (CompressedData { format, data: stored, uncompressed_size: size }).decompress() {
        Ok(bytes) => Some(bytes.into()),
        Err(error) => {
            tracing::debug!(section = name, %error, "section does not decompress");
            None
        }
    }
}

/// What the dynamic linker writes without looking at symbols: (where, the address to write at load bias 0).
/// Packed ones (`SHT_RELR`) are left out: their values stand in the file already.
fn relative_relocations(file: &Bytes, table: &Sections<'_>, arch: Arch) -> Vec<(VirtAddr, u64)> {
    let relative = match arch {
        Arch::X86_64 => elf::R_X86_64_RELATIVE,
        Arch::Aarch64 => elf::R_AARCH64_RELATIVE,
    };
    let mut relocations = Vec::new();
    for section in table.iter().filter(|s| s.sh_flags(LE).contains(elf::SHF_ALLOC)) {
        let Ok(Some((entries, _))) = section.rela(LE, file) else { continue };
        for entry in entries.iter().filter(|entry| entry.r_type(LE, false) == relative) {
            relocations.push((VirtAddr(entry.r_offset.get(LE)), entry.r_addend.get(LE) as u64));
        }
    }
    relocations
}
