//! Broken files of kept counts: what can be read can be written again.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| goat::fuzzing::state(input));
