//! goat does with the few capabilities that it asks for, says which are missing, and gives up the rest.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::PathBuf,
    process::Command,
};

use anyhow::{Context, Result, ensure};
use goat_tests::{
    goat,
    http::{self, Client},
    kernel,
    live::{self, Live},
    process::{Outcome, Process},
    shop::{self, Shopd},
    track::Track,
};
use tempfile::TempDir;

/// A user without any rights, and another one.
const NOBODY: u32 = 65_534;
const ANOTHER: u32 = 65_533;

const BPF: u64 = 1 << 39;
const PERFMON: u64 = 1 << 38;
const SYS_PTRACE: u64 = 1 << 19;
const DAC_OVERRIDE: u64 = 1 << 1;
const KILL: u64 = 1 << 5;
const DAC_READ_SEARCH: u64 = 1 << 2;

#[test]
fn two_capabilities_are_enough_for_a_process_of_ones_own() -> Result<()> {
    enough(NOBODY, "bpf,perfmon", BPF | PERFMON)
}

#[test]
fn two_more_are_enough_for_another_users_process() -> Result<()> {
    enough(ANOTHER, "bpf,perfmon,sys_ptrace,dac_override", BPF | PERFMON | SYS_PTRACE | DAC_OVERRIDE)
}

/// With `capabilities` alone goat probes a process of `user`, and goes on with those in `kept`.
fn enough(user: u32, capabilities: &str, kept: u64) -> Result<()> {
    let Some(stage) = Stage::set(user)? else { return Ok(()) };
    let port = http::free_port()?;
    let mut process = Process::start(stage.attach(capabilities).arg(format!("--listen={port}")))?;
    let client = Client::new(port);
    process.until("goat ready", || client.is_ok("/readyz").then_some(()))?;
    for thread in threads(process.pid())? {
        // It takes CAP_SETPCAP to change; and with no_new_privs it gives nothing.
        let bounding = thread.bounding;
        assert_eq!(thread, Thread { bounding, ..Thread::reduced_to(kept) });
    }
    stage.service.client.get(REQUEST)?;
    process.until("a covered point", || is_covered(&client).then_some(()))?;
    process.signal(libc::SIGTERM)?;
    process.wait()?.succeeded().map(drop)
}

#[test]
fn what_is_missing_is_named() -> Result<()> {
    let Some(stage) = Stage::set(ANOTHER)? else { return Ok(()) };
    for (capabilities, expected) in [
        ("sys_ptrace", "goat lacks CAP_BPF and CAP_PERFMON for uprobe_multi"),
        ("bpf,sys_ptrace", "goat lacks CAP_PERFMON for"),
        ("perfmon,sys_ptrace", "goat lacks CAP_BPF for"),
        ("bpf,perfmon", "for another user's process goat needs CAP_SYS_PTRACE and CAP_DAC_OVERRIDE"),
        ("bpf,perfmon,sys_ptrace", "for another user's process goat needs CAP_SYS_PTRACE and CAP_DAC_OVERRIDE"),
    ] {
        let Outcome { status, stderr, .. } = Process::run(stage.attach(capabilities).arg("--listen=0"))?;
        assert_eq!(status.code(), Some(1), "{capabilities}: {stderr}");
        ensure!(stderr.contains(expected), "{capabilities}: not {expected:?}: {stderr}");
    }
    Ok(())
}

#[test]
fn root_gives_up_what_it_does_not_need_in_every_thread() -> Result<()> {
    let Some(mut live) = Live::start(&[])? else { return Ok(()) };
    let own = own()?.permitted;
    for thread in threads(live.process.pid())? {
        assert_eq!(thread, Thread::reduced_to(own & (BPF | PERFMON | SYS_PTRACE | DAC_READ_SEARCH)));
    }
    // It goes on as before: counts, serves, takes the probes out, and writes the report.
    live.shopd.client.get(REQUEST)?;
    live.process.until("a covered point", || is_covered(&live.goat).then_some(()))?;
    live.process.signal(libc::SIGTERM)?;
    let report = live.report();
    live.process.wait()?.succeeded()?;
    ensure!(report.exists(), "no report was written");
    Ok(())
}

#[test]
fn privileges_are_kept_when_asked_for() -> Result<()> {
    let Some(live) = Live::start(&["--keep-privileges"])? else { return Ok(()) };
    for thread in threads(live.process.pid())? {
        assert_eq!(thread, own()?);
    }
    Ok(())
}

