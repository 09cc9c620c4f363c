//! What can be typed. The parser's types stop here: [`super::settings`] turns them into the pipeline's own.

mod host;
mod report;
mod serve;
mod state;
mod target;
mod trust;

use std::{ffi::OsString, net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::{budget::Budget, config::FromWord, listen};
pub(super) use host::{CompletionsArgs, DoctorArgs, ManArgs, Shell};
pub(super) use report::{MergeArgs, ReportArgs, ShownArgs, VerifyArgs};
pub(super) use serve::ServeArgs;
pub(super) use state::{CleanArgs, StateArgs, StatusArgs, TopArgs};
pub(super) use target::TargetArgs;
pub(super) use trust::TrustArgs;

use crate::{
    DataType,
    track::{Granularity, PathRule},
};

/// See which changed lines of a release have run in production
///
/// goat compares two commits of a Go repository, finds the machine code of the changed lines in the release binary
/// that is already deployed, and counts there with eBPF uprobes. No source is rewritten, nothing is rebuilt.
#[derive(Parser, Debug)]
#[command(name = "goat", version, propagate_version = true, max_term_width = 100)]
pub(super) struct Cli {
    /// Say more on stderr; twice for what the library does, three times for all of it
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,

    /// Read this configuration instead of the nearest goat.yaml
    ///
    /// A relative path is taken from --repo.
    #[arg(long, global = true, value_name = "FILE", env = "GOAT_CONFIG")]
    pub(super) config: Option<PathBuf>,

    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    Init(InitArgs),
    Plan(PlanArgs),
    Attach(AttachArgs),
    Run(RunArgs),
    Track(TrackArgs),
    Status(StatusArgs),
    Top(TopArgs),
    Patch(PatchArgs),
    Report(ReportArgs),
    Verify(VerifyArgs),
    Merge(MergeArgs),
    Inspect(InspectArgs),
    Clean(CleanArgs),
    Doctor(DoctorArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
    Version(VersionArgs),
}

/// Write a commented goat.yaml into a Go repository
///
/// The file is written beside the nearest go.mod. appName is taken from the module path, oldBranch from the latest tag.
#[derive(Args, Debug)]
pub(super) struct InitArgs {
    /// The directory to begin in
    #[arg(long, value_name = "DIR", default_value = ".", env = "GOAT_REPO")]
    pub(super) repo: PathBuf,

    /// Replace a goat.yaml that is there
    #[arg(short, long)]
    pub(super) force: bool,
}

/// Plan which addresses of a binary to probe for a change
///
/// Needs the repository and the binary, but no privileges and no kernel: made where the release is built, the plan
/// file is all that attaching needs.
///
/// Example: goat plan --old v1.0.0 --new v1.1.0 --binary ./server -o server.goatplan
#[derive(Args, Debug)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub(super) change: ChangeArgs,

    /// The release binary, built from the new commit
    #[arg(long, value_name = "FILE", env = "GOAT_BINARY")]
    pub(super) binary: PathBuf,

    #[command(flatten)]
    pub(super) reading: ReadingArgs,

    /// Write the plan to this file; without it the plan is only shown
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,

    /// How the plan is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: Format,
}

/// Which change, and how finely it is observed.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Change")]
pub(super) struct ChangeArgs {
    /// A directory of the repository
    #[arg(long, value_name = "DIR", default_value = ".", env = "GOAT_REPO")]
    pub(super) repo: PathBuf,

    /// The commit to compare with: tag, branch, hash, HEAD~1, or INIT for none [default: oldBranch of goat.yaml]
    #[arg(long, value_name = "REV", env = "GOAT_OLD")]
    pub(super) old: Option<String>,

    /// Compare with the common ancestor of both commits, as `git diff OLD...NEW` does
    #[arg(long)]
    pub(super) merge_base: bool,

    /// The commit that the binary was built from [default: newBranch of goat.yaml, else HEAD]
    #[arg(long, value_name = "REV", env = "GOAT_NEW")]
    pub(super) new: Option<String>,

    /// How finely the change is observed: line, patch, scope or func [default: patch]
    #[arg(long, value_name = "WORD", env = "GOAT_GRANULARITY", value_parser = Granularity::from_word)]
    pub(super) granularity: Option<Granularity>,

    /// How a changed line is told from an old one: 1 by blame, 2 by diff with renames followed, 3 by diff with a renamed
    /// file all new [default: 1]
    #[arg(long, value_name = "1|2|3", env = "GOAT_DIFF_PRECISION", value_parser = clap::value_parser!(u8).range(1..=3))]
    pub(super) diff_precision: Option<u8>,

    /// Observe what changed in dependencies, too [default: no]
    ///
    /// A module that the binary holds in another version than the old commit asks for is part of the change: both versions are
    /// compared, from the module cache (GOMODCACHE, GOPATH) or a vendor directory. What is not there is named with the command that
    /// gets it.
    #[arg(
        long, value_name = "BOOL", env = "GOAT_DEPS", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = bool::from_word
    )]
    pub(super) deps: Option<bool>,
}

