//! Binaries that the local Go builds, read and compared with what Go's own tools say of them.

mod dwarf;
mod go_build;
mod hostile;
mod identity;
mod open;
