//! The server, as the bench starts it and puts it under load.

use std::{
    net::{TcpListener, TcpStream},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use super::{
    load::{self, Second},
    process::{CpuClock, Running},
    subject::Subject,
};

/// How long the server may take to listen.
const PATIENCE: Duration = Duration::from_secs(60);
/// Seconds under load before anything is measured.
pub(super) const WARM: usize = 3;

/// A server that is up.
pub(super) struct Server {
    process: Running,
    url: String,
    clock: CpuClock,
}

impl Server {
    /// Starts `binary`, and waits until it listens.
    pub(super) fn start(subject: &Subject, binary: &Path) -> Result<Self> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut process = Running::start(&mut subject.command(binary, port))?;
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            ensure!(process.0.try_wait()?.is_none(), "the server ended before it listened");
            ensure!(Instant::now() < deadline, "the server does not listen on port {port}");
            thread::sleep(Duration::from_millis(10));
        }
        let clock = CpuClock::of(process.pid())?;
        Ok(Self { process, url: format!("http://127.0.0.1:{port}{}", subject.path), clock })
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// A second of load.
    pub(super) fn second(&self) -> Result<Second> {
        load::second(&self.url, self.clock)
    }

    /// `n` of them.
    pub(super) fn seconds(&self, n: usize) -> Result<Vec<Second>> {
        (0..n).map(|_| self.second()).collect()
    }
}
