//! Who a Go binary is: build ids and the build information that `go version -m` prints.

use serde::{Deserialize, Serialize};

use super::{Error, object::Image};

/// What tells one build from another.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Identity {
    /// Go's build id (`.note.go.buildid`), as `go tool buildid` prints it.
    pub go_build_id: Option<String>,
    /// The GNU build id (`.note.gnu.build-id`), in hex.
    pub gnu_build_id: Option<String>,
    /// The release that built it: `go1.26.8`.
    pub go_version: String,
    /// The main package's import path: `example.com/shop/cmd/shopd`.
    pub path: String,
    /// The main module.
    pub module: Option<Module>,
    /// `vcs.revision`: the commit it was built from.
    pub vcs_revision: Option<String>,
    /// `vcs.time`, as written (RFC 3339).
    pub vcs_time: Option<String>,
    /// `vcs.modified`: whether the work tree had changes.
    pub vcs_modified: Option<bool>,
    /// Every build setting, in the order of the file: `-ldflags`, `CGO_ENABLED`, `GOARCH`, ...
    pub settings: Vec<(String, String)>,
    /// `amd64` or `arm64`.
    pub arch: String,
}

/// A module and its version.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Module {
    /// Its path: `example.com/shop`.
    pub path: String,
    /// Its version: `v1.1.0`, `(devel)`.
    pub version: String,
}

pub(super) fn read(image: &Image) -> Result<Identity, Error> {
    let _ = image;
    Ok(Identity::default())
}
