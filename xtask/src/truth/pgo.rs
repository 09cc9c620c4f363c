//! Profile-guided optimisation: the compiler is told by a profile of the program itself what to inline beyond measure, and which
//! calls through interfaces to try directly first.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::{
    drive, oracle,
    subject::{Drive, PROFILE, Program, Variant},
};

/// `variant` with a profile that `profiled` wrote.
pub(super) fn guided(variant: &Variant, programs: &[Program], profiled: Option<&Drive>, dir: &Path) -> Result<Variant> {
    let plain: Vec<String> = variant.flags.iter().filter(|flag| *flag != PROFILE).cloned().collect();
    let path = dir.join("cpu.pprof");
    let mut flags = plain.clone();
    if let (Some(Drive::Run { args, dir: at }), [program]) = (profiled, programs) {
        let built = dir.join("profiled");
        oracle::release(programs, &Variant { flags: plain, ..variant.clone() }, &built)?;
        let file = path.to_string_lossy();
        let args = args.iter().map(|arg| arg.replace("PROFILE", &file)).collect();
        let heard = drive::bare(&built.join(&program.name), &Drive::Run { args, dir: at.clone() }, &mut |_| {})?;
        ensure!(heard.code.is_some(), "{} under a profiler was killed", program.name);
        ensure!(path.metadata().context("no profile was written")?.len() > 0, "the profile is empty");
        flags.push(format!("-pgo={file}"));
    }
    Ok(Variant { flags, ..variant.clone() })
}
