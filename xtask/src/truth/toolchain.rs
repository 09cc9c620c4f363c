//! The Go toolchain and git, as the harness runs them: free of the user's settings, their failures with all that they wrote.

use std::{
    collections::BTreeSet,
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, Result, ensure};

use crate::repository;

/// The installed `go`.
pub(crate) fn go() -> Command {
    let mut go = Command::new("go");
    go.env("GOTOOLCHAIN", "local").env("GOWORK", "off").env_remove("GOFLAGS");
    go
}

/// The toolchain's release: `go1.26.8`.
pub(crate) fn version() -> Result<String> {
    Ok(output(go().args(["env", "GOVERSION"]))?.trim().to_owned())
}

/// GOROOT.
pub(crate) fn root() -> Result<PathBuf> {
    Ok(PathBuf::from(output(go().args(["env", "GOROOT"]))?.trim()))
}

/// Runs `command` to its end and gives its standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    String::from_utf8(bytes(command)?).with_context(|| format!("{command:?} wrote no UTF-8"))
}

/// The same for output that need not be UTF-8.
pub(crate) fn bytes(command: &mut Command) -> Result<Vec<u8>> {
    let out = command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(
        out.status.success(),
        "{command:?}: {}\n{}{}",
        out.status,
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
    Ok(out.stdout)
}

/// Runs an example of the goat-tests crate, which may name goat's library, and gives what it prints.
pub(crate) fn example(name: &str, args: &[&Path], input: &str) -> Result<String> {
    run_example(name, args, input, false)
}

/// The same, built with optimisation: for what computes for long.
pub(crate) fn optimised_example(name: &str, args: &[&Path], input: &str) -> Result<String> {
    run_example(name, args, input, true)
}

fn run_example(name: &str, args: &[&Path], input: &str, optimised: bool) -> Result<String> {
    static BUILT: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if !built.contains(name) {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(repository::root());
        cargo.args(["build", "--quiet", "--package", "goat-tests", "--example", name]);
        output(cargo.args(optimised.then_some("--release")))?;
        built.insert(name.to_owned());
    }
    // cargo puts examples below the directory of this program, wherever its target directory is.
    let mut exe = env::current_exe().context("cannot find this program")?.with_file_name("examples").join(name);
    if optimised {
        let target = exe.ancestors().nth(3).context("this program is in no target directory")?;
        exe = target.join("release/examples").join(name);
    }
    let mut example = Command::new(&exe);
    let mut child = example
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .with_context(|| format!("cannot run {example:?}"))?;
    // It reads all of its input before it writes anything.
    child.stdin.take().context("no standard input")?.write_all(input.as_bytes())?;
    let out = child.wait_with_output()?;
    ensure!(out.status.success(), "{example:?}: {}", out.status);
    String::from_utf8(out.stdout).with_context(|| format!("{example:?} wrote no UTF-8"))
}

/// Makes `dir`, with all that lies in it, a repository of one commit.
pub(crate) fn commit_all(dir: &Path) -> Result<()> {
    for args in [&["init", "-q", "-b", "main"][..], &["add", "-A"], &["commit", "-q", "-m", "sources"]] {
        let mut git = Command::new("git");
        git.current_dir(dir).args(["-c", "commit.gpgsign=false", "-c", "core.autocrlf=false"]).args(args);
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        for who in ["AUTHOR", "COMMITTER"] {
            git.env(format!("GIT_{who}_NAME"), "truth").env(format!("GIT_{who}_EMAIL"), "truth@example.com");
        }
        // Inside a hook these would lead git to the repository of goat itself.
        git.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
        output(&mut git)?;
    }
    Ok(())
}

/// Copies the files below `from`, for which `wanted` holds, to `to`.
pub(crate) fn copy_tree(from: &Path, to: &Path, wanted: &dyn Fn(&Path) -> bool) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))? {
        let path = entry?.path();
        let Some(name) = path.file_name() else { continue };
        if path.is_dir() {
            copy_tree(&path, &to.join(name), wanted)?;
        } else if wanted(&path) {
            copy_file(&path, &to.join(name))?;
        }
    }
    Ok(())
}

/// Copies a file, as one that can be written to.
pub(crate) fn copy_file(from: &Path, to: &Path) -> Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    }
    let text = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    fs::write(to, text).with_context(|| format!("cannot write {}", to.display()))
}
