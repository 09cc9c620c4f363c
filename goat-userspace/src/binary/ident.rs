//! The first bytes of a file: what kind of file it is, before anything else is read of it.

use std::path::Path;

use super::Error;

/// The size of a 64-bit ELF file header: as much as [`check`] wants to see.
pub(super) const HEADER_BYTES: usize = 64;

/// Tells an ELF file for 64 bits, little-endian, from the rest, by its first bytes.
pub(super) fn check(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let found = match bytes {
        [0x7f, b'E', b'L', b'F', class, order, ..] => {
            let found = match (*class, *order) {
                (1, _) => "a 32-bit ELF file",
                (2, 2) => "a big-endian ELF file",
                (2, 1) if bytes.len() >= HEADER_BYTES => return Ok(()),
                (2, 1) => {
                    let (end, size) = (HEADER_BYTES as u64, bytes.len() as u64);
                    return Err(Error::Truncated { path: path.into(), part: "file header".into(), end, size });
                }
                _ => "an ELF file of an unknown class",
            };
            return Err(Error::Unsupported { path: path.into(), found: found.into() });
        }
        [] => "an empty file",
        [b'#', b'!', ..] => "a script",
        [b'M', b'Z', ..] => "a Windows executable",
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] | [0xfe, 0xed, 0xfa, 0xcf | 0xce, ..] => "a macOS executable (Mach-O)",
        [0xca, 0xfe, 0xba, 0xbe | 0xbf, ..] => "a macOS universal binary",
        [b'!', b'<', b'a', b'r', b'c', b'h', b'>', ..] => "an archive of object files",
        [0x1f, 0x8b, ..] => "a gzip-compressed file",
        [b'\0', b'a', b's', b'm', ..] => "a WebAssembly module",
        _ => "something else",
    };
    Err(Error::NotElf { path: path.into(), found })
}
