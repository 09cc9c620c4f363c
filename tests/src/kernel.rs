//! Whether this machine lets the tests probe. Where it does not, they say why and end; they never pass by failing to attach.

use std::{fs, io::Write, path::Path};

const CAP_SYS_ADMIN: u64 = 1 << 21;
const CAP_PERFMON: u64 = 1 << 38;
const CAP_BPF: u64 = 1 << 39;

/// Whether the test has to end here. Says so on the real standard error, past libtest's capture. With
/// `GOAT_TESTS_NO_SKIP` set, as on machines that are known to have uprobes, it panics instead.
pub fn is_missing() -> bool {
    let Some(why) = missing() else { return false };
    assert!(std::env::var_os("GOAT_TESTS_NO_SKIP").is_none(), "may not be skipped, but {why}");
    let name = std::thread::current().name().unwrap_or("test").to_owned();
    let _ = writeln!(std::io::stderr(), "{name} skipped: {why}");
    true
}

/// What keeps the tests from probing, asked of the kernel without goat, so that a broken goat can't skip its own tests.
fn missing() -> Option<String> {
    if !Path::new("/sys/bus/event_source/devices/uprobe/type").exists() {
        return Some("the kernel has no uprobes (CONFIG_UPROBE_EVENTS)".to_owned());
    }
    if !Path::new("/proc/sys/kernel/unprivileged_bpf_disabled").exists() {
        return Some("the kernel has no bpf(2) (CONFIG_BPF_SYSCALL)".to_owned());
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .unwrap_or(0);
    if effective & CAP_SYS_ADMIN == 0 {
        let some = effective & (CAP_BPF | CAP_PERFMON) != 0;
        return Some(if some {
            "the perf_event backend needs CAP_SYS_ADMIN; CAP_BPF and CAP_PERFMON are not enough".to_owned()
        } else {
            "not root: uprobes need CAP_BPF and CAP_PERFMON".to_owned()
        });
    }
    None
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_machine_that_may_not_skip_has_nothing_missing() {
        if std::env::var_os("GOAT_TESTS_NO_SKIP").is_some() {
            assert_eq!(super::missing(), None);
        }
    }
}