/// How a binary and the repository's files are brought together.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Binary")]
pub(super) struct ReadingArgs {
    /// Accept a binary that was built from another commit, or from other sources
    #[arg(long)]
    pub(super) allow_mismatch: bool,

    /// Read the binary's DWARF from this file [default: found by build id or .gnu_debuglink, where the binary has none]
    #[arg(long, value_name = "FILE", env = "GOAT_DEBUG_FILE")]
    pub(super) debug_file: Option<PathBuf>,

    /// Files that the binary calls COMPILED/... are DIR/... of the repository; may be repeated [default: found out]
    ///
    /// Example: --path-map /build/src=. --path-map example.com/lib@v1.2.0=lib
    #[arg(long, value_name = "COMPILED=DIR")]
    pub(super) path_map: Vec<PathRule>,
}

/// Where a plan comes from: a file, or a change and a binary.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct PlanSource {
    /// A plan made by `goat plan`; without it the plan is made here, from the repository
    #[arg(long, value_name = "FILE", env = "GOAT_PLAN")]
    pub(super) plan: Option<PathBuf>,

    /// A directory of plans (*.goatplan): each process is observed by the plan of its build
    #[arg(long, value_name = "DIR", conflicts_with = "plan", env = "GOAT_PLANS")]
    pub(super) plans: Option<PathBuf>,

    /// The file that a plan made here is for [default: the target's own]
    #[arg(long, value_name = "FILE", env = "GOAT_BINARY")]
    pub(super) binary: Option<PathBuf>,

    #[command(flatten)]
    pub(super) reading: ReadingArgs,

    #[command(flatten)]
    pub(super) change: ChangeArgs,
}

/// What is counted, and where the answer goes.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Observation")]
pub(super) struct ObserveArgs {
    /// Serve the answer here; a port alone, or :PORT, is on 127.0.0.1
    #[arg(long, value_name = "ADDR:PORT", value_parser = listen::address)]
    pub(super) listen: Option<SocketAddr>,

    /// Show only this component, by its name, in /metrics
    #[arg(long, value_name = "NAME", env = "GOAT_CURRENT_COMPONENT")]
    pub(super) component: Option<String>,

    /// Whether a line ran (bool), or how often (count) [default: bool]
    #[arg(long, value_name = "bool|count", env = "GOAT_DATA_TYPE", value_parser = DataType::from_word)]
    pub(super) data_type: Option<DataType>,

    /// What hits may cost, of the CPU time of the targets or of one core if that is more; or off [default: 1%]
    ///
    /// What is hit too often for that is taken out of the text and armed in turns: with --data-type count its count is then an
    /// estimate, and says so.
    #[arg(long, value_name = "SHARE", env = "GOAT_MAX_OVERHEAD", value_parser = Budget::from_word)]
    pub(super) max_overhead: Option<Budget>,

    /// How much of the time arming may take while the target is busy; or off, all at once [default: 5%]
    #[arg(long, value_name = "SHARE", env = "GOAT_ARM_OVERHEAD", value_parser = Budget::from_word)]
    pub(super) arm_overhead: Option<Budget>,

    /// Write the report to this file at the end and on SIGUSR1, as JSON; it is replaced as a whole
    #[arg(long, value_name = "FILE", env = "GOAT_REPORT")]
    pub(super) report: Option<PathBuf>,

    /// How the kernel is asked for probes
    #[arg(long, value_name = "NAME", default_value = "auto", env = "GOAT_BACKEND")]
    pub(super) backend: Backend,

