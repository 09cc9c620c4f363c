//! The kernel and its settings.

use std::{fs, path::Path};

use super::Check;

/// Everything that does not depend on who asks.
pub(super) fn checks() -> Vec<Check> {
    let read = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let release = read("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut checks = vec![architecture(std::env::consts::ARCH), kernel(&release)];
    checks.push(uprobes(Path::new("/sys/bus/event_source/devices/uprobe/type").exists()));
    checks.push(btf(Path::new("/sys/kernel/btf/vmlinux").exists()));
    checks.extend(read("/proc/sys/kernel/unprivileged_bpf_disabled").map(|value| unprivileged_bpf(&value)));
    checks.extend(read("/proc/sys/kernel/perf_event_paranoid").map(|value| paranoid(&value)));
    checks.push(lockdown(read("/sys/kernel/security/lockdown").as_deref()));
    checks.push(security_modules(
        read("/sys/kernel/security/lsm").as_deref(),
        read("/proc/self/attr/current").as_deref(),
    ));
    checks.push(container());
    checks
}

fn architecture(arch: &str) -> Check {
    match arch {
        "x86_64" => Check::ok("architecture", arch),
        "aarch64" => Check::warn(
            "architecture",
            arch,
            "plans for arm64 are tested; attaching there has not been tried on such a machine yet",
        ),
        other => Check::fail("architecture", other, "goat reads the machine code of x86-64 and arm64 alone"),
    }
}

fn kernel(release: &str) -> Check {
    match parts(release) {
        Some((6, 6..) | (7.., _)) => Check::ok("kernel", release),
        Some((5, 15..) | (6, _)) => Check::warn(
            "kernel",
            release,
            "older than 6.6, without uprobe_multi: each site takes a perf event, which is slow to attach and takes 0.1 s to \
             detach; 1 000 sites at most",
        )
        .remedy(["run Linux 6.6 or newer"]),
        Some(_) => Check::fail("kernel", release, "older than 5.15").remedy(["run Linux 6.6 or newer"]),
        None => Check::warn("kernel", release, "a version that goat can't read"),
    }
}

/// Whether `release` is of `least` or later.
pub(super) fn version_at_least(release: &str, least: (u32, u32)) -> bool {
    parts(release).is_some_and(|found| found >= least)
}

fn parts(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn uprobes(has_them: bool) -> Check {
    if has_them {
        return Check::ok("uprobes", "the kernel has them");
    }
    Check::fail(
        "uprobes",
        "no /sys/bus/event_source/devices/uprobe",
        "the kernel was built without uprobes, or /sys is not mounted",
    )
    .remedy(["use a kernel with CONFIG_UPROBE_EVENTS; mount sysfs on /sys"])
}

fn btf(is_there: bool) -> Check {
    Check::ok("BTF", if is_there { "/sys/kernel/btf/vmlinux" } else { "none, and goat needs none" })
}

fn unprivileged_bpf(value: &str) -> Check {
    let found = format!("kernel.unprivileged_bpf_disabled = {value}");
    Check::ok("bpf(2)", if value == "0" { found } else { found + ": CAP_BPF decides" })
}

fn paranoid(value: &str) -> Check {
    Check::ok("perf events", format!("kernel.perf_event_paranoid = {value}: CAP_PERFMON decides"))
}

/// /sys/kernel/security/lockdown is `[none] integrity confidentiality`.
fn lockdown(text: Option<&str>) -> Check {
    let mode = text.and_then(|t| t.split_once('[')?.1.split_once(']')).map_or("none", |(mode, _)| mode);
    if mode != "confidentiality" {
        return Check::ok("lockdown", mode);
    }
    Check::warn(
        "lockdown",
        mode,
        "BPF programs that read memory are refused; goat's reads none but its maps, and the trial below tells",
    )
    .remedy(["boot with lockdown=integrity"])
}

/// `label` is this process's own, as AppArmor and SELinux have it.
fn security_modules(list: Option<&str>, label: Option<&str>) -> Check {
    let list = list.unwrap_or("unknown: securityfs is not mounted");
    let label = label.map(|l| l.trim_end_matches('\0')).filter(|l| !l.is_empty());
    match label {
        Some(label) if label.ends_with("(enforce)") => Check::warn(
            "security modules",
            format!("{list}; confined by {label}"),
            "AppArmor may keep goat from the memory of processes of other profiles",
        )
        .remedy([
            "Docker:     docker run --security-opt apparmor=unconfined ...",
            "Kubernetes: securityContext: {appArmorProfile: {type: Unconfined}}",
        ]),
        Some(label) => Check::ok("security modules", format!("{list}; {label}")),
        None => Check::ok("security modules", list),
    }
}

fn container() -> Check {
    let signs =
        [("/.dockerenv", "Docker"), ("/run/.containerenv", "Podman"), ("/var/run/secrets/kubernetes.io", "Kubernetes")];
    let found: Vec<&str> = signs.iter().filter(|(path, _)| Path::new(path).exists()).map(|(_, name)| *name).collect();
    let is_whole =
        fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| map.split_whitespace().eq(["0", "0", "4294967295"]));
    if !is_whole {
        return Check::fail(
            "namespaces",
            "goat is in a user namespace",
            "capabilities of a user namespace do not count for bpf(2) and uprobes",
        )
        .remedy(["Docker:     not rootless, or --userns=host", "Kubernetes: hostUsers: true"]);
    }
    if found.is_empty() {
        return Check::ok("namespaces", "no container that goat knows of");
    }
    let found = found.join(", ");
    Check::ok("namespaces", format!("in a container ({found}): goat sees the processes of its pid namespace alone"))
}

#[cfg(test)]
mod tests {
    use super::{super::Verdict, *};

    #[test]
    fn releases_are_compared_by_number() {
        for (release, expected) in [
            ("6.6.0", Verdict::Ok),
            ("6.18.44-generic", Verdict::Ok),
            ("7.0-rc1", Verdict::Ok),
            ("6.1.0-28-amd64", Verdict::Warn),
            ("5.15.0", Verdict::Warn),
            ("5.4.0-42", Verdict::Fail),
            ("4.18.0", Verdict::Fail),
            ("", Verdict::Warn),
        ] {
            assert_eq!(kernel(release).verdict, expected, "{release}");
        }
    }

    #[test]
    fn the_lockdown_mode_is_the_one_in_brackets() {
        let check = |text: Option<&str>, found: &str, verdict| {
            let check = lockdown(text);
            assert_eq!((&*check.found, check.verdict), (found, verdict));
        };
        check(None, "none", Verdict::Ok);
        check(Some("[none] integrity confidentiality"), "none", Verdict::Ok);
        check(Some("none [integrity] confidentiality"), "integrity", Verdict::Ok);
        check(Some("none integrity [confidentiality]"), "confidentiality", Verdict::Warn);
    }

    #[test]
    fn a_profile_that_is_enforced_is_doubtful() {
        assert_eq!(security_modules(Some("apparmor"), Some("docker-default (enforce)\0")).verdict, Verdict::Warn);
        assert_eq!(security_modules(Some("apparmor"), Some("unconfined")).verdict, Verdict::Ok);
        assert_eq!(security_modules(None, None).verdict, Verdict::Ok);
    }
}
