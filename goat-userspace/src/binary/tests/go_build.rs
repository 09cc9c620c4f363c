//! Builds `testdata/shop` once for each way of building that the tests ask for, with the Go that is installed.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, OnceLock, PoisonError},
};

/// A way of building.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Build {
    Plain,
    /// DWARF 4.
    Go124,
    Go121,
    Trimpath,
    Pie,
    Uncompressed,
    Go121Uncompressed,
    /// Without DWARF and symbols.
    Stripped,
    Arm64,
    /// With C code, linked by the C compiler.
    Cgo,
}

impl Build {
    pub(super) const WITH_DWARF: [Self; 8] =
        [Self::Plain, Self::Go124, Self::Go121, Self::Trimpath, Self::Pie, Self::Uncompressed, Self::Arm64, Self::Cgo];

    fn command(self) -> Command {
        let mut go = Command::new("go");
        go.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/shop"));
        go.args(["build", "-buildvcs=false"]);
        go.env("CGO_ENABLED", if self == Self::Cgo { "1" } else { "0" }).env_remove("GOFLAGS").env_remove("GOARCH");
        match self {
            Self::Plain => &mut go,
            Self::Go124 => go.env("GOTOOLCHAIN", "go1.24.11"),
            Self::Go121 => go.env("GOTOOLCHAIN", "go1.21.13"),
            Self::Trimpath => go.arg("-trimpath"),
            Self::Pie => go.arg("-buildmode=pie"),
            Self::Uncompressed => go.args(["-ldflags=-compressdwarf=false -X \"main.version=a b\""]),
            Self::Go121Uncompressed => go.env("GOTOOLCHAIN", "go1.21.13").arg("-ldflags=-compressdwarf=false"),
            Self::Stripped => go.args(["-ldflags=-s -w"]),
            Self::Arm64 => go.env("GOARCH", "arm64"),
            Self::Cgo => go.arg("-tags=withc"),
        };
        go
    }

    /// The binary, or `None`, with the reason printed, where it cannot be built here.
    pub(super) fn binary(self) -> Option<PathBuf> {
        static BUILT: OnceLock<Mutex<HashMap<Build, Option<PathBuf>>>> = OnceLock::new();
        // Held while building: Go uses every core by itself, and no program is built twice.
        let mut built = BUILT.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        built.entry(self).or_insert_with(|| self.build()).clone()
    }

    fn build(self) -> Option<PathBuf> {
        let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/test-binaries");
        let path = dir.join(format!("shop-{self:?}").to_lowercase());
        match self.command().arg("-o").arg(&path).arg(".").output() {
            Ok(done) if done.status.success() => Some(path),
            Ok(done) => {
                eprintln!("skipped: no {self:?} build here: {}", String::from_utf8_lossy(&done.stderr).trim());
                None
            }
            Err(error) => {
                eprintln!("skipped: cannot run go: {error}");
                None
            }
        }
    }

    /// What the compiler says with -m: `./main.go:26:39: inlining call to middle`, ...
    pub(super) fn inlining_decisions(self) -> Option<String> {
        // The diagnostics are kept with the compiled package, so that nothing is compiled twice.
        let done = self.command().args(["-gcflags=-m=1", "-o", "/dev/null", "./..."]).output().ok()?;
        done.status.success().then(|| String::from_utf8_lossy(&done.stderr).into_owned())
    }
}

/// What `program` prints, or `None`, with the reason printed, if it cannot run or fails.
pub(super) fn output(program: &mut Command) -> Option<String> {
    let reason = match program.output() {
        Ok(done) if done.status.success() => return Some(String::from_utf8_lossy(&done.stdout).into_owned()),
        Ok(done) => String::from_utf8_lossy(&done.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    eprintln!("skipped: {}: {reason}", program.get_program().display());
    None
}
