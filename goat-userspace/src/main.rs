//! The `goat` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    goat::cli::main()
}
