//! Directories that are made once and then shared by all tests, test binaries and runs.
//!
//! They lie in `target/tmp/goat-tests`; `cargo clean` removes them. The name of each holds a hash of what it was made
//! from, so that a changed fixture or Go release makes a new one.

use std::{
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// The directory `name` for the input `key`, which `make` fills if no one has yet. Other processes wait meanwhile.
pub fn directory(name: &str, key: impl Hash, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let root = root()?;
    fs::create_dir_all(&root).with_context(|| format!("making {}", root.display()))?;
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    let dir = root.join(format!("{name}-{:016x}", hasher.finish()));
    let done = dir.with_extension("done");

    let lock = File::create(dir.with_extension("lock"))?;
    lock.lock().with_context(|| format!("locking {}", dir.display()))?;
    if !done.exists() {
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        fs::create_dir_all(&dir)?;
        make(&dir).with_context(|| format!("making {}", dir.display()))?;
        fs::write(&done, "")?;
    }
    Ok(dir)
}

/// Every file below `dir`, with its text: a key that changes with any of them.
pub fn contents(dir: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut files = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).with_context(|| format!("listing {}", dir.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                let text = fs::read(&path)?;
                files.push((path, text));
            }
        }
    }
    files.sort();
    Ok(files)
}

/// A directory of fixtures in this crate.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// `target/tmp/goat-tests`, found from the running test binary, `target/debug/deps/shop-0123456789abcdef`.
fn root() -> Result<PathBuf> {
    let exe = std::env::current_exe()?;
    let target = exe.ancestors().nth(3).with_context(|| format!("{} is not in target/*/deps", exe.display()))?;
    Ok(target.join("tmp/goat-tests"))
}
