//! Builds `testdata/shop` once for each way of building that the tests ask for, with the Go that is installed.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use super::cache;

/// Its files.
const SOURCES: [&str; 4] = ["go.mod", "main.go", "withc.go", "cart/cart.go"];

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
        go.current_dir(source());
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
        self.made("shop", |go, path| go.arg("-o").arg(path).arg(".").output())
    }

    /// What the compiler says with -m: `./main.go:26:39: inlining call to middle`, ...
    pub(super) fn inlining_decisions(self) -> Option<String> {
        let path = self.made("decisions", |go, path| {
            let done = go.args(["-gcflags=-m=1", "-o", "/dev/null", "./..."]).output()?;
            fs::write(path, &done.stderr).map(|()| done)
        });
        path.map(|path| fs::read_to_string(path).unwrap())
    }

    /// The file that `run` makes with the go command, or finds made.
    fn made(self, name: &str, run: impl FnOnce(&mut Command, &Path) -> io::Result<Output>) -> Option<PathBuf> {
        let sources = SOURCES.map(|name| fs::read(source().join(name)).unwrap());
        let key = (cache::local_release(), self, source(), sources);
        let made =
            cache::made(&format!("{name}-{self:?}").to_lowercase(), key, |path| match run(&mut self.command(), path) {
                Ok(done) if done.status.success() => Ok(()),
                Ok(done) => Err(String::from_utf8_lossy(&done.stderr).trim().to_owned()),
                Err(error) => Err(error.to_string()),
            });
        made.inspect_err(|why| eprintln!("skipped: no {self:?} build here: {why}")).ok()
    }
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/shop")
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
