//! What the fuzz targets call, in builds for them only: everything that is read from files that others made.

use std::path::Path;

use crate::{
    binary::{self, Binary, FileId, LineSource},
    cfg, cli, plan, state,
    style::Style,
};

/// How many files' functions are asked for: all would take most of the time.
const FILES: usize = 2;
/// How many functions are decoded: more would take most of the time, too.
const FUNCTIONS: usize = 6;

/// Reads all that goat reads of a binary.
pub fn binary(bytes: Vec<u8>, lines: LineSource) {
    let Ok(binary) = Binary::parse(Path::new("fuzz"), bytes, lines) else { return };
    let Ok(files) = binary.files() else { return };
    // The program's own: the runtime's take most of the time.
    let own = (0..).zip(&files.names).filter(|(_, name)| name.ends_with("main.go")).map(|(id, _)| FileId(id));
    let mut wanted: Vec<FileId> = own.take(FILES).collect();
    wanted.push(FileId(u32::try_from(files.names.len()).unwrap_or(u32::MAX) / 2));
    let Ok(functions) = binary.functions(&wanted) else { return };
    for function in functions.iter().take(FUNCTIONS) {
        let _ = cfg::build(&binary, function.range);
        let _ = function.row(function.range.low);
        let _ = function.inlined_at(function.range.low);
        let _ = binary.symbol(function.range.low);
    }
}

/// Reads who a binary is.
pub fn identity(bytes: Vec<u8>) {
    let _ = binary::identify_bytes(Path::new("fuzz"), bytes);
}

/// Reads, checks, shows and writes a plan.
pub fn plan(bytes: &[u8]) {
    // With the right checksum, or as it is.
    let Ok(plan) = plan::decode_body(bytes).or_else(|_| plan::decode(bytes)) else { return };
    let _ = plan::text(&plan, Style::PLAIN);
    let _ = plan::json(&plan);
    let again = plan::encode(&plan).expect("a plan that was read can be written");
    assert!(plan::decode(&again).is_ok_and(|again| again == plan));
}

/// Reads and writes a kept state.
pub fn state(bytes: &[u8]) {
    let Ok(state) = state::decode_body(bytes).or_else(|_| state::decode(bytes)) else { return };
    let again = state::encode(&state).expect("a state that was read can be written");
    assert!(state::decode(&again).is_ok_and(|again| state::encode(&again).is_ok()));
}

/// Reads a configuration.
pub fn config(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        cli::check_config(text);
    }
}
