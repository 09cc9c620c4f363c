//! What can be typed after the commands that are about the machine rather than a change.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Format;

/// Check whether this machine lets goat attach, and say what is missing
///
/// Looks at the kernel, its settings, and goat's privileges, then attaches to itself, counts, disarms and detaches. Each
/// line says what was found and, where something is missing, what to do. Exit status 0: goat can be used here; 1: it can't.
///
/// Example: goat doctor --pid $(pidof server)
#[derive(Args, Debug)]
pub(in crate::cli) struct DoctorArgs {
    /// Look at this process too
    #[arg(long, value_name = "PID", env = "GOAT_PID", value_parser = clap::value_parser!(u32).range(1..=i64::from(i32::MAX)))]
    pub(in crate::cli) pid: Option<u32>,

    /// How the answer is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(in crate::cli) format: Format,
}

/// Print a script that completes goat's command line in a shell
///
/// bash: goat completions bash > /etc/bash_completion.d/goat; zsh: into a directory of $fpath, as _goat; fish: into
/// ~/.config/fish/completions, as goat.fish.
#[derive(Args, Debug)]
pub(in crate::cli) struct CompletionsArgs {
    /// Which shell
    pub(in crate::cli) shell: Shell,
}

/// `completions`.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cli) enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Write the manual pages of goat and its commands
///
/// Example: goat man /usr/local/share/man/man1
#[derive(Args, Debug)]
pub(in crate::cli) struct ManArgs {
    /// The directory to write them to; without it, goat(1) is printed
    #[arg(value_name = "DIR")]
    pub(in crate::cli) dir: Option<PathBuf>,
}
