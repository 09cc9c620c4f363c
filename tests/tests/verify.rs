//! `goat verify` and `/verify` against a goat beside a live shopd, and against what it wrote.

use std::process::Command;

use anyhow::{Result, ensure};
use goat_tests::{
    deadline, goat, http,
    live::Live,
    original,
    process::{Outcome, Process},
    shop,
};
use serde_json::Value;

#[test]
fn the_exit_status_says_what_has_run() -> Result<()> {
    let Some(live) = Live::start(&[])? else { return Ok(()) };
    shop::send(&original::wire()?, "T1", &live.shopd.client)?;
    let url = live.url();
    let shopd = &live.track("/track?component=cmd/shopd")?.results[0].metrics;
    let share = |part: usize| format!("{}.{:02}", part * 100 / shopd.total, part * 10_000 / shopd.total % 100);
    let (reached, missed) = (share(shopd.covered), share(shopd.covered + 1));
    ensure!(0 < shopd.covered && shopd.covered < shopd.total, "T1 covers {} of {}", shopd.covered, shopd.total);

    let check = |options: &[&str], code: i32, expected: &str| -> Result<()> {
        let ended = verify(&[&["--url", &url, "--timeout", "0"], options].concat())?;
        ensure!(ended.code() == code && ended.stdout.starts_with(expected), "{options:?}: {ended:?}");
        Ok(())
    };
    check(&["--min-coverage", &reached], 0, "pass: ")?;
    check(&["--min-coverage", &missed], 1, "below: ")?;
    check(&[], 1, "below: ")?;
    check(&["--min-coverage", "0", "--min-points", "100000"], 3, "undecided: ")?;
    check(&["--min-coverage", "0", "--component", "nosuch"], 2, "")?;
    check(&["--min-coverage", "0", "--component", "1,0"], 0, "pass: shop 0a476ce, cmd/shopctl, cmd/shopd: ")?;

    // What can't be observed is named, and limited only if asked.
    let out = verify(&["--url", &url, "--timeout", "0", "--format", "json"])?;
    let verdict: Value = serde_json::from_str(&out.stdout)?;
    let unobservable = verdict["unobservablePoints"].as_array().map_or(0, Vec::len);
    assert_eq!(verdict["covered"].as_u64(), u64::try_from(shopd.covered).ok());
    ensure!(unobservable > 0 && verdict["unobservable"] == unobservable, "{verdict}");
    let few = (unobservable - 1).to_string();
    check(&["--min-coverage", "0", "--max-unobservable", &few], 1, "below: ")?;
    check(&["--min-coverage", "0", "--max-unobservable", &unobservable.to_string()], 0, "pass: ")?;

    // The server says the same.
    let answer = live.goat.get(&format!("/verify?min-coverage={reached}&fail=503"))?;
    assert_eq!((answer.status, &*answer.content_type), (200, "application/json"));
    let answer = live.goat.get(&format!("/verify?min-coverage={missed}&fail=503"))?;
    assert_eq!(answer.status, 503);
    assert_eq!(serde_json::from_str::<Value>(&answer.body)?["verdict"], "below");

    // And so does what it wrote, once it has ended.
    live.process.signal(libc::SIGTERM)?;
    let report = live.report();
    live.process.wait()?.succeeded()?;
    let report = report.to_string_lossy();
    assert_eq!(verify(&["--report", &report, "--min-coverage", &reached])?.code(), 0);
    assert_eq!(verify(&["--report", &report, "--min-coverage", &missed])?.code(), 1);
    Ok(())
}

#[test]
fn it_waits_until_enough_has_run() -> Result<()> {
    let Some(live) = Live::start(&[])? else { return Ok(()) };
    let url = live.url();
    let mut waiting = start(&["--url", &url, "--min-coverage", "1", "--timeout", "5m"])?;
    deadline::until("a line about waiting", || Ok(waiting.stderr().contains("waiting for 1%").then_some(())))?;
    ensure!(waiting.is_running()?, "it did not wait");
    shop::send(&original::wire()?, "T1", &live.shopd.client)?;
    let ended = waiting.wait()?.succeeded()?;
    ensure!(ended.stdout.starts_with("pass: "), "{ended:?}");
    // A line for each change, however often goat was asked.
    let lines: Vec<_> = ended.stderr.lines().collect();
    ensure!(lines[0].contains("0 of ") && lines.len() == 1, "{lines:?}");
    Ok(())
}

#[test]
fn without_an_answer_there_is_no_verdict() -> Result<()> {
    let url = format!("http://127.0.0.1:{}", http::free_port()?);
    let ended = verify(&["--url", &url, "--timeout", "0"])?;
    assert_eq!((ended.code(), &*ended.stdout), (3, ""));
    ensure!(ended.stderr.contains("no answer from http://127.0.0.1:"), "{ended:?}");
    assert_eq!(verify(&["--report", "/nonexistent/report.json"])?.code(), 3);
    assert_eq!(verify(&["--min-coverage", "200"])?.code(), 2);
    Ok(())
}

fn verify(options: &[&str]) -> Result<Outcome> {
    Process::run(&mut command(options)?)
}

fn start(options: &[&str]) -> Result<Process> {
    Process::start(&mut command(options)?)
}

/// Behind a proxy that no one serves, which an address of this machine must not be asked through.
fn command(options: &[&str]) -> Result<Command> {
    let mut command = goat::command()?;
    command.arg("verify").args(options).env("http_proxy", "http://127.0.0.1:1").env("ALL_PROXY", "http://127.0.0.1:1");
    Ok(command)
}
