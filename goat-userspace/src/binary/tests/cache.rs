//! What the tests make with the Go toolchain, kept from run to run in `target/tmp/go-builds`; `cargo clean` removes it.
//!
//! A file's name holds a hash of what it was made from, so that a changed source or Go release makes another.

use std::{
    env,
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The file or directory `name` for the input `key`, which `make` makes if no one has yet; what it says where it can't is
/// handed on. Other processes wait meanwhile.
pub(in crate::binary) fn made(
    name: &str,
    key: impl Hash,
    make: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let root = root();
    fs::create_dir_all(&root).unwrap();
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    let name = format!("{name}-{:016x}", hasher.finish());
    let path = root.join(&name);
    if path.exists() {
        return Ok(path);
    }
    let lock = File::create(root.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    if !path.exists() {
        // What is there under its own name is whole.
        let draft = root.join(format!("{name}.draft"));
        make(&draft)?;
        fs::rename(&draft, &path).unwrap();
    }
    Ok(path)
}

/// Found from the test that runs: `target/debug/deps/goat-0123456789abcdef`.
fn root() -> PathBuf {
    let test = env::current_exe().unwrap();
    test.ancestors().nth(3).expect("a test is in target/*/deps").join("tmp/go-builds")
}

/// The release that GOTOOLCHAIN=local stands for: `go1.26.8`.
pub(in crate::binary) fn local_release() -> &'static str {
    static RELEASE: OnceLock<String> = OnceLock::new();
    RELEASE.get_or_init(|| {
        let said = Command::new("go").args(["env", "GOVERSION"]).env("GOTOOLCHAIN", "local").output();
        said.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned()).unwrap_or_default()
    })
}

/// Whether the tests ask every Go release that goat knows, not only the oldest ones and the local one, and damage binaries in
/// as many ways as they can: with `GOAT_TESTS=all`, as `cargo xtask ci` sets it.
pub(in crate::binary) fn in_full() -> bool {
    env::var_os("GOAT_TESTS").is_some_and(|value| value == "all")
}
