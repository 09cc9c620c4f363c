//! The go command's module cache: where a module's version lies unpacked, and the Go files in it.
//!
//! `PATH@VERSION` below the cache's root, upper-case letters escaped (go.dev/ref/mod#module-cache).

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::{super::git::LARGEST_FILE, mod_file::Versioned};
use crate::paths::escaped_module;

/// No module has more directory entries; a directory that does is none. aws-sdk-go, among the largest, has some 20 000.
const MAX_ENTRIES: usize = 500_000;

/// The module's directory, in the first of `caches` that holds it.
pub(super) fn find(caches: &[PathBuf], module: &Versioned) -> Option<PathBuf> {
    let unpacked = format!("{}@{}", escaped_module(&module.path), escaped_module(&module.version));
    caches.iter().map(|cache| cache.join(&unpacked)).find(|dir| dir.is_dir())
}

/// The hash that the go command noted of the archive that it unpacked, where it did: `h1:...`.
pub(super) fn hash(caches: &[PathBuf], module: &Versioned) -> Option<String> {
    /// The file holds a SHA-256 in base64.
    const LONGEST: u64 = 256;
    let (path, version) = (escaped_module(&module.path), escaped_module(&module.version));
    let name = format!("cache/download/{path}/@v/{version}.ziphash");
    let mut text = String::new();
    let file = caches.iter().find_map(|cache| File::open(cache.join(&name)).ok())?;
    file.take(LONGEST).read_to_string(&mut text).ok()?;
    Some(text.trim().to_owned())
}

/// The regular Go files below `dir`, by their paths from there, in byte order. Links are not followed: a module has none.
pub(super) fn go_files(dir: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut ahead = vec![String::new()];
    let mut entries = 0;
    while let Some(below) = ahead.pop() {
        for entry in fs::read_dir(dir.join(&below))? {
            let entry = entry?;
            entries += 1;
            if entries > MAX_ENTRIES {
                return Err(io::Error::other(format!("more than {MAX_ENTRIES} files, which no module has")));
            }
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = if below.is_empty() { name } else { format!("{below}/{name}") };
            let kind = entry.file_type()?;
            if kind.is_dir() {
                ahead.push(path);
            } else if kind.is_file() && path.ends_with(".go") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A file's content; `None` if it is too large to be a source file.
pub(super) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut text = Vec::new();
    File::open(path)?.take(LARGEST_FILE as u64 + 1).read_to_end(&mut text)?;
    Ok((text.len() <= LARGEST_FILE).then_some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_in_the_first_cache_that_has_it() {
        let dir = tempfile::tempdir().unwrap();
        let caches = ["one", "two"].map(|name| dir.path().join(name));
        for at in ["one/x.org/!a@v1.0.0", "two/x.org/!a@v1.0.0", "two/x.org/b/v2@v2.0.0-!r!c1"] {
            fs::create_dir_all(dir.path().join(at)).unwrap();
        }
        let check = |path: &str, version: &str, expected: Option<&str>| {
            let found = find(&caches, &Versioned { path: path.into(), version: version.into() });
            assert_eq!(found, expected.map(|at| dir.path().join(at)), "{path} {version}");
        };
        check("x.org/A", "v1.0.0", Some("one/x.org/!a@v1.0.0"));
        check("x.org/b/v2", "v2.0.0-RC1", Some("two/x.org/b/v2@v2.0.0-!r!c1"));
        check("x.org/A", "v1.0.1", None);
    }

    #[test]
    fn go_files_are_listed_in_order() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("a/b.go")).unwrap();
        for path in ["z.go", "a/b.go/x.go", "a/c.go", "a.go", "README.md"] {
            fs::write(dir.path().join(path), path).unwrap();
        }
        std::os::unix::fs::symlink("a.go", dir.path().join("link.go")).unwrap();
        assert_eq!(go_files(dir.path()).unwrap(), ["a.go", "a/b.go/x.go", "a/c.go", "z.go"]);
        assert!(go_files(&dir.path().join("none")).is_err());
        assert_eq!(read(&dir.path().join("a/c.go")).unwrap().unwrap(), b"a/c.go");
    }
}
