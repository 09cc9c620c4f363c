//! Which processes `attach` observes.

use std::path::PathBuf;

use clap::{Args, value_parser};

/// One kind of target; processes may be several.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Target", group = clap::ArgGroup::new("target").required(true))]
pub(in crate::cli) struct TargetArgs {
    /// A process to observe, and what takes its place when it ends; may be given several times
    #[arg(long, value_name = "PID", group = "target", env = "GOAT_PID", value_delimiter = ',', value_parser = value_parser!(u32).range(1..=i64::from(i32::MAX)))]
    pub(in crate::cli) pid: Vec<u32>,

    /// Observe every process that runs this file, those started later too
    #[arg(long, value_name = "FILE", group = "target", env = "GOAT_EXE")]
    pub(in crate::cli) exe: Option<PathBuf>,

    /// Observe the plan's binary in this container: its id, or the beginning of it
    #[arg(long, value_name = "ID", group = "target", env = "GOAT_CONTAINER")]
    pub(in crate::cli) container: Option<String>,

    /// Observe the plan's binary in this control group and below: its directory, or its path in /proc/PID/cgroup
    #[arg(long, value_name = "PATH", group = "target", env = "GOAT_CGROUP")]
    pub(in crate::cli) cgroup: Option<PathBuf>,

    /// Look processes up in this mount of procfs: /host/proc in a container that has the host's there
    #[arg(long, value_name = "DIR", default_value = "/proc", env = "GOAT_PROC")]
    pub(in crate::cli) proc: PathBuf,
}
