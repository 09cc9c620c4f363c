//! The shop: a repository with two releases of a small HTTP service, and the service's release binary.

use std::{
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::{
    cache, go,
    http::{self, Client},
    original::Wire,
    process::Process,
    tool,
};

/// The old release.
pub const OLD: &str = "v1.0.0";
/// The new release.
pub const NEW: &str = "v1.1.0";
/// The hash of the old release's commit; make-repo.sh makes the same one everywhere.
pub const OLD_HASH: &str = "270e4d02";
/// The hash of the new release's commit.
pub const NEW_HASH: &str = "0a476ce4";

/// The repository and what was built from it.
pub struct Shop {
    /// At the new release, clean.
    pub repo: PathBuf,
    /// The service as it is released: no flags but the revision's stamp.
    pub shopd: PathBuf,
    /// The service, built with -trimpath.
    pub shopd_trimpath: PathBuf,
    /// The service without symbols and DWARF, as most are shipped.
    pub shopd_stripped: PathBuf,
    /// The service, built from the old release.
    pub shopd_old: PathBuf,
    /// The command-line tool.
    pub shopctl: PathBuf,
}

/// Makes the shop, or finds it made.
pub fn shop() -> Result<Shop> {
    let fixture = cache::fixture("shop");
    let key = (go::version()?, cache::contents(&fixture)?, 2);
    let dir = cache::directory("shop", key, |dir| {
        make_repository(&dir.join("repo"))?;
        let repo = dir.join("repo");
        build(&repo, "./cmd/shopd", &dir.join("bin/shopd"), &[])?;
        build(&repo, "./cmd/shopd", &dir.join("trimpath/shopd"), &["-trimpath"])?;
        build(&repo, "./cmd/shopd", &dir.join("stripped/shopd"), &["-ldflags=-s -w"])?;
        build(&repo, "./cmd/shopctl", &dir.join("bin/shopctl"), &[])?;
        let old = dir.join("repo-old");
        tool::git(dir, &["clone", "-q", "repo", "repo-old"])?;
        tool::git(&old, &["checkout", "-q", OLD])?;
        build(&old, "./cmd/shopd", &dir.join("old/shopd"), &[])
    })?;
    Ok(Shop {
        repo: dir.join("repo"),
        shopd: dir.join("bin/shopd"),
        shopd_trimpath: dir.join("trimpath/shopd"),
        shopd_stripped: dir.join("stripped/shopd"),
        shopd_old: dir.join("old/shopd"),
        shopctl: dir.join("bin/shopctl"),
    })
}

/// Makes a repository of one's own at `dest`, for tests that change it.
pub fn make_repository(dest: &Path) -> Result<()> {
    tool::output(Command::new("sh").arg(cache::fixture("shop").join("make-repo.sh")).arg(dest))?;
    for (tag, hash) in [(OLD, OLD_HASH), (NEW, NEW_HASH)] {
        let made = tool::git(dest, &["rev-parse", tag])?;
        ensure!(made.starts_with(hash), "make-repo.sh made {made} for {tag}, not {hash}...");
    }
    Ok(())
}

/// Builds `package` of the repository `repo` as a release would, stamped with its revision.
pub fn build(repo: &Path, package: &str, to: &Path, flags: &[&str]) -> Result<()> {
    let mut go = go::command();
    go.current_dir(repo).args(["build", "-buildvcs=true"]).args(flags).arg("-o").arg(to).arg(package);
    tool::output(&mut go).map(drop)
}

/// A shopd of one's own, without probes, that answers on `client`.
pub struct Shopd {
    /// The process.
    pub process: Process,
    /// Talks to it.
    pub client: Client,
}

impl Shopd {
    /// Starts `binary` and waits until it listens.
    pub fn start(binary: &Path) -> Result<Self> {
        Self::start_with(&mut Command::new(binary))
    }

    /// The same by a command that executes it.
    pub fn start_with(command: &mut Command) -> Result<Self> {
        let port = http::free_port()?;
        let mut process = Process::start(command.env("PORT", port.to_string()))?;
        let client = Client::new(port);
        wait_until_up(&mut process, port)?;
        Ok(Self { process, client })
    }
}

/// Waits until shopd on `port`, started by `process`, accepts connections. Sends no request: each would be counted.
pub fn wait_until_up(process: &mut Process, port: u16) -> Result<()> {
    process.until("shopd listening", || TcpStream::connect(("127.0.0.1", port)).ok())?;
    ensure!(process.is_running()?, "another process than shopd answers on port {port}");
    Ok(())
}

/// Sends the sequence `name` and checks each of shopd's answers against the recorded one.
pub fn send(wire: &Wire, name: &str, client: &Client) -> Result<()> {
    let requests = wire.traffic.get(name).with_context(|| format!("no traffic {name}"))?;
    // The answers were recorded to T1, then T2.
    let before = if name == "T1" { 0 } else { wire.traffic["T1"].len() };
    for (request, expected) in requests.iter().zip(&wire.app_answers[before..]) {
        ensure!(request == &expected.request, "{request} is not {}", expected.request);
        let path = request.strip_prefix("GET ").with_context(|| format!("{request} is no GET"))?;
        let answer = client.get(path)?;
        let same = answer.status == expected.status && answer.body == expected.body;
        ensure!(same, "{request}: recorded {expected:?}, now {answer:?}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::original;

    #[test]
    fn shopd_without_probes_answers_as_recorded() {
        let shopd = Shopd::start(&shop().unwrap().shopd).unwrap();
        let wire = original::wire().unwrap();
        send(&wire, "T1", &shopd.client).unwrap();
        send(&wire, "T2", &shopd.client).unwrap();
    }
}
