//! Binaries that the local Go builds, read and compared with what Go's own tools say of them.

pub(in crate::binary) mod cache;
mod debug_file;
mod dwarf;
mod go_build;
mod hostile;
mod identity;
mod open;
