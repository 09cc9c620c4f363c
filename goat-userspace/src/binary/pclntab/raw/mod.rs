//! Bytes of a pclntab in, offsets and numbers out; what they mean is the module above's business.
//!
//! The layout is that of Go 1.18 to 1.27, 64-bit and little-endian: `pcHeader`, then funcnametab, cutab, filetab, pctab and
//! functab, each found by an offset in the header. Source: runtime/symtab.go, runtime/runtime2.go (`_func`),
//! runtime/symtabinl.go (`inlinedCall`), cmd/link/internal/ld/pcln.go, at the tags go1.18 to go1.27.

mod header;
mod pc_values;
mod reader;
mod tables;
mod types;

pub(super) use header::{HEADER_SIZE, Header};
pub(super) use pc_values::{PcValue, PcValues};
pub(super) use reader::u64_at;
pub(super) use tables::Tables;
pub(super) use types::{BadTable, Func, InlTreeOff, InlinedCallRecord, NameOff, PcTabOff, TextOff};
