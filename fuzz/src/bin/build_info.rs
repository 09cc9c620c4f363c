//! Broken build information and notes: an answer or an error.

#![no_main]

use goat_fuzz::{Base, Shared};
use libfuzzer_sys::fuzz_target;

static BASE: Shared = Shared::new();

fuzz_target!(|input: &[u8]| {
    let base = BASE
        .get_or_init(|| Base::new(|name| matches!(name, ".go.buildinfo" | ".note.go.buildid" | ".note.gnu.build-id")));
    goat::fuzzing::identity(base.patched(input));
});
