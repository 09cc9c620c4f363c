//! One drive of one program, and what it said: the same with and without probes, or the probes changed the program.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

use super::{service, subject::Drive};

/// What a drive wrote, and its exit code.
#[derive(PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) stdout: Vec<u8>,
    pub(super) code: Option<i32>,
}

/// Drives `binary`, `prepare` having seen the command.
pub(super) fn bare(binary: &Path, drive: &Drive, prepare: &mut dyn FnMut(&mut Command)) -> Result<Heard> {
    let mut command = match drive {
        Drive::Run { args, dir } => {
            let mut command = Command::new(binary);
            command.args(args).current_dir(dir);
            command
        }
        Drive::Script { path, dir } => {
            let mut command = Command::new("sh");
            command.arg(path).env("BINARY", binary).current_dir(dir);
            command
        }
        Drive::Service { args, requests } => {
            let port = service::free_port()?;
            let mut command = Command::new(binary);
            command.args(args.iter().map(|arg| if arg == "PORT" { port.to_string() } else { arg.clone() }));
            prepare(&mut command);
            return service::drive(command, port, requests);
        }
    };
    prepare(&mut command);
    to_the_end(&mut command)
}

/// Runs `command`, without input.
pub(super) fn to_the_end(command: &mut Command) -> Result<Heard> {
    let out = command.stdin(Stdio::null()).stderr(Stdio::piped()).output();
    let out = out.with_context(|| format!("cannot run {command:?}"))?;
    Ok(Heard { stdout: out.stdout, code: out.status.code() })
}
