//! What this process may do.

use std::fs;

use super::{Check, advice, host};
use crate::session::{self, Backend, Capability, Error};

/// `status` is the text of /proc/self/status; `pid` the process that is asked about.
pub(super) fn checks(status: &str, pid: Option<u32>) -> Vec<Check> {
    let read = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let release = read("/proc/sys/kernel/osrelease").unwrap_or_default();
    let held = session::held(status);
    let others = pid.is_none_or(|pid| !session::privileges::is_own(pid));
    let mut checks = vec![to_attach(), for_others(&held, others)];
    checks.extend(bounds(status, session::check_privileges(Backend::UprobeMulti).is_err()));
    checks.push(yama(read("/proc/sys/kernel/yama/ptrace_scope").as_deref(), held.contains(&Capability::SysPtrace)));
    checks.push(seccomp(field(status, "Seccomp:")));
    checks.extend((!host::version_at_least(&release, (5, 11))).then(memlock));
    checks
}

fn field<'a>(status: &'a str, name: &str) -> &'a str {
    status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim()
}

fn to_attach() -> Check {
    let name = "capabilities";
    match session::check_privileges(Backend::UprobeMulti) {
        Ok(()) => Check::ok(name, "those to attach by uprobe_multi"),
        Err(Error::Privileges { missing, .. }) => {
            let names: Vec<String> = missing.iter().map(ToString::to_string).collect();
            Check::fail(name, format!("no {}", names.join(", no ")), "goat can't load its program or attach it")
                .remedy(["run goat as root, or give it what is missing:".to_owned()])
                .remedy(advice::give(&missing))
        }
        Err(error) => Check::fail(name, error.to_string(), "goat can't tell what it may do").remedy(["mount /proc"]),
    }
}

/// What the processes of other users take.
fn for_others(held: &[Capability], are_wanted: bool) -> Check {
    let name = "other users";
    let needed = [Capability::SysPtrace, Capability::DacOverride];
    let missing: Vec<Capability> = needed.into_iter().filter(|c| !held.contains(c)).collect();
    if missing.is_empty() {
        return Check::ok(name, "their processes can be reached");
    }
    let names: Vec<String> = missing.iter().map(ToString::to_string).collect();
    let found = format!("no {}", names.join(", no "));
    if !are_wanted {
        return Check::ok(name, format!("{found}, and the process is goat's own user's"));
    }
    Check::warn(name, found, "goat reaches the text of its own user's processes alone")
        .remedy(["run goat as the service's user, or give it:".to_owned()])
        .remedy(advice::give(&Capability::FOR_OTHERS))
}

/// What stands in the way of giving capabilities, where some are missing.
fn bounds(status: &str, are_missing: bool) -> Option<Check> {
    if !are_missing {
        return None;
    }
    let bounded = session::bounded(status);
    let outside: Vec<String> = [Capability::Bpf, Capability::Perfmon]
        .into_iter()
        .filter(|c| !bounded.contains(c))
        .map(|c| c.to_string())
        .collect();
    if !outside.is_empty() {
        let found = format!("without {}", outside.join(", "));
        return Some(
            Check::fail(
                "bounding set",
                found,
                "setcap has no effect here, nor has root: the container was started without them",
            )
            .remedy(["start the container with them"]),
        );
    }
    (field(status, "NoNewPrivs:") == "1").then(|| {
        Check::fail("no_new_privs", "set", "setcap has no effect here: a file's capabilities are not gained").remedy([
            "Kubernetes: securityContext: {allowPrivilegeEscalation: true}, or capabilities for the user itself",
        ])
    })
}

/// kernel.yama.ptrace_scope (Documentation/admin-guide/LSM/Yama.rst).
fn yama(scope: Option<&str>, has_ptrace: bool) -> Check {
    let name = "Yama";
    let found = scope.map_or("not in this kernel".to_owned(), |scope| format!("kernel.yama.ptrace_scope = {scope}"));
    match scope {
        None | Some("0") => Check::ok(name, found),
        Some("3") => {
            Check::fail(name, found, "no process's text can be reached, by no one, until the machine boots again")
                .remedy(["remove the setting from /etc/sysctl.d and boot"])
        }
        Some(_) if has_ptrace => Check::ok(name, found + ": CAP_SYS_PTRACE decides"),
        Some(_) => {
            Check::warn(name, found, "goat reaches no process but the command of goat run without CAP_SYS_PTRACE")
                .remedy(["sudo sysctl kernel.yama.ptrace_scope=0, or give goat CAP_SYS_PTRACE"])
                .remedy(advice::give(&[Capability::SysPtrace]))
        }
    }
}

/// The mode in /proc/self/status.
fn seccomp(mode: &str) -> Check {
    match mode {
        "2" => Check::ok("seccomp", "a filter is in force; the trial tells whether it lets bpf(2) pass"),
        "1" => Check::fail("seccomp", "strict mode", "goat may only read and write"),
        _ => Check::ok("seccomp", "no filter"),
    }
}

/// Kernels before 5.11 take maps out of RLIMIT_MEMLOCK.
fn memlock() -> Check {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Memlock).current;
    match limit {
        Some(bytes) if bytes < 64 << 20 => Check::warn(
            "locked memory",
            format!("{} KiB", bytes >> 10),
            "kernels before 5.11 take BPF maps out of this limit",
        )
        .remedy(["ulimit -l unlimited; systemd: LimitMEMLOCK=infinity; Docker: --ulimit memlock=-1"]),
        _ => Check::ok("locked memory", "enough"),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Verdict, *};

    #[test]
    fn yama_is_overruled_by_the_capability_up_to_3() {
        for (scope, has_ptrace, expected) in [
            (None, false, Verdict::Ok),
            (Some("0"), false, Verdict::Ok),
            (Some("1"), false, Verdict::Warn),
            (Some("1"), true, Verdict::Ok),
            (Some("2"), true, Verdict::Ok),
            (Some("3"), true, Verdict::Fail),
        ] {
            assert_eq!(yama(scope, has_ptrace).verdict, expected, "{scope:?} {has_ptrace}");
        }
    }

    #[test]
    fn what_bounds_goat_is_said_when_something_is_missing() {
        let check = |status: &str, missing: bool, expected: Option<&str>| {
            assert_eq!(bounds(status, missing).map(|c| c.name), expected, "{status:?}");
        };
        check("CapBnd:\t0000000000000000\n", false, None);
        check("CapBnd:\t0000000000000000\n", true, Some("bounding set"));
        check("CapBnd:\t000001ffffffffff\nNoNewPrivs:\t1\n", true, Some("no_new_privs"));
        check("CapBnd:\t000001ffffffffff\nNoNewPrivs:\t0\n", true, None);
    }

    #[test]
    fn other_users_take_two_more() {
        let both = [Capability::SysPtrace, Capability::DacOverride];
        assert_eq!(for_others(&both, true).verdict, Verdict::Ok);
        assert_eq!(for_others(&both[..1], true).verdict, Verdict::Warn);
        assert_eq!(for_others(&[], false).verdict, Verdict::Ok);
    }
}
