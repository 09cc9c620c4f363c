//! /openapi.json against the server that serves it, by schemathesis (PyPI), which asks what the document allows and what it does
//! not, and holds the answers against it.

use std::process::Command;

use anyhow::{Result, ensure};
use goat_tests::{goat, http, http::Client, process::Process, tool};

/// What the original's routes answer whatever the method is is no finding: only there is this check left out.
const ANY_METHOD: &str = "^/(track|metrics|healthz|readyz)?$";

#[test]
fn schemathesis_finds_nothing() -> Result<()> {
    if tool::is_missing("schemathesis", "PyPI: pip install schemathesis") {
        return Ok(());
    }
    let port = http::free_port()?;
    let mut server = Process::start(goat::example("page")?.arg("live").env("PORT", port.to_string()))?;
    let client = Client::new(port);
    server.until("the server", || client.is_ok("/healthz").then_some(()))?;
    let url = format!("http://127.0.0.1:{port}/openapi.json");
    let dir = tempfile::tempdir()?;
    // Events have no end: schemathesis would wait for it.
    let run = |paths: &[&str], more: &[&str]| -> Result<()> {
        let mut command = Command::new("schemathesis");
        command.current_dir(dir.path()).args(["run", &url, "--checks", "all", "--max-examples", "40", "--no-color"]);
        command.args(["--generation-deterministic", "--exclude-path", "/track/events"]).args(paths).args(more);
        let done = Process::run(&mut command)?;
        ensure!(done.status.success(), "{}\n{}", done.stdout, done.stderr);
        Ok(())
    };
    run(&["--include-path-regex", ANY_METHOD], &["--exclude-checks", "unsupported_method"])?;
    // A verdict with the status that was asked for, 503 or 400, is neither the server's fault nor the client's.
    run(
        &["--include-path", "/verify"],
        &["--exclude-checks", "not_a_server_error", "--exclude-checks", "positive_data_acceptance"],
    )?;
    run(&["--exclude-path-regex", ANY_METHOD, "--exclude-path", "/verify"], &[])
}
