//! Broken Go's own tables: an answer or an error.

#![no_main]

use goat::binary::LineSource;
use goat_fuzz::{Base, Shared};
use libfuzzer_sys::fuzz_target;

static BASE: Shared = Shared::new();

fuzz_target!(|input: &[u8]| {
    let base =
        BASE.get_or_init(|| Base::new(|name| matches!(name, ".gopclntab" | ".go.func" | ".go.module" | ".noptrdata")));
    goat::fuzzing::binary(base.patched(input), LineSource::Pclntab);
});
