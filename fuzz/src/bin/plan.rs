//! Broken plan files: what can be read can be shown, checked and written again.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| goat::fuzzing::plan(input));
