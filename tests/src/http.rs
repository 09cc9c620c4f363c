//! A client for servers on this machine: no proxies, no redirects, every status an answer.

use std::{
    net::TcpListener,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use ureq::{Agent, http::Request};

/// One server.
pub struct Client {
    agent: Agent,
    port: u16,
}

/// What it answered.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// 200, 404, ...
    pub status: u16,
    /// The header of that name.
    pub content_type: String,
    /// The body.
    pub body: String,
}

impl Client {
    /// A client for 127.0.0.1:`port`.
    pub fn new(port: u16) -> Self {
        let config = Agent::config_builder()
            .proxy(None)
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .build();
        Self { agent: config.new_agent(), port }
    }

    /// The server's port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `GET path`.
    pub fn get(&self, path: &str) -> Result<Answer> {
        self.request("GET", path, "*/*")
    }

    /// Sends `method` and `path`, asking for the media types in `accept`.
    pub fn request(&self, method: &str, path: &str, accept: &str) -> Result<Answer> {
        let uri = format!("http://127.0.0.1:{}{path}", self.port);
        let request = Request::builder().method(method).uri(&uri).header("Accept", accept).body(())?;
        let mut answer = self.agent.run(request).with_context(|| format!("{method} {uri}"))?;
        Ok(Answer {
            status: answer.status().as_u16(),
            content_type: answer
                .headers()
                .get("content-type")
                .and_then(|v| v.to_str().ok())
                .unwrap_or_default()
                .to_owned(),
            body: answer.body_mut().read_to_string().with_context(|| format!("{method} {uri}"))?,
        })
    }

    /// Whether `GET path` is answered, and with 200.
    pub fn is_ok(&self, path: &str) -> bool {
        self.get(path).is_ok_and(|answer| answer.status == 200)
    }
}

/// Where ports are taken from: below those that Linux gives to clients (32768 and up).
const FIRST_PORT: u32 = 10_240;
const PORTS: u32 = 20_480;

/// A port that no one listens on now, and that no other call gives out: tests run beside one another.
pub fn free_port() -> Result<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Another process's tests begin somewhere else.
    let start = std::process::id().wrapping_mul(509);
    for _ in 0..PORTS {
        let step = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(FIRST_PORT + step % PORTS)?;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port is free")
}