    /// Keep all privileges
    ///
    /// Without it goat gives up what it no longer needs once the probes are in place: it keeps CAP_BPF and CAP_PERFMON to arm
    /// again, and of what it has CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH to look at targets.
    #[arg(long, env = "GOAT_KEEP_PRIVILEGES")]
    pub(super) keep_privileges: bool,

    #[command(flatten)]
    pub(super) serve: ServeArgs,
}

/// Attach to running processes, of a file, a container or by number, and serve what ran
///
/// Serves on 127.0.0.1:57005 unless --listen (or GOAT_METRICS_IP and GOAT_PORT) says otherwise. Ctrl-C or SIGTERM takes
/// the probes out, writes the report and ends with status 0. When a process ends, goat says so, goes on serving what was
/// counted, and goes on counting in the process of the same build that takes its place, unless --exit-with-target. A process
/// that runs another build than the plan's is never probed: with --plans, the plan of its build is taken.
///
/// goat.yaml and plans are read again when they change, and on SIGHUP: what is wrong is said, and the old goes on.
///
/// Example: sudo goat attach --pid 4242 --plan server.goatplan
#[derive(Args, Debug)]
pub(super) struct AttachArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,

    #[command(flatten)]
    pub(super) source: PlanSource,

    #[command(flatten)]
    pub(super) observe: ObserveArgs,

    #[command(flatten)]
    pub(super) state: StateArgs,

    /// End when the process ends, or the last of several
    #[arg(long, conflicts_with = "exe")]
    pub(super) exit_with_target: bool,
}

/// Run a command with the probes in place from its first instruction on
///
/// The exit status is the command's: its own code, or 128 and the signal that killed it. Without --report the report is
/// printed to stderr at the end. SIGTERM, SIGHUP, SIGQUIT and SIGUSR2 are passed on to the command, SIGINT too unless it comes from the
/// terminal, which the command hears by itself. Serves nothing without --listen.
///
/// Example: sudo goat run --plan tool.goatplan --report out.json -- ./tool -l src/
#[derive(Args, Debug)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) source: PlanSource,

    #[command(flatten)]
    pub(super) observe: ObserveArgs,

    /// Keep counts in this directory, and go on from what earlier runs have left there [default: none are kept]
    #[arg(long, value_name = "DIR", help_heading = "Observation")]
    pub(super) state: Option<PathBuf>,

    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(super) command: Vec<OsString>,
}

/// List the track points of a change
///
/// Changes no file. Without --binary the list says what the sources ask for; with it, where in the binary each point
/// is observed, or why it can't be, as `goat plan` does.
#[derive(Args, Debug)]
pub(super) struct TrackArgs {
    #[command(flatten)]
    pub(super) change: ChangeArgs,

    /// Look the points up in this binary
    #[arg(long, value_name = "FILE")]
    pub(super) binary: Option<PathBuf>,

    #[command(flatten)]
    pub(super) reading: ReadingArgs,

    /// How the points are shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: Format,
}

/// List the // +goat: comments of a work tree
///
/// `// +goat:insert` adds a point at the next statement, changed or not; from `// +goat:delete` to `// +goat:end` nothing is
/// observed. Both are obeyed in the files of the change when a plan is made. Blocks that the original tool inserted
/// (`+goat:generate`, `+goat:main`, `+goat:user`) are listed too. Changes no file.
#[derive(Args, Debug)]
pub(super) struct PatchArgs {
    /// A directory of the work tree
    #[arg(long, value_name = "DIR", default_value = ".", env = "GOAT_REPO")]
    pub(super) repo: PathBuf,

    /// How they are shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: Format,
}

/// Show what goat reads out of a binary
#[derive(Args, Debug)]
pub(super) struct InspectArgs {
    /// The binary
    #[arg(value_name = "BINARY")]
    pub(super) binary: PathBuf,

    /// Show the rows and inlined calls of the functions whose name is NAME or ends in it
    #[arg(long, value_name = "NAME")]
    pub(super) function: Option<String>,

    /// Where lines are read from
    #[arg(long, value_name = "TABLE", default_value = "auto")]
    pub(super) lines: Lines,
}

/// Print the version
#[derive(Args, Debug)]
pub(super) struct VersionArgs {
    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: Format,
}

