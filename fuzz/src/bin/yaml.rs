//! Broken goat.yaml files: settings or an error that can be printed.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| goat::fuzzing::config(input));
