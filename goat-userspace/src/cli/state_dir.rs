//! Where counts are kept between goat's lives: `--state`, `GOAT_STATE`, or a place by default.

use std::path::{Path, PathBuf};

use super::args::StateArgs;

/// For root, as the File Hierarchy Standard has it: state of a program, between its runs.
const SYSTEM: &str = "/var/lib/goat";

/// The directory; `None` if counts are not to be kept, or there is no place for them.
pub(super) fn of(args: &StateArgs) -> Option<PathBuf> {
    if args.no_state {
        return None;
    }
    args.state.clone().or_else(|| {
        let is_root = rustix::process::geteuid().is_root();
        by_default(is_root, is_writable, |name| std::env::var_os(name).map(PathBuf::from))
    })
}

/// `is_writable` says whether a directory is, or could be made.
fn by_default(
    is_root: bool,
    is_writable: impl Fn(&Path) -> bool,
    env: impl Fn(&str) -> Option<PathBuf>,
) -> Option<PathBuf> {
    let system = Path::new(SYSTEM);
    if is_root && is_writable(system) {
        return Some(system.into());
    }
    // Relative paths are to be ignored, says the XDG Base Directory Specification.
    let absolute = |name| env(name).filter(|path| path.is_absolute());
    let user = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    user.map(|dir| dir.join("goat")).or_else(|| is_root.then(|| system.into()))
}

/// Whether the nearest directory that is there may be written to.
fn is_writable(dir: &Path) -> bool {
    let nearest = dir.ancestors().find(|dir| dir.exists());
    nearest.is_some_and(|dir| dir.is_dir() && rustix::fs::access(dir, rustix::fs::Access::WRITE_OK).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_keeps_counts_for_the_system_and_others_for_themselves() {
        let check = |is_root: bool, is_writable: bool, xdg: &str, home: &str, expected: Option<&str>| {
            let env = |name: &str| {
                let value = if name == "HOME" { home } else { xdg };
                (!value.is_empty()).then(|| PathBuf::from(value))
            };
            let found = by_default(is_root, |_| is_writable, env);
            assert_eq!(found.as_deref(), expected.map(Path::new), "{is_root} {is_writable} {xdg:?} {home:?}");
        };
        check(true, true, "/xdg", "/root", Some("/var/lib/goat"));
        check(true, false, "/xdg", "/root", Some("/xdg/goat"));
        check(true, false, "", "/root", Some("/root/.local/state/goat"));
        check(true, false, "", "", Some("/var/lib/goat"));
        check(false, true, "/xdg", "/home/me", Some("/xdg/goat"));
        check(false, true, "relative", "/home/me", Some("/home/me/.local/state/goat"));
        check(false, true, "", "", None);
    }

    #[test]
    fn a_directory_that_is_not_there_is_as_writable_as_what_is_above_it() {
        let dir = tempfile::tempdir().unwrap();
        assert!(is_writable(&dir.path().join("a/b/c")));
        std::fs::write(dir.path().join("file"), "").unwrap();
        assert!(!is_writable(&dir.path().join("file/goat")));
    }
}
