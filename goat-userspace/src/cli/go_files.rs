//! The Go files of a work tree.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Every Go file below `root` in the order of their paths; not what git, vendoring or npm keep there. What can't be read is
/// passed over.
pub(super) fn below(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut dirs = vec![root.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            let (path, Ok(kind)) = (entry.path(), entry.file_type()) else { continue };
            let name = entry.file_name();
            if kind.is_dir() && name != ".git" && name != "vendor" && name != "node_modules" {
                dirs.push(path);
            } else if kind.is_file() && path.extension().is_some_and(|e| e == "go") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
