//! A server under traffic: started, sent one request after the other, and ended as its supervisor would.

use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use ureq::http;

use super::drive::Heard;

/// How long the server may take to listen, and to end.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(10);

/// A port of the loopback interface that was free a moment ago.
pub(super) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Sends `requests` to the server that `command` starts on `port`. Answers of any status are answers.
pub(super) fn drive(mut command: Command, port: u16, requests: &[String]) -> Result<Heard> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut server = Server(command.spawn().with_context(|| format!("cannot start {command:?}"))?);
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        ensure!(server.0.try_wait()?.is_none(), "{command:?} ended before it listened");
        ensure!(Instant::now() < deadline, "{command:?} does not listen on port {port}");
        thread::sleep(POLL);
    }
    // Loopback addresses are reached directly, whatever proxy the environment names.
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .proxy(None)
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .build()
        .into();
    for request in requests {
        // Some of the traffic is there to be refused, even by a closed connection.
        if let Ok(mut answer) = agent.run(parse(request, port)?) {
            let _ = answer.body_mut().read_to_vec();
        }
    }
    let pid = libc::pid_t::try_from(server.0.id())?;
    // SAFETY: kill has no memory preconditions; the child has not been waited for, so that the number is still its own.
    unsafe { libc::kill(pid, libc::SIGTERM) };
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = server.0.try_wait()? {
            return Ok(Heard { stdout: Vec::new(), code: status.code() });
        }
        ensure!(Instant::now() < deadline, "{command:?} does not end");
        thread::sleep(POLL);
    }
}

fn parse(request: &str, port: u16) -> Result<http::Request<String>> {
    let mut parts = request.split('|').map(str::trim);
    let (method, path) =
        parts.next().and_then(|p| p.split_once(' ')).with_context(|| format!("no request: {request}"))?;
    let mut builder = http::Request::builder().method(method).uri(format!("http://127.0.0.1:{port}{path}"));
    let mut body = String::new();
    for part in parts {
        if let Some(text) = part.strip_prefix("body=") {
            body = text.to_owned();
        } else if let Some((name, value)) = part.split_once(':') {
            builder = builder.header(name.trim(), value.trim());
        }
    }
    builder.body(body).with_context(|| format!("no request: {request}"))
}

/// Dropping it kills it.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}
