//! `cargo xtask build-ebpf`: compiles goat-ebpf for the BPF target and puts the object where goat-userspace embeds it.
//!
//! The object is committed, so that building goat needs neither this toolchain nor a kernel. The build is reproducible:
//! [`check`] fails where the committed object is not what the sources give.

use std::{env, ffi::OsString, fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, bail, ensure};

use crate::repository;

const TARGET: &str = "bpfel-unknown-none";

/// Where the object is committed, from the repository's root.
const OBJECT: &str = "goat-userspace/src/session/goat.bpf.o";

const INSTALL_RUSTC: &str = "a rustc with the sources of core. One of:
  apt install rustc-web rust-web-src                                  (Debian)
  rustup toolchain install nightly --component rust-src               (elsewhere)
or name one in GOAT_EBPF_RUSTC";

const INSTALL_LINKER: &str = "bpf-linker:
  cargo install bpf-linker --version 0.10.3";

/// Rebuilds the committed object.
pub fn run() -> Result<()> {
    let built = build()?;
    let path = repository::root().join(OBJECT);
    let changed = fs::read(&path).ok().as_deref() != Some(&built);
    if changed {
        fs::write(&path, &built).with_context(|| format!("writing {}", path.display()))?;
    }
    println!("{OBJECT}: {} bytes, {}", built.len(), if changed { "changed" } else { "as it was" });
    Ok(())
}

/// Fails if the committed object is not what the sources give.
pub fn check() -> Result<()> {
    let built = build()?;
    let path = repository::root().join(OBJECT);
    let committed = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    ensure!(
        committed == built,
        "{OBJECT} ({} bytes) is not what goat-ebpf gives here ({} bytes): run `cargo xtask build-ebpf` and commit it. If \
         goat-ebpf has not changed, this compiler is not the one that built it",
        committed.len(),
        built.len(),
    );
    println!("{OBJECT}: what goat-ebpf gives");
    Ok(())
}

fn build() -> Result<Vec<u8>> {
    let rustc = find_rustc().with_context(|| format!("build-ebpf needs {INSTALL_RUSTC}"))?;
    find_linker().with_context(|| format!("build-ebpf needs {INSTALL_LINKER}"))?;
    let repository = repository::root();
    let folder = repository.join("goat-ebpf");

    // v3: the atomic add that returns the old value (Linux 5.12; the cookie needs 5.15 anyway). The architecture is one of
    // those that the object serves: named, so that it does not depend on who builds. The rest keeps the paths of this
    // machine out of the object.
    let mut flags = OsString::from("-Ctarget-cpu=v3\x1f--cfg=bpf_target_arch=\"x86_64\"");
    for (from, to) in [(repository.as_path(), "/goat"), (&cargo_home(), "/cargo"), (&rustc.sysroot, "/rust")] {
        flags.push("\x1f--remap-path-prefix=");
        flags.push(from);
        flags.push("=");
        flags.push(to);
    }
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(&folder)
        .args(["build", "--release", "--locked", "-Zbuild-std=core", "--target", TARGET])
        .env("RUSTC", &rustc.path)
        // build-std is not stable; the compiler need not be a nightly one.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", &flags)
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("RUSTC_WRAPPER")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .status()
        .context("running cargo")?;
    ensure!(status.success(), "goat-ebpf does not build with {}", rustc.path.display());

    let object = folder.join("target").join(TARGET).join("release/goat-ebpf");
    fs::read(&object).with_context(|| format!("reading {}", object.display()))
}

struct Rustc {
    path: PathBuf,
    sysroot: PathBuf,
}

/// The first compiler that has the sources of core beside it.
fn find_rustc() -> Result<Rustc> {
    let chosen = env::var_os("GOAT_EBPF_RUSTC").map(PathBuf::from);
    let candidates = match chosen {
        Some(path) => vec![path],
        None => [Some("/usr/bin/rustc".into()), rustup_nightly(), Some("rustc".into())].into_iter().flatten().collect(),
    };
    for path in &candidates {
        let Some(sysroot) = output(Command::new(path).args(["--print", "sysroot"])).map(PathBuf::from) else {
            continue;
        };
        if sysroot.join("lib/rustlib/src/rust/library/core/Cargo.toml").exists() {
            return Ok(Rustc { path: path.clone(), sysroot });
        }
    }
    bail!("none of these has the sources of core: {candidates:?}")
}

fn rustup_nightly() -> Option<PathBuf> {
    output(Command::new("rustup").args(["which", "--toolchain", "nightly", "rustc"])).map(PathBuf::from)
}

fn find_linker() -> Result<()> {
    match output(Command::new("bpf-linker").arg("--version")) {
        Some(_) => Ok(()),
        None => bail!("there is no bpf-linker in PATH"),
    }
}

fn cargo_home() -> PathBuf {
    let default = || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cargo");
    env::var_os("CARGO_HOME").map_or_else(default, PathBuf::from)
}

/// What `command` prints, if it can be run and succeeds.
fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|o| o.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
