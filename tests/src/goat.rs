//! The `goat` binary under test.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use anyhow::{Context, Result, bail};

use crate::{
    process::{Outcome, Process},
    tool,
};

/// Where it is: `GOAT_BIN` if that is set, else what `cargo build` makes, in the profile that the tests were built in.
pub fn binary() -> Result<&'static Path> {
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match BINARY.get_or_init(|| build().map_err(|error| format!("{error:#}"))) {
        Ok(path) => Ok(path),
        Err(error) => bail!("{error}"),
    }
}

/// `goat` with the environment that decides on its answers left out, and with nothing kept from one test to the next, and
/// no limit to what exact counts may cost.
pub fn command() -> Result<Command> {
    let mut goat = Command::new(binary()?);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("GOAT_")) {
            goat.env_remove(name);
        }
    }
    goat.env_remove("RUST_LOG")
        .env_remove("RUST_BACKTRACE")
        .env("GOAT_NO_STATE", "true")
        .env("GOAT_MAX_OVERHEAD", "off");
    Ok(goat)
}

/// Runs goat with `args` to its end, whatever that is.
pub fn run<S: AsRef<OsStr>>(args: &[S]) -> Result<Outcome> {
    Process::run(command()?.args(args))
}

/// An example of goat's, built.
pub fn example(name: &str) -> Result<Command> {
    Ok(Command::new(cargo_build(&["--example", name], name)?))
}

fn build() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("GOAT_BIN") {
        return Ok(PathBuf::from(path));
    }
    cargo_build(&["--bin", "goat"], "goat")
}

fn cargo_build(what: &[&str], name: &str) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.current_dir(env!("CARGO_MANIFEST_DIR")).args(["build", "-q", "-p", "goat-userspace"]).args(what);
    build.arg("--message-format=json-render-diagnostics");
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    let messages = tool::output(&mut build)?;
    let path = messages.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        (message["target"]["name"] == name).then(|| message["executable"].as_str().map(PathBuf::from))?
    });
    path.with_context(|| format!("cargo built no binary named {name}"))
}
