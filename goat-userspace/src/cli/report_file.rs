//! `--report FILE`: the answer as JSON, replaced as a whole, so that a reader never sees half of it.

use std::{ffi::OsString, fs, io::Write, path::Path};

use anyhow::Context;

use crate::report::{self, Order, Report};

/// Writes `report` to `path`.
pub(super) fn write(path: &Path, report: &Report) -> anyhow::Result<()> {
    let every: Vec<_> = report.components.iter().collect();
    replace(path, report::json::render(report, &every, Order::IdAscending).as_bytes())
        .with_context(|| format!("cannot write the report {}", path.display()))
}

/// Writes `bytes` to `path`.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    // A pipe or a terminal can't be replaced, only written to.
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return fs::write(path, bytes);
    }
    // In the same directory, since a rename does not cross file systems; of this process, since two may write one report.
    let mut name = OsString::from(".");
    name.push(path.file_name().ok_or(std::io::ErrorKind::InvalidInput)?);
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = fs::File::create(&temporary)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // What is left of it is of no use; the first error is the one to tell.
        let _ = fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_replaces_the_one_before_and_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.json");
        replace(&path, b"a longer first report").unwrap();
        replace(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_written_leaves_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        assert!(replace(&dir.path().join("none/out.json"), b"x").is_err());
        assert!(replace(dir.path(), b"x").is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_device_is_written_to_and_stays_one() {
        replace(Path::new("/dev/null"), b"x").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
