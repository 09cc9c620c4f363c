//! Writing a file whole: whoever reads it, and whenever the machine stops, finds the one before or the new one.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Only the owner: a state's plan holds lines of source.
const MODE: u32 = 0o600;

/// Writes `bytes` to `path`. The draft beside it has one name, so that one that was left behind is used again: one process at a
/// time may write to `path`.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = OsString::from(".");
    name.push(path.file_name().ok_or(io::ErrorKind::InvalidInput)?);
    name.push(".tmp");
    let draft = path.with_file_name(name);
    let mut options = File::options();
    // No one else's file is written to, wherever a link of that name leads.
    options.write(true).create(true).truncate(true).mode(MODE).custom_flags(libc::O_NOFOLLOW);
    let written = options
        .open(&draft)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&draft, path))
        .and_then(|()| sync_directory(path));
    if written.is_err() {
        // On a full disk it takes room, and what failed before is what the user must know.
        let _ = fs::remove_file(&draft);
    }
    written
}

/// Without it the rename may be undone by a power cut, as fsync(2) says.
fn sync_directory(path: &Path) -> io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match File::open(dir)?.sync_all() {
        // Some file systems have no such call for directories.
        Err(e) if e.kind() == io::ErrorKind::InvalidInput => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.goatstate");
        // Of a goat that was killed.
        fs::write(dir.path().join(".a.goatstate.tmp"), "half of a longer").unwrap();
        for text in ["a longer first", "second"] {
            replace(&path, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_in_the_drafts_place_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let other = dir.path().join("other");
        fs::write(&other, "theirs").unwrap();
        std::os::unix::fs::symlink(&other, dir.path().join(".a.goatstate.tmp")).unwrap();
        assert!(replace(&dir.path().join("a.goatstate"), b"ours").is_err());
        assert_eq!(fs::read_to_string(&other).unwrap(), "theirs");
    }

    #[test]
    fn what_cannot_be_written_leaves_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        assert!(replace(&dir.path().join("none/a.goatstate"), b"x").is_err());
        assert!(replace(dir.path(), b"x").is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
