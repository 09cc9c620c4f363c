//! The ELF container: segments, sections, symbols. Nothing else names the `object` crate.
//!
//! The file is read whole, not mapped: a mapping of a file that a deployment overwrites or truncates changes under the
//! reader or kills it with SIGBUS, and reading costs about a third of a millisecond per megabyte from the page cache.
//! It is also what allows the next step: the dynamic linker's relative relocations are applied to the bytes once, as if
//! the file were loaded at the addresses that it states, so that the pointers in a PIE's data (which are 0 in the file) read
//! like those of any other binary. Executable segments are left as they are in the file.

use std::{
    cmp::Reverse,
    fs::File,
    io::Read,
    ops::Range,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use object::{
    CompressedData, CompressionFormat, LittleEndian as LE,
    elf::{self, FileHeader64},
    read::elf::{FileHeader, ProgramHeader, SectionHeader, SectionTable, Sym},
};

use super::{Arch, Error, ident, symbols::Symbols};
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
type Sections<'a> = SectionTable<'a, Header>;

/// An ELF file in memory, relative relocations applied.
pub(super) struct Image {
    path: PathBuf,
    bytes: Vec<u8>,
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
    pub addr: VirtAddr,
    pub data: &'a [u8],
    pub executable: bool,
    pub writable: bool,
}

impl Image {
    /// Reads the file at `path`.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        Self::parse(path, read(path)?)
    }

    /// Reads a file of debug information at `path`: its program headers speak of bytes that only the executable has.
    pub(super) fn open_debug(path: &Path) -> Result<Self, Error> {
        Self::parse_as(path, read(path)?, Role::Debug)
    }

    /// Takes the file's bytes; `path` is for messages.
    pub(super) fn parse(path: &Path, bytes: Vec<u8>) -> Result<Self, Error> {
        Self::parse_as(path, bytes, Role::Executable)
    }

    fn parse_as(path: &Path, bytes: Vec<u8>, role: Role) -> Result<Self, Error> {
        ident::check(path, &bytes)?;
        let corrupt = |e: object::read::Error| Error::Corrupt { path: path.into(), what: e.to_string() };
        let unsupported = |found| Error::Unsupported { path: path.into(), found };
        let file: &[u8] = &bytes;
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
        let stored = self.bytes.get(entry.file.clone())?;
        let data = match &entry.compression {
            None => stored,
            Some(compression) => entry.decompressed.get_or_init(|| decompress(name, stored, compression)).as_deref()?,
        };
        Some(Section { addr: entry.addr, data })
    }

    /// The checksum that a `.gnu_debuglink` holds of the file that it names.
    pub(super) fn checksum(&self) -> u32 {
        crc32fast::hash(&self.bytes)
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
        self.loads.iter().map(|load| Segment {
            addr: load.range.low,
            data: &self.bytes[load.file.clone()],
            executable: load.executable,
            writable: load.writable,
        })
    }

    /// The bytes of `range`, if one executable segment of the file holds them all.
    pub(super) fn code(&self, range: AddrRange) -> Option<&[u8]> {
        let len = usize::try_from(range.high.offset_from(range.low)?).ok()?;
        self.slice(range.low, len, |load| load.executable)
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
        let file: &[u8] = &self.bytes;
        let header = Header::parse(file)?;
        let table = header.sections(LE, file)?.symbols(LE, file, elf::SHT_SYMTAB)?;
        let mut functions: Vec<(VirtAddr, u64, &str)> = Vec::with_capacity(table.len());
        // Names that share their bytes could make the copy far larger than the file; a linker's hardly do.
        let mut budget = file.len();
        for symbol in table.iter() {
            let addr = VirtAddr(symbol.st_value(LE));
            if symbol.st_type() != elf::STT_FUNC || self.file_offset(addr).is_none() {
                continue;
            }
            let name = symbol.name(LE, table.strings())?;
            let Some(rest) = budget.checked_sub(name.len()) else { break };
            budget = rest;
            if let Ok(name) = str::from_utf8(name) {
                functions.push((addr, symbol.st_size(LE), name));
            }
        }
        // Of several at one address the one with a size: `runtime.text` and the like are only marks.
        functions.sort_unstable_by_key(|&(addr, size, name)| (addr, Reverse(size), name));
        functions.dedup_by_key(|&mut (addr, ..)| addr);
        let next = functions.iter().skip(1).map(|&(addr, ..)| Some(addr)).chain([None]);
        let range = |low: VirtAddr, size, next| {
            let high = if size == 0 { next } else { low.checked_add(size) };
            AddrRange { low, high: high.unwrap_or(low) }
        };
        Ok(functions.iter().zip(next).map(|(&(low, size, name), next)| (range(low, size, next), name)).collect())
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
        self.bytes[place].copy_from_slice(&value.to_le_bytes());
    }
}

/// What a file is read for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Executable,
    /// Its sections only.
    Debug,
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let io = |source| Error::Io { path: path.into(), source };
    let mut file = File::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if !metadata.is_file() {
        return Err(Error::NotAFile { path: path.into() });
    }
    let size = metadata.len();
    let mut bytes = Vec::new();
    (&mut file).take(ident::HEADER_BYTES as u64).read_to_end(&mut bytes).map_err(io)?;
    ident::check(path, &bytes)?;
    if size > MAX_FILE_BYTES {
        return Err(Error::TooLarge { path: path.into(), size, limit: MAX_FILE_BYTES });
    }
    bytes.try_reserve_exact(size as usize).map_err(|e| io(e.into()))?;
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}

fn file_range(
    path: &Path,
    file: &[u8],
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
    file: &[u8],
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
        if let [b'Z', b'L', b'I', b'B', size @ ..] = &file[range.clone()]
            && let Some((size, _)) = size.split_first_chunk()
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
fn relative_relocations(file: &[u8], table: &Sections<'_>, arch: Arch) -> Vec<(VirtAddr, u64)> {
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