#[test]
fn a_process_that_comes_after_is_still_seen_to() -> Result<()> {
    let Some(dir) = directory()? else { return Ok(()) };
    let shop = shop::shop()?;
    let binary = dir.path().join("shopd");
    fs::copy(&shop.shopd, &binary)?;
    let plan = live::plan_args(&shop).write(dir.path())?;
    let port = http::free_port()?;
    let mut attach = goat::command()?;
    attach.arg("attach").arg("--exe").arg(&binary).arg("--plan").arg(&plan).arg(format!("--listen={port}"));
    let mut process = Process::start(&mut attach)?;
    let client = Client::new(port);
    process.until("goat ready", || client.is_ok("/readyz").then_some(()))?;
    ensure!(threads(process.pid())?.iter().all(|t| t.no_new_privs), "goat kept its privileges");

    // Another user's, too: its breakpoints are looked at and taken out through /proc/PID/mem.
    let services = [Shopd::start(&binary)?, Shopd::start_with(as_user(NOBODY, "-all").arg(&binary))?];
    for service in &services {
        service.client.get(REQUEST)?;
    }
    process.until("a covered point", || is_covered(&client).then_some(()))?;
    process.signal(libc::SIGTERM)?;
    let outcome = process.wait()?.succeeded()?;
    ensure!(!outcome.stderr.contains("warning"), "{}", outcome.stderr);
    Ok(())
}

#[test]
fn the_command_of_run_keeps_its_privileges() -> Result<()> {
    let Some(dir) = directory()? else { return Ok(()) };
    let shop = shop::shop()?;
    let plan = live::plan_args(&shop).write(dir.path())?;
    let port = http::free_port()?;
    let mut run = goat::command()?;
    run.arg("run").arg("--plan").arg(&plan).arg("--").arg(&shop.shopd).env("PORT", port.to_string());
    let mut process = Process::start(&mut run)?;
    shop::wait_until_up(&mut process, port)?;
    let (goat, own) = (process.pid(), own()?);
    let is_reduced = || threads(goat).is_ok_and(|threads| threads.iter().all(|t| t.seccomp == 2));
    process.until("goat's own reduced", || is_reduced().then_some(()))?;
    for thread in threads(goat)? {
        let kept = own.permitted & (BPF | PERFMON | SYS_PTRACE | DAC_READ_SEARCH | KILL);
        assert_eq!(thread, Thread::reduced_to(kept));
    }
    let children = fs::read_to_string(format!("/proc/{goat}/task/{goat}/children"))?;
    let child = children.split_whitespace().next().context("goat has no child")?.parse()?;
    for thread in threads(child)? {
        assert_eq!(thread, own);
    }
    process.signal(libc::SIGTERM)?;
    process.wait().map(drop)
}

#[test]
fn a_report_is_written_into_another_users_directory() -> Result<()> {
    let Some(dir) = directory()? else { return Ok(()) };
    let theirs = dir.path().join("theirs");
    fs::create_dir(&theirs)?;
    chown(&theirs, Some(NOBODY), Some(NOBODY))?;
    let report = theirs.join("report.json");
    let shop = shop::shop()?;
    let plan = live::plan_args(&shop).write(dir.path())?;
    let service = Shopd::start(&shop.shopd)?;
    let port = http::free_port()?;
    let mut attach = goat::command()?;
    attach.args(["attach", "--pid", &service.process.pid().to_string(), &format!("--listen={port}"), "--plan"]);
    let mut process = Process::start(attach.arg(&plan).arg("--report").arg(&report))?;
    let client = Client::new(port);
    process.until("goat ready", || client.is_ok("/readyz").then_some(()))?;
    process.signal(libc::SIGTERM)?;
    process.wait()?.succeeded()?;
    ensure!(report.exists(), "no report was written");
    Ok(())
}

#[test]
fn the_doctor_says_what_is_missing_and_tries_what_is_there() -> Result<()> {
    let Some(stage) = Stage::set(ANOTHER)? else { return Ok(()) };
    let pid = stage.service.process.pid().to_string();
    let all = "bpf,perfmon,sys_ptrace,dac_override";
    for (capabilities, pid, failed) in [
        (all, Some(&pid), vec![]),
        ("bpf,perfmon", None, vec![]),
        ("bpf,perfmon", Some(&pid), vec!["text", "binary"]),
        ("perfmon,sys_ptrace,dac_override", Some(&pid), vec!["capabilities", "trial"]),
    ] {
        let mut doctor = stage.goat(capabilities);
        doctor.args(["doctor", "--format", "json"]).args(pid.iter().flat_map(|pid| ["--pid", pid]));
        let outcome = Process::run(&mut doctor)?;
        let answer: serde_json::Value = serde_json::from_str(&outcome.stdout).context(outcome.stderr.clone())?;
        let checks = answer["checks"].as_array().context("no checks")?;
        let found: Vec<&str> =
            checks.iter().filter(|c| c["verdict"] == "fail").filter_map(|c| c["name"].as_str()).collect();
        assert_eq!(found, failed, "{capabilities} {pid:?}: {answer}");
        assert_eq!(outcome.code(), i32::from(!failed.is_empty()));
        assert_eq!(answer["usable"], failed.is_empty());
    }
    Ok(())
}

