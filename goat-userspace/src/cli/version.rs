//! `goat version`.

use std::process::ExitCode;

use super::{
    args::{Format, VersionArgs},
    say,
};

pub(super) fn run(args: &VersionArgs) -> anyhow::Result<ExitCode> {
    let version = env!("CARGO_PKG_VERSION");
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    say::print(&match args.format {
        Format::Text => format!("goat {version} {os}/{arch}"),
        Format::Json => serde_json::json!({ "name": "goat", "version": version, "os": os, "arch": arch }).to_string(),
    })?;
    Ok(ExitCode::SUCCESS)
}
