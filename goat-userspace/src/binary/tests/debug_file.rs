//! Debug information that objcopy has split off: the same answers as from the whole binary, or a clear error.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::go_build::{Build, output};
use crate::binary::{Binary, Error, FileId, Function, LineSource, Options};

/// A binary without DWARF, and its debug file, both in a directory that is gone when this is dropped.
struct Split {
    dir: tempfile::TempDir,
    whole: PathBuf,
    binary: PathBuf,
    debug: PathBuf,
}

/// `None`, with the reason printed, where there is no Go or no objcopy.
fn split(build: Build) -> Option<Split> {
    let whole = build.binary()?;
    let dir = tempfile::tempdir().unwrap();
    let (binary, debug) = (dir.path().join("shop"), dir.path().join("elsewhere.debug"));
    output(Command::new("objcopy").arg("--only-keep-debug").arg(&whole).arg(&debug))?;
    output(Command::new("objcopy").arg("--strip-debug").arg(&whole).arg(&binary))?;
    Some(Split { dir, whole, binary, debug })
}

impl Split {
    /// Writes the debug file's name and checksum into the binary, and moves it to `place` in the directory.
    fn link(&self, place: &str) {
        output(Command::new("objcopy").arg("--add-gnu-debuglink").arg(&self.debug).arg(&self.binary)).unwrap();
        let place = self.dir.path().join(place);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::rename(&self.debug, place).unwrap();
    }

    fn open(&self, debug_file: Option<&Path>, debug_dir: &str) -> Result<Binary, Error> {
        let debug_dirs = vec![self.dir.path().join(debug_dir)];
        let options = Options { debug_file: debug_file.map(Into::into), debug_dirs, ..Options::default() };
        Binary::open_with(&self.binary, &options)
    }
}

fn functions(binary: &Binary) -> Vec<Function> {
    let files = binary.files().unwrap().names.len() as u32;
    binary.functions(&(0..files).map(FileId).collect::<Vec<_>>()).unwrap()
}

#[test]
fn a_split_binary_reads_as_the_whole_one() {
    for build in [Build::Plain, Build::Pie, Build::Uncompressed] {
        let Some(split) = split(build) else { continue };
        let whole = Binary::open(&split.whole, LineSource::Dwarf).unwrap();
        assert_eq!(split.open(None, "none").unwrap().line_source(), LineSource::Pclntab, "{build:?}");
        let binary = split.open(Some(&split.debug), "none").unwrap();
        assert_eq!(binary.line_source(), LineSource::Dwarf, "{build:?}");
        assert_eq!(binary.identity(), whole.identity(), "{build:?}");
        assert!(functions(&binary) == functions(&whole), "{build:?}");
    }
}

#[test]
fn a_debug_file_is_found_where_debuggers_look() {
    for place in ["elsewhere.debug", ".debug/elsewhere.debug"] {
        let Some(split) = split(Build::Plain) else { return };
        split.link(place);
        let binary = split.open(None, "none").unwrap();
        assert_eq!(binary.debug_file(), Some(&*split.dir.path().canonicalize().unwrap().join(place)), "{place}");
    }
    let Some(split) = split(Build::Plain) else { return };
    let below = split.dir.path().canonicalize().unwrap();
    split.link(&format!("installed/{}/elsewhere.debug", below.strip_prefix("/").unwrap().display()));
    assert!(split.open(None, "installed").unwrap().debug_file().is_some());
    assert!(split.open(None, "none").unwrap().debug_file().is_none());
}

#[test]
fn a_debug_file_is_found_by_build_id() {
    // The C compiler's linker writes one, and so does Go's since 1.24.
    let Some(split) = split(Build::Plain) else { return };
    let identity = split.open(None, "none").unwrap().identity().clone();
    let Some(id) = identity.gnu_build_id else { return eprintln!("skipped: this Go writes no GNU build id") };
    let place = split.dir.path().join(format!("ids/.build-id/{}/{}.debug", &id[..2], &id[2..]));
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::copy(&split.debug, &place).unwrap();
    assert_eq!(split.open(None, "ids").unwrap().debug_file(), Some(&*place));
}

#[test]
fn another_builds_debug_file_is_an_error_if_named_and_passed_over_if_not() {
    let (Some(one), Some(other)) = (split(Build::Plain), split(Build::Trimpath)) else { return };
    let error = one.open(Some(&other.debug), "none").err().unwrap();
    assert!(matches!(error, Error::OtherDebugFile { .. }), "{error}");
    one.link("elsewhere.debug");
    fs::copy(&other.debug, one.dir.path().join("elsewhere.debug")).unwrap();
    assert_eq!(one.open(None, "none").unwrap().debug_file(), None);
    let error = one.open(Some(&one.binary), "none").err().unwrap();
    assert!(matches!(error, Error::NoDwarf { .. }), "{error}");
}