/// A request that runs changed code of the shop.
const REQUEST: &str = "/price?sku=plum&qty=12";

fn is_covered(client: &Client) -> bool {
    let track = client.get("/track").and_then(|answer| Track::parse(&answer.body));
    track.is_ok_and(|track| track.results.iter().any(|component| component.metrics.covered > 0))
}

/// A directory that every user may look into; `None` where nothing can be probed.
fn directory() -> Result<Option<TempDir>> {
    if kernel::is_missing() {
        return Ok(None);
    }
    let dir = tempfile::tempdir()?;
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755))?;
    Ok(Some(dir))
}

/// A service of some user, and goat as nobody.
struct Stage {
    dir: TempDir,
    plan: PathBuf,
    service: Shopd,
}

impl Stage {
    /// Starts shopd as `user`; `None`, with the reason said, where nothing can be probed or no one can be another user.
    fn set(user: u32) -> Result<Option<Self>> {
        let Some(dir) = directory()? else { return Ok(None) };
        if !as_user(NOBODY, "-all").arg("true").status().is_ok_and(|status| status.success()) {
            eprintln!("skipped: setpriv can't run a command as user {NOBODY}");
            return Ok(None);
        }
        let shop = shop::shop()?;
        let binary = dir.path().join("shopd");
        fs::copy(&shop.shopd, &binary)?;
        fs::copy(goat::binary()?, dir.path().join("goat"))?;
        let plan = live::plan_args(&shop).write(dir.path())?;
        fs::set_permissions(&plan, fs::Permissions::from_mode(0o644))?;
        let service = Shopd::start_with(as_user(user, "-all").arg(&binary))?;
        Ok(Some(Self { dir, plan, service }))
    }

    /// `goat attach` as nobody, with `capabilities` and no others.
    fn attach(&self, capabilities: &str) -> Command {
        let mut command = self.goat(capabilities);
        command.args(["attach", "--pid", &self.service.process.pid().to_string(), "--plan"]).arg(&self.plan);
        command
    }

    /// The same for any of its commands.
    fn goat(&self, capabilities: &str) -> Command {
        let set = format!("-all,+{}", capabilities.replace(',', ",+"));
        let mut command = as_user(NOBODY, &set);
        command.arg(format!("--ambient-caps={set}")).arg(self.dir.path().join("goat"));
        command
    }
}

/// setpriv(1), the command still to be given.
fn as_user(user: u32, capabilities: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={user}"), &format!("--regid={user}"), "--clear-groups"]);
    command.arg(format!("--inh-caps={capabilities}"));
    command
}

/// A thread's privileges in /proc/PID/task/TID/status.
#[derive(PartialEq, Eq, Debug)]
struct Thread {
    inheritable: u64,
    permitted: u64,
    effective: u64,
    bounding: u64,
    ambient: u64,
    no_new_privs: bool,
    /// 0: none; 2: a filter.
    seccomp: u64,
}

impl Thread {
    fn reduced_to(kept: u64) -> Self {
        Self {
            inheritable: 0,
            permitted: kept,
            effective: kept,
            bounding: kept,
            ambient: 0,
            no_new_privs: true,
            seccomp: 2,
        }
    }
}

fn own() -> Result<Thread> {
    threads(std::process::id())?.pop().context("no thread")
}

fn threads(process: u32) -> Result<Vec<Thread>> {
    let mut threads = Vec::new();
    for entry in fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread that has ended meanwhile has no status.
        let Ok(status) = fs::read_to_string(entry?.path().join("status")) else { continue };
        let field = |name: &str| {
            let value =
                status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
            u64::from_str_radix(value.trim(), 16).with_context(|| format!("{name}{value}"))
        };
        let permitted = field("CapPrm:")?;
        let no_new_privs = field("NoNewPrivs:")? == 1;
        threads.push(Thread {
            inheritable: field("CapInh:")?,
            permitted,
            effective: field("CapEff:")?,
            bounding: field("CapBnd:")?,
            ambient: field("CapAmb:")?,
            no_new_privs,
            seccomp: field("Seccomp:")?,
        });
    }
    Ok(threads)
}
