//! Load by wrk(1), a second at a time, and what a second costs the server.

use std::{process::Command, time::Duration};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use super::process::CpuClock;
use crate::truth::toolchain;

/// Enough to keep the server busy all the time.
const CONNECTIONS: &str = "16";

/// A second under load.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Second {
    /// Requests per second.
    pub(super) throughput: f64,
    /// CPU time of the server per request, in microseconds.
    pub(super) cpu_us: f64,
    /// Requests that were not answered with a status from 200 to 399.
    pub(super) errors: u64,
}

/// Sends requests to `url` for a second. `clock` is the server's.
pub(super) fn second(url: &str, clock: CpuClock) -> Result<Second> {
    let before = clock.now()?;
    let said = toolchain::output(Command::new("wrk").args(["-t1", "-c", CONNECTIONS, "-d1s", "--timeout", "10s", url]))
        .context("wrk drives the server (Debian: apt install wrk)")?;
    let spent = clock.now()?.saturating_sub(before);
    read(&said, spent)
}

fn read(said: &str, spent: Duration) -> Result<Second> {
    let number = |name: &str| -> Option<f64> {
        said.lines().find_map(|line| line.trim().strip_prefix(name)?.trim().parse().ok())
    };
    let requests = said.lines().find_map(|l| l.split_once(" requests in ")?.0.trim().parse::<f64>().ok());
    let throughput = number("Requests/sec:");
    let (Some(requests), Some(throughput)) = (requests, throughput) else {
        anyhow::bail!("wrk said something else: {said}");
    };
    ensure!(requests > 0.0, "the server answered nothing: {said}");
    let mut errors = number("Non-2xx or 3xx responses:").unwrap_or_default();
    if let Some(line) = said.lines().find(|l| l.contains("Socket errors:")) {
        // connect 0, read 0, write 0, timeout 0
        errors += line.split([' ', ',']).filter_map(|word| word.parse::<f64>().ok()).sum::<f64>();
    }
    Ok(Second { throughput, cpu_us: spent.as_secs_f64() * 1e6 / requests, errors: errors as u64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrks_own_words_are_understood() {
        let said = "Running 1s test @ http://127.0.0.1:1/\n  1 threads and 16 connections\n  Thread Stats   Avg\n  \
                    20000 requests in 1.10s, 3.00MB read\n";
        let check = |more: &str, errors: u64| {
            let found =
                read(&format!("{said}{more}Requests/sec:  18181.82\nTransfer/sec: 2MB\n"), Duration::from_secs(1));
            let Second { throughput, cpu_us, errors: found } = found.unwrap();
            assert_eq!((throughput, cpu_us, found), (18181.82, 50.0, errors), "{more}");
        };
        check("", 0);
        check("  Non-2xx or 3xx responses: 7\n", 7);
        check("  Socket errors: connect 0, read 1, write 0, timeout 2\n", 3);
        assert!(read("unable to connect", Duration::from_secs(1)).is_err());
    }
}
