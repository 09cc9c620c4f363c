//! What can be wrong with a binary.

use std::path::PathBuf;

/// Why a binary could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be opened or read.
    #[error("cannot read {}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The path names a directory, a device or the like.
    #[error("{} is not a regular file; name the Go executable itself", path.display())]
    NotAFile {
        /// Which path.
        path: PathBuf,
    },
    /// The file is larger than any Go executable.
    #[error("{} has {size} bytes, more than the {limit} that goat reads; is it an executable?", path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
        /// The most that goat reads.
        limit: u64,
    },
    /// The file begins as something else than ELF.
    #[error("{} is {found}, not an ELF executable; give the Linux binary that `go build` made", path.display())]
    NotElf {
        /// Which file.
        path: PathBuf,
        /// What it is instead: `a script`, `a Mach-O file`, ...
        found: &'static str,
    },
    /// An ELF file that goat has no use for.
    #[error("{} is {found}; goat reads 64-bit little-endian executables for x86-64 and arm64", path.display())]
    Unsupported {
        /// Which file.
        path: PathBuf,
        /// What it is: `a 32-bit ELF file`, `built for machine 243`, ...
        found: String,
    },
    /// The file ends too early.
    #[error("{} is truncated: its {part} ends at byte {end}, the file at {size}; copy it again", path.display())]
    Truncated {
        /// Which file.
        path: PathBuf,
        /// What is not whole: `section .text`, ...
        part: String,
        /// Where the part should end.
        end: u64,
        /// Where the file ends.
        size: u64,
    },
    /// The file contradicts itself.
    #[error("{} is corrupt: {what}", path.display())]
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// An ELF executable without Go's tables.
    #[error("{} was not built by Go, or its build information was removed: it has neither .gopclntab nor .go.buildinfo", path.display())]
    NotGo {
        /// Which file.
        path: PathBuf,
    },
    /// DWARF is wanted, and there is none.
    #[error("{} has no DWARF (.debug_info and .debug_line): it was linked with -w or stripped", path.display())]
    NoDwarf {
        /// Which file.
        path: PathBuf,
    },
    /// The debug file is not of this binary.
    #[error(
        "{} is not the debug file of {}: it has {found}, the binary has {wanted}; give the one that was split off from this very build",
        path.display(), binary.display()
    )]
    OtherDebugFile {
        /// The debug file.
        path: PathBuf,
        /// The binary.
        binary: PathBuf,
        /// The debug file's build ids.
        found: String,
        /// The binary's.
        wanted: String,
    },
    /// Go's own tables are needed and cannot be used.
    #[error("cannot read lines from Go's own tables (pclntab) in {}: {why}", path.display())]
    Pclntab {
        /// Which file.
        path: PathBuf,
        /// What is wrong with them.
        why: &'static str,
    },
}
