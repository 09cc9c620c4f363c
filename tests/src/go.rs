//! The Go toolchain: the installed one builds the programs under test, an older one lends its sources.

use std::{path::PathBuf, process::Command};

use anyhow::Result;

use crate::tool;

/// The installed `go`, whatever toolchain line a go.mod has.
pub fn command() -> Command {
    let mut go = Command::new("go");
    go.env("GOTOOLCHAIN", "local").env("GOWORK", "off").env_remove("GOFLAGS");
    go
}

/// The installed release: `go1.26.8`.
pub fn version() -> Result<String> {
    let text = tool::output(command().args(["env", "GOVERSION"]))?;
    Ok(text.trim().to_owned())
}

/// Where the installed release's sources are.
pub fn root() -> Result<PathBuf> {
    let text = tool::output(command().args(["env", "GOROOT"]))?;
    Ok(PathBuf::from(text.trim()))
}

/// Where the sources of `release` (`go1.25.5`) are; the module proxy sends them the first time.
pub fn root_of(release: &str) -> Result<PathBuf> {
    let text = tool::output(command().env("GOTOOLCHAIN", release).args(["env", "GOROOT"]))?;
    Ok(PathBuf::from(text.trim()))
}
