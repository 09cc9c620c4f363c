//! `cargo xtask demo`: goat's main job, on a service of two releases: what of the second has run, and what has not.
//!
//! The service is built as any release is; only goat's planning sees its repository, and only attaching needs root.

mod answer;
mod interrupt;
mod process;
mod release;
mod traffic;

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use crate::repository;
use process::Running;

/// Shows a release's coverage grow. Ends by itself if `once`, else on Ctrl-C.
pub fn run(once: bool) -> Result<()> {
    interrupt::catch();
    let goat = build_goat()?;
    let sudo = sudo()?;
    let dir = tempfile::Builder::new().prefix("goat-demo-").tempdir().context("cannot make a directory")?;
    let repo = dir.path().join("till");
    let service = dir.path().join("till-v1.1.0");
    let plan = dir.path().join("till.goatplan");

    title("The release: till v1.1.0, built from its commit, nothing added to its sources");
    release::make(&repo)?;
    release::build(&repo, &service)?;

    title("The plan: what v1.1.0 changed since v1.0.0, and where that is in the binary (no privileges)");
    let status = Command::new(&goat)
        .args(["plan", "--old", "v1.0.0", "--new", "v1.1.0", "--granularity", "line", "--repo"])
        .arg(&repo)
        .arg("--binary")
        .arg(&service)
        .arg("--output")
        .arg(&plan)
        .status()
        .context("cannot run goat")?;
    ensure!(status.success(), "goat plan: {status}");

    title("The service runs, and goat attaches to it");
    let mut till = Running::start(Command::new(&service).args(["--listen", "127.0.0.1:0"]))?;
    let address = till.wait_for("listening on ")?;
    println!("till (process {}) on http://{address}", till.id());
    let mut attach = attach(&goat, &plan, till.id(), sudo)?;
    let track = attach.wait_for("serving ")?;

    title("Round 1: quotes for shoppers who are no members, in two countries");
    let requests = traffic::send(&address, traffic::ROUND_1)?;
    answer::show(&track, &repo, requests)?;

    title("Round 2: members, express deliveries, refunds");
    let requests = traffic::send(&address, traffic::ROUND_2)?;
    answer::show(&track, &repo, requests)?;

    if !once {
        println!(
            "\nThe answer stays at {track}\nThe service is at http://{address}/quote?items=3&cents=500&country=de&member=1"
        );
        println!("Ctrl-C ends both.");
        while !interrupt::came() && till.is_alive()? && attach.is_alive()? {
            std::thread::sleep(interrupt::POLL);
        }
    }

    title("The end: goat takes its probes out, and the service never knew");
    let status = attach.end()?;
    ensure!(status.success(), "goat attach: {status}");
    ensure!(till.is_alive()?, "the service did not outlive goat");
    traffic::send(&address, traffic::ROUND_1).context("the service does not answer after goat has left")?;
    till.end()?;
    Ok(())
}

fn title(text: &str) {
    println!("\n== {text}");
}

/// The goat of this tree.
fn build_goat() -> Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(repository::root())
        .args(["build", "--quiet", "--package", "goat-userspace", "--bin", "goat"])
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "goat does not build");
    // cargo puts this program and goat side by side, wherever its target directory is.
    let goat = env::current_exe().context("cannot find this program")?.with_file_name("goat");
    ensure!(goat.is_file(), "there is no {}", goat.display());
    Ok(goat)
}

/// Whether attaching goes through sudo; asks for the password now, while this program has the terminal.
fn sudo() -> Result<bool> {
    // SAFETY: geteuid has no preconditions and always succeeds.
    if unsafe { libc::geteuid() } == 0 {
        return Ok(false);
    }
    println!("Attaching needs root; asking sudo");
    match Command::new("sudo").arg("--validate").status() {
        Ok(status) if status.success() => Ok(true),
        Ok(status) => bail!("sudo: {status}; run `cargo xtask demo` as root"),
        Err(error) => Err(error).context("attaching needs root, and there is no sudo; run `cargo xtask demo` as root"),
    }
}

fn attach(goat: &Path, plan: &Path, pid: u32, sudo: bool) -> Result<Running> {
    let mut command = match sudo {
        true => {
            let mut command = Command::new("sudo");
            command.arg("--non-interactive").arg(goat);
            command
        }
        false => Command::new(goat),
    };
    command.args(["attach", "--no-state", "--pid", &pid.to_string(), "--listen", "127.0.0.1:0"]);
    command.args(["--data-type", "count", "--plan"]);
    command.arg(plan);
    let mut attach = Running::start(&mut command)?;
    attach.by_sudo = sudo;
    Ok(attach)
}
