//! A headless Chromium, driven over the Chrome DevTools Protocol (https://chromedevtools.github.io/devtools-protocol).

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tungstenite::{Message, WebSocket};

use crate::{deadline, http::Client, process::Process, tool};

/// A browser with one page.
pub struct Browser {
    socket: WebSocket<TcpStream>,
    last: u64,
    /// What it has said of itself: exceptions, refused resources.
    complaints: Vec<String>,
    _process: Process,
    _profile: TempDir,
}

/// What a screen is like.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// In CSS pixels.
    pub width: u32,
    /// In CSS pixels.
    pub height: u32,
    /// Whether dark is preferred.
    pub dark: bool,
}

impl Browser {
    /// Starts one; `None`, with the reason said, where there is no Chromium.
    pub fn start() -> Result<Option<Self>> {
        if tool::is_missing("chromium", "Debian package chromium") {
            return Ok(None);
        }
        let profile = tempfile::tempdir()?;
        let mut command = Command::new("chromium");
        command.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"]);
        command.args(["--disable-background-networking", "--disable-component-update", "--remote-debugging-port=0"]);
        command.arg(format!("--user-data-dir={}", profile.path().display())).arg("about:blank");
        let mut process = Process::start(&mut command)?;
        // The port stands in the first line (chrome/browser/devtools, `DevToolsActivePort`).
        let file = profile.path().join("DevToolsActivePort");
        let port: u16 =
            process.until("the browser's port", || fs::read_to_string(&file).ok()?.lines().next()?.parse().ok())?;
        let pages: Value = serde_json::from_str(&Client::new(port).get("/json")?.body)?;
        let page = pages.as_array().into_iter().flatten().find(|page| page["type"] == "page");
        let url = page.and_then(|page| page["webSocketDebuggerUrl"].as_str()).context("the browser has no page")?;
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let (socket, _) = tungstenite::client(url, stream).map_err(|error| anyhow::anyhow!("{url}: {error}"))?;
        let mut browser = Self { socket, last: 0, complaints: Vec::new(), _process: process, _profile: profile };
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({}))?;
        }
        Ok(Some(browser))
    }

    /// Calls a method and gives its result.
    #[expect(clippy::needless_pass_by_value, reason = "each call is made of a value on the spot")]
    pub fn call(&mut self, method: &str, parameters: Value) -> Result<Value> {
        self.last += 1;
        let call = json!({"id": self.last, "method": method, "params": parameters});
        self.socket.send(Message::text(call.to_string()))?;
        loop {
            let Message::Text(text) = self.socket.read().with_context(|| format!("waiting for {method}"))? else {
                continue;
            };
            let mut answer: Value = serde_json::from_str(&text)?;
            if answer["id"] == self.last {
                ensure!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return Ok(answer["result"].take());
            }
            if matches!(answer["method"].as_str(), Some("Runtime.exceptionThrown" | "Log.entryAdded")) {
                self.complaints.push(answer["params"].to_string());
            }
        }
    }

    /// The value of a JavaScript expression; of a promise, what it comes to.
    pub fn value(&mut self, expression: &str) -> Result<Value> {
        let asked = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let mut answer = self.call("Runtime.evaluate", asked)?;
        if !answer["exceptionDetails"].is_null() {
            bail!("{expression}: {}", answer["exceptionDetails"]);
        }
        Ok(answer["result"]["value"].take())
    }

    /// The value as text.
    pub fn text(&mut self, expression: &str) -> Result<String> {
        let value = self.value(expression)?;
        value.as_str().map(str::to_owned).with_context(|| format!("{expression} is {value}"))
    }

    /// Waits until the expression is true.
    pub fn until(&mut self, expression: &str) -> Result<()> {
        deadline::until(expression, || Ok((self.value(expression)? == true).then_some(())))
    }

    /// Opens `url`, and waits until its script has made the page ready.
    pub fn open(&mut self, url: &str) -> Result<()> {
        self.call("Page.navigate", json!({"url": url}))?;
        self.until("document.readyState === 'complete' && 'ready' in document.documentElement.dataset")
    }

    /// Presses a key of one character.
    pub fn press(&mut self, key: &str) -> Result<()> {
        self.call("Input.dispatchKeyEvent", json!({"type": "keyDown", "key": key, "text": key}))?;
        self.call("Input.dispatchKeyEvent", json!({"type": "keyUp", "key": key})).map(drop)
    }

    /// Clicks the middle of the element, as a mouse does.
    pub fn click(&mut self, selector: &str) -> Result<()> {
        let place = format!(
            "(() => {{ const e = document.querySelector({selector:?}); e.scrollIntoView({{block: 'center'}}); \
             const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }})()"
        );
        let place = self.value(&place)?;
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", event)?;
        }
        Ok(())
    }

    /// Shows the page on another screen.
    pub fn show_on(&mut self, screen: Screen) -> Result<()> {
        let Screen { width, height, dark } = screen;
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", metrics)?;
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", json!({"features": features})).map(drop)
    }

    /// Writes what the screen shows as target/screenshots/`name`.png.
    pub fn screenshot(&mut self, name: &str) -> Result<PathBuf> {
        let shot = self.call("Page.captureScreenshot", json!({"format": "png"}))?;
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
        fs::create_dir_all(&path)?;
        let path = path.join(format!("{name}.png"));
        fs::write(&path, base64(shot["data"].as_str().context("no picture")?)?)?;
        Ok(path)
    }

    /// Exceptions of the page's script, and what its policy or its server refused it.
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }
}

/// Decodes RFC 4648, section 4.
fn base64(text: &str) -> Result<Vec<u8>> {
    let (mut bits, mut held, mut out) = (0u32, 0, Vec::with_capacity(text.len() * 3 / 4));
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => bail!("{byte} is no digit of base 64"),
        };
        (bits, held) = (bits << 6 | u32::from(value), held + 6);
        if held >= 8 {
            held -= 8;
            out.push((bits >> held & 0xff) as u8);
        }
    }
    Ok(out)
}