/// For people or for scripts.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    Text,
    Json,
}

/// `--backend`.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Backend {
    /// uprobe-multi where the kernel has it, else perf-event
    #[default]
    Auto,
    /// One link for many sites (Linux 6.6+)
    UprobeMulti,
    /// One perf event per site, for older kernels
    PerfEvent,
}

/// `--lines`.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lines {
    /// DWARF if the file has it, else pclntab
    Auto,
    /// .debug_line and .debug_info
    Dwarf,
    /// Go's own tables, which stripped binaries keep
    Pclntab,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_parser_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_documented_command_line_is_understood() {
        for line in [
            "goat init",
            "goat plan --old v1.0.0 --new HEAD --binary ./server -o server.goatplan",
            "goat plan --old v1.0.0 --binary ./server --deps",
            "goat plan --deps=false --binary ./server",
            "goat plan --repo . --binary b --granularity func --diff-precision 3 --format json --allow-mismatch",
            "goat attach --pid 4242 --plan server.goatplan",
            "goat attach --pid 4242 --old v1.0.0 --listen :0 --data-type count --backend perf-event",
            "goat attach --exe /usr/bin/server --plan p --report out.json --backend uprobe-multi",
            "goat attach --pid 4242 --pid 4243 --plans plans/",
            "goat attach --pid 4242,4243 --plans plans/ --proc /host/proc",
            "goat attach --container containerd://f00d --plan p --exit-with-target",
            "goat attach --cgroup system.slice/server.service --plan p",
            "goat run --plan tool.goatplan --report out.json -- ./tool -l src/",
            "goat track --old v1.0.0 -v",
            "goat doctor",
            "goat doctor --pid 4242 --format json",
            "goat completions bash",
            "goat man /usr/local/share/man/man1",
            "goat patch --repo . --format json",
            "goat report",
            "goat report out.json --format lcov -o out.info --component cmd/a,1",
            "goat report --report out.json --plan p --format cover-profile",
            "goat report --url 127.0.0.1:8080 --format html",
            "goat verify --min-coverage 80 --timeout 10m --min-points 1 --max-unobservable 5% --allow-empty",
            "goat verify --report out.json --max-unobservable 3 --component 1 --format json",
            "goat inspect ./server --function main.main",
            "goat report --state /var/lib/goat --format html",
            "goat verify --state a.goatstate",
            "goat merge a.json b.goatstate pods/ -o all.json --format json --plan p",
            "goat status --url 127.0.0.1:8080 --format json",
            "goat top --url 127.0.0.1:8080",
            "goat attach --pid 4242 --plan p --state dir",
            "goat attach --pid 4242 --plan p --no-state",
            "goat run --plan p --state dir -- ./tool",
            "goat clean -n --state dir",
            "goat clean --no-state",
            "goat version --format json",
        ] {
            if let Err(e) = Cli::try_parse_from(line.split(' ')) {
                panic!("{line}\n{e}");
            }
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (line, why) in [
            ("goat", "Usage"),
            ("goat attach --plan p", "required"),
            ("goat attach --pid 1 --exe f --plan p", "cannot be used with"),
            ("goat attach --pid 0 --plan p", "invalid value"),
            ("goat attach --exe f --plan p --exit-with-target", "cannot be used with"),
            ("goat run --plan p ./tool", "unexpected argument"),
            ("goat run --plan p --", "required"),
            ("goat plan --binary b --diff-precision 4", "invalid value"),
            ("goat plan --binary b --deps=some", "neither true nor false"),
            ("goat plan --binary b --granularity lines", "use line, patch, scope or func"),
            ("goat report --url x --report y", "cannot be used with"),
            ("goat report x --report y", "cannot be used with"),
            ("goat report --state x --report y", "cannot be used with"),
            ("goat merge", "required"),
            ("goat report --format pdf", "possible values: text, json"),
            ("goat verify --min-coverage 101", "from 0 to 100"),
            ("goat verify --max-unobservable x", "5%"),
            ("goat verify --timeout soon", "is no time"),
            ("goat attach --pid 1 --data-type int", "use bool or count"),
        ] {
            let error = Cli::try_parse_from(line.split(' ')).unwrap_err().to_string();
            assert!(error.contains(why), "{line}\n{error}");
        }
    }
}
