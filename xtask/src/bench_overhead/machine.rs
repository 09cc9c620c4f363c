//! What the figures were measured on.

use std::{fs, thread};

use anyhow::Result;
use serde::Serialize;

use crate::truth::toolchain;

/// Processor, kernel and tools.
#[derive(Serialize)]
pub(crate) struct Machine {
    processor: String,
    cpus: usize,
    is_virtual: bool,
    kernel: String,
    go: String,
    /// Processes that ran or wanted to, on average over the last 5 minutes: with nothing else on the machine next to 0.
    load_before: f64,
}

impl Machine {
    /// This one.
    pub(crate) fn look() -> Result<Self> {
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field = |name: &str| {
            let value = cpu.lines().find_map(|line| line.strip_prefix(name)?.split_once(": ").map(|(_, value)| value));
            value.unwrap_or_default().trim().to_owned()
        };
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Ok(Self {
            processor: field("model name"),
            cpus: thread::available_parallelism().map_or(1, |n| n.get()),
            is_virtual: field("flags").split(' ').any(|flag| flag == "hypervisor"),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
            go: toolchain::version()?,
            load_before: load.split(' ').nth(1).and_then(|n| n.parse().ok()).unwrap_or_default(),
        })
    }

    /// In a sentence.
    pub(crate) fn text(&self) -> String {
        let Self { processor, cpus, is_virtual, kernel, go, load_before } = self;
        let what = if *is_virtual { "virtual machine" } else { "machine" };
        format!(
            "A {what} with {cpus} CPUs ({processor}), Linux {kernel}, {go}; load average of the 5 minutes before: \
             {load_before:.1}."
        )
    }
}
