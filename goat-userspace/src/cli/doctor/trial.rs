//! What the kernel really does when asked.

use std::fs;

use super::Check;
use crate::session::{
    Backend, Error, Features,
    trial::{self, Trial},
};

/// Asks it.
pub(super) fn checks() -> Vec<Check> {
    let mut checks = Vec::new();
    match Features::probe() {
        Ok(features) => checks.extend(features_checks(&features)),
        // Said already.
        Err(Error::Privileges { .. }) => {}
        Err(error) => checks
            .push(Check::fail("uprobe_multi", chain(error), "goat can't ask the kernel what it has").remedy(FORBIDDEN)),
    }
    checks.extend(match trial::run() {
        Ok(trial) => trial_checks(trial),
        Err(Error::Privileges { .. }) => {
            vec![Check::fail("trial", "not made", "it takes the capabilities that are missing")]
        }
        Err(error) => {
            vec![Check::fail("trial", chain(error), "goat could not probe a function of its own").remedy(FORBIDDEN)]
        }
    });
    checks
}

/// What may forbid that which capabilities allow.
const FORBIDDEN: [&str; 2] = [
    "Docker:     --security-opt seccomp=FILE with a profile that allows bpf(2) and perf_event_open(2)",
    "Kubernetes: securityContext: {seccompProfile: {type: Unconfined}}, or a profile that allows them",
];

fn features_checks(features: &Features) -> Vec<Check> {
    if !features.uprobe_multi {
        let meaning = "each site takes a perf event, which CAP_SYS_ADMIN allows; slow to attach, slower to detach";
        return vec![Check::warn("uprobe_multi", "the kernel has none", meaning).remedy(["run Linux 6.6 or newer"])];
    }
    let filter = if features.multi_pid_filter {
        Check::ok("pid filter", "filters processes")
    } else {
        Check::warn(
            "pid filter",
            "filters one thread",
            "goat's program filters instead: other processes of the file pay for their hits",
        )
        .remedy(["run a kernel with commit 46ba0e49b642 (6.10; 6.6 and 6.9 stable)"])
    };
    vec![Check::ok("uprobe_multi", "the kernel has it"), filter]
}

fn trial_checks(trial: Trial) -> Vec<Check> {
    let Trial { backend, attach_time, disarm } = trial;
    let attached =
        format!("a function of goat's own was probed by {backend} in {attach_time:.0?}, and its calls counted");
    let attach = match backend {
        Backend::UprobeMulti => Check::ok("trial", attached),
        Backend::PerfEvent => Check::warn("trial", attached, "perf events are slow with many sites"),
    };
    let disarm = match disarm {
        Ok(()) => Check::ok("disarming", "a covered site's breakpoint can be taken out"),
        Err(error) => {
            Check::warn("disarming", chain(error), "probes of covered points stay in place, and go on costing time")
                .remedy([format!("boot with proc_mem.force_override=always{}", force_override())])
        }
    };
    vec![attach, disarm]
}

/// What the kernel was booted with.
fn force_override() -> String {
    let line = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    let value = line.split_whitespace().find_map(|word| word.strip_prefix("proc_mem.force_override="));
    value.map(|value| format!(" (now: {value})")).unwrap_or_default()
}

fn chain(error: Error) -> String {
    format!("{:#}", anyhow::Error::from(error))
}
