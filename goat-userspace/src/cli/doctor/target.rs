//! The process that is to be observed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Check, advice};
use crate::{
    binary::{self, Binary, LineSource},
    session::{Capability, Error, trial},
};

/// Looks at process `pid`, as far as it can be seen.
pub(super) fn checks(pid: u32) -> Vec<Check> {
    let name = "process";
    let Ok(comm) = fs::read_to_string(format!("/proc/{pid}/comm")) else {
        return vec![
            Check::fail(
                name,
                format!("there is no process {pid}"),
                "it has ended, or is in a pid namespace that goat does not see",
            )
            .remedy([
                "Docker: --pid container:NAME or --pid host; Kubernetes: shareProcessNamespace: true or hostPID: true",
            ]),
        ];
    };
    let mut checks = vec![Check::ok(name, format!("{pid}, {}", comm.trim()))];
    checks.push(text(pid));
    let exe = PathBuf::from(format!("/proc/{pid}/exe"));
    match binary::open(&exe) {
        Ok(binary) => checks.extend(binary_checks(&binary, &exe)),
        Err(error) => {
            let error = format!("{:#}", anyhow::Error::from(error));
            checks.push(Check::fail("binary", error, "goat observes Go programs, and must be able to read them"));
        }
    }
    checks
}

fn text(pid: u32) -> Check {
    let name = "text";
    match trial::reach(pid) {
        Ok(()) => Check::ok(name, "can be read and written"),
        Err(Error::Inaccessible { source, path }) => Check::fail(
            name,
            format!("{}: {source}", path.display()),
            "goat can't read the probes back, nor take them out of covered code",
        )
        .remedy(["run goat as the process's user, or give it:".to_owned()])
        .remedy(advice::give(&Capability::FOR_OTHERS)),
        Err(error) => Check::fail(name, format!("{:#}", anyhow::Error::from(error)), "goat can't look at the process"),
    }
}

fn binary_checks(binary: &Binary, exe: &Path) -> Vec<Check> {
    let identity = binary.identity();
    let file = fs::read_link(exe).unwrap_or_else(|_| exe.to_owned());
    let built = format!("{} of {}", identity.path, identity.go_version);
    let mut checks = vec![Check::ok("binary", format!("{}: {built}", file.display()))];
    checks.push(match identity.arch.as_str() {
        known @ ("amd64" | "arm64") => Check::ok("its architecture", known),
        "" => Check::ok("its architecture", "amd64"),
        other => Check::fail("its architecture", other, "goat reads the machine code of amd64 and arm64 alone"),
    });
    checks.push(match (&identity.go_build_id, &identity.gnu_build_id) {
        (None, None) => {
            Check::warn("build id", "none", "a plan is held against all else that the binary says of itself")
                .remedy(["build without -ldflags=-buildid="])
        }
        (Some(id), _) | (None, Some(id)) => Check::ok("build id", id.clone()),
    });
    checks.push(match binary.line_source() {
        LineSource::Dwarf => Check::ok("line tables", "DWARF"),
        LineSource::Pclntab | LineSource::Auto => {
            Check::ok("line tables", "Go's own (the binary is stripped): as good")
        }
    });
    checks.push(match (&identity.vcs_revision, identity.vcs_modified) {
        (Some(revision), Some(true)) => {
            Check::warn("revision", format!("{revision}, modified"), "the sources were not those of the commit")
                .remedy(["build from a clean checkout"])
        }
        (Some(revision), _) => Check::ok("revision", revision.clone()),
        (None, _) => {
            Check::warn("revision", "not recorded", "goat can't tell whether a plan's commit is what was built")
                .remedy(["build in the repository, with -buildvcs=true"])
        }
    });
    checks
}
