//! The server: two releases of a program that nobody here wrote, by default from the Go module proxy.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::{observer::Goat, variants};
use crate::truth::toolchain;

/// Which server, as typed.
#[derive(clap::Args, Clone)]
#[command(next_help_heading = "The server")]
pub(crate) struct Choice {
    /// The module, as the Go module proxy has it
    #[arg(long, value_name = "PATH", default_value = "github.com/mccutchen/go-httpbin/v2")]
    module: String,

    /// Take a git repository instead: a directory or a URL
    #[arg(long, value_name = "DIR|URL")]
    repo: Option<String>,

    /// The old release: a version, or of a repository any revision
    #[arg(long, value_name = "REV", default_value = "v2.9.0")]
    old: String,

    /// The new release, which is built
    #[arg(long, value_name = "REV", default_value = "v2.26.0")]
    new: String,

    /// The main package
    #[arg(long, value_name = "PACKAGE", default_value = "./cmd/go-httpbin")]
    package: String,

    /// Its arguments; PORT stands for a port, DIR for a directory that holds index.html (of 4 KiB)
    #[arg(long, value_name = "ARG", allow_hyphen_values = true, default_values = ["-host", "127.0.0.1", "-port", "PORT"])]
    arg: Vec<String>,

    /// What is asked for
    #[arg(long, value_name = "PATH", default_value = "/get")]
    path: String,
}

/// The new release's sources, with the old one's as their past.
pub(super) struct Subject {
    /// What it is, for people.
    pub(super) about: String,
    /// The repository, at the new release.
    pub(super) repo: PathBuf,
    pub(super) old: String,
    pub(super) package: String,
    pub(super) args: Vec<String>,
    pub(super) path: String,
    /// Built as it is.
    pub(super) binary: PathBuf,
    /// Holds index.html.
    pub(super) files: PathBuf,
}

impl Subject {
    /// Gets the sources into `dir`, and builds them.
    pub(super) fn make(args: &Choice, dir: &Path) -> Result<Self> {
        let repo = dir.join("repo");
        fs::create_dir_all(dir)?;
        let git = |args: &[&str]| toolchain::output(Command::new("git").current_dir(dir).args(args));
        let (name, old) = match &args.repo {
            Some(from) => {
                git(&["clone", "-q", "--no-checkout", from, "repo"])?;
                git(&["-C", "repo", "checkout", "-q", "--detach", &args.new])?;
                (from.as_str(), args.old.clone())
            }
            None => {
                module(&args.module, &args.old, &repo)?;
                toolchain::commit_all(&repo)?;
                let old = git(&["-C", "repo", "rev-parse", "HEAD"])?.trim().to_owned();
                for entry in fs::read_dir(&repo)? {
                    let path = entry?.path();
                    if path.is_dir() && !path.ends_with(".git") {
                        fs::remove_dir_all(path)?;
                    } else if path.is_file() {
                        fs::remove_file(path)?;
                    }
                }
                module(&args.module, &args.new, &repo)?;
                toolchain::commit_all(&repo)?;
                (args.module.as_str(), old)
            }
        };
        let files = dir.join("files");
        fs::create_dir_all(&files)?;
        fs::write(files.join("index.html"), "x".repeat(4096))?;
        let subject = Self {
            about: format!("{name}, `{}`, {} to {}, asked for `{}`", args.package, args.old, args.new, args.path),
            old,
            package: args.package.clone(),
            args: args.arg.clone(),
            path: args.path.clone(),
            binary: dir.join("plain"),
            files,
            repo,
        };
        variants::build(&subject.repo, &subject.package, &[], &subject.binary)?;
        Ok(subject)
    }

    /// Plans every changed line into `dir`. The plan, and how many sites it has.
    pub(super) fn plan(&self, goat: &Goat, dir: &Path) -> Result<(PathBuf, usize)> {
        let plan = dir.join("server.goatplan");
        let sites = goat.plan(&self.repo, &self.old, &self.binary, &plan)?;
        Ok((plan, sites))
    }

    /// `binary` on `port`.
    pub(super) fn command(&self, binary: &Path, port: u16) -> Command {
        let mut command = Command::new(binary);
        let files = self.files.to_string_lossy();
        command.args(self.args.iter().map(|arg| arg.replace("PORT", &port.to_string()).replace("DIR", &files)));
        command.env("GOMAXPROCS", super::process::cpus().to_string()).current_dir(&self.files);
        command
    }
}

/// Copies a module's sources to `to`.
fn module(path: &str, version: &str, to: &Path) -> Result<()> {
    let json = toolchain::output(toolchain::go().current_dir(std::env::temp_dir()).args([
        "mod",
        "download",
        "-json",
        &format!("{path}@{version}"),
    ]))?;
    let json: serde_json::Value = serde_json::from_str(&json).context("go mod download wrote no JSON")?;
    let from = json["Dir"].as_str().context("go mod download names no directory")?;
    toolchain::copy_tree(Path::new(from), to, &|path| !path.to_string_lossy().ends_with("_test.go"))
}
