//! Other programs, run to their end: git, go, sh.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

/// Runs `command` and gives its standard output; any exit code but 0 is an error that shows what it wrote.
pub fn output(command: &mut Command) -> Result<String> {
    let out = command.stdin(Stdio::null()).output().with_context(|| format!("running {command:?}"))?;
    if !out.status.success() {
        bail!(
            "{command:?}: {}\n{}{}",
            out.status,
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr)
        );
    }
    String::from_utf8(out.stdout).with_context(|| format!("{command:?} wrote no UTF-8"))
}

/// Whether the test has to end here, since `program` is not installed. Says so, with where to get it, past libtest's capture.
pub fn is_missing(program: &str, from: &str) -> bool {
    let missing = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err();
    if missing {
        let name = std::thread::current().name().unwrap_or("test").to_owned();
        let _ = writeln!(std::io::stderr(), "{name} skipped: there is no `{program}` in PATH ({from})");
    }
    missing
}

/// Runs git in `dir`, free of the user's settings, and gives its output, trimmed.
pub fn git(dir: &Path, args: &[&str]) -> Result<String> {
    let mut git = Command::new("git");
    git.current_dir(dir).args(args).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    for who in ["AUTHOR", "COMMITTER"] {
        git.env(format!("GIT_{who}_NAME"), "Fixture").env(format!("GIT_{who}_EMAIL"), "fixture@example.com");
    }
    Ok(output(&mut git)?.trim().to_owned())
}

/// Commits everything in the work tree `dir`, at noon of 2024-02-`day`, and gives the hash.
pub fn commit(dir: &Path, day: u32, message: &str) -> Result<String> {
    let date = format!("2024-02-{day:02}T12:00:00+0000");
    git(dir, &["add", "-A"])?;
    output(
        Command::new("git")
            .current_dir(dir)
            .args(["-c", "user.name=Fixture", "-c", "user.email=fixture@example.com"])
            .args(["-c", "commit.gpgsign=false", "commit", "-q", "-m", message])
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_DATE", &date),
    )?;
    git(dir, &["rev-parse", "HEAD"])
}
