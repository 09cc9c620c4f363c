//! A directory that the go command takes for a module proxy: `GOPROXY=file://...` (go.dev/ref/mod#goproxy-protocol).

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::go;

/// The proxy, and a module cache that is filled from it alone.
pub struct ModuleProxy {
    dir: PathBuf,
}

impl ModuleProxy {
    /// An empty one in `dir`.
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.into() }
    }

    /// Where the go command unpacks what it takes from here.
    pub fn cache(&self) -> PathBuf {
        self.dir.join("cache")
    }

    /// `go` without any other source of modules.
    pub fn go(&self) -> Command {
        let mut go = go::command();
        go.env("GOPROXY", format!("file://{}", self.dir.join("proxy").display()))
            .env("GOMODCACHE", self.cache())
            .envs([("GOSUMDB", "off"), ("GONOPROXY", ""), ("GOPRIVATE", "")])
            // As it is by default a module cache can't be removed.
            .env("GOFLAGS", "-modcacherw");
        go
    }

    /// Publishes `files`, names and texts with a go.mod among them, as `module` at `version`.
    pub fn publish(&self, module: &str, version: &str, files: &[(&str, String)]) -> Result<()> {
        let dir = self.dir.join("proxy").join(escaped(module)).join("@v");
        fs::create_dir_all(&dir)?;
        let (_, go_mod) = files.iter().find(|(name, _)| *name == "go.mod").context("a module has a go.mod")?;
        fs::write(dir.join(format!("{version}.mod")), go_mod)?;
        fs::write(dir.join(format!("{version}.info")), format!(r#"{{"Version":"{version}"}}"#))?;
        let named: Vec<_> = files.iter().map(|(name, text)| (format!("{module}@{version}/{name}"), text)).collect();
        fs::write(dir.join(format!("{version}.zip")), zip(&named)?)?;
        Ok(())
    }
}

/// Upper-case letters as `!` and the lower-case one.
fn escaped(module: &str) -> String {
    let escape = |c: char| if c.is_ascii_uppercase() { format!("!{}", c.to_ascii_lowercase()) } else { c.into() };
    module.chars().map(escape).collect()
}

/// An archive of files that are stored as they are (PKWARE's APPNOTE.TXT 4.3).
fn zip(files: &[(String, &String)]) -> Result<Vec<u8>> {
    /// Needs version 1.0; no flags, no compression; 1980-01-01.
    const HOW: [u8; 10] = [10, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in files {
        let offset = u32::try_from(archive.len())?;
        let (len, name_len) = (u32::try_from(text.len())?.to_le_bytes(), u16::try_from(name.len())?.to_le_bytes());
        let about =
            [&HOW[..], &crc32fast::hash(text.as_bytes()).to_le_bytes(), &len, &len, &name_len, &[0, 0]].concat();
        archive.extend([b"PK\x03\x04", &about[..], name.as_bytes(), text.as_bytes()].concat());
        // No comment, disk 0, no attributes.
        directory
            .extend([b"PK\x01\x02", &[10, 0][..], &about, &[0; 10], &offset.to_le_bytes(), name.as_bytes()].concat());
    }
    let (count, start) = (u16::try_from(files.len())?.to_le_bytes(), u32::try_from(archive.len())?.to_le_bytes());
    let size = u32::try_from(directory.len())?.to_le_bytes();
    archive.extend(directory);
    archive.extend([b"PK\x05\x06", &[0; 4][..], &count, &count, &size, &start, &[0, 0]].concat());
    Ok(archive)
}
