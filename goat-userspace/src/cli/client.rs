//! Asking a running goat: by HTTP or HTTPS, and by no proxy at this machine's own addresses.

use std::{
    fs,
    io::Read,
    net::IpAddr,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use ureq::{
    Agent,
    http::Uri,
    tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem},
};

use super::{args::TrustArgs, say::HelpExt};
use crate::report::{self, Report};

/// The longest answer that is read, in bytes: a point takes some 300, so that this is a change of 200 000 points.
const MAX_ANSWER: u64 = 64 << 20;

/// How long one answer may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// A running goat.
pub(super) struct Client {
    agent: Agent,
    base: String,
    /// GOAT_TOKEN: what a goat with a token asks for.
    token: Option<String>,
}

/// Checks `--url`, and gives it without a slash at its end: `http://127.0.0.1:57005`.
pub(super) fn base(text: &str) -> Result<String, String> {
    let wrong = |why: &str| format!("{why}: use http://ADDRESS:PORT or https://..., such as http://127.0.0.1:57005");
    let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let uri: Uri = full.parse().map_err(|e| wrong(&format!("not a URL ({e})")))?;
    match uri.scheme_str() {
        Some("http" | "https") if uri.query().is_none() => Ok(full.trim_end_matches('/').to_owned()),
        Some("http" | "https") => Err(wrong("a query belongs to other options")),
        scheme => Err(wrong(&format!("goat speaks http and https, not {}", scheme.unwrap_or_default()))),
    }
}

fn is_loopback(base: &str) -> bool {
    let uri = base.parse::<Uri>().ok();
    let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl Client {
    /// `base` is what [`base`] gives.
    pub(super) fn new(base: &str, trust: &TrustArgs) -> anyhow::Result<Self> {
        let roots = match &trust.ca {
            Some(file) => RootCerts::new_with_certs(&certificates(file)?),
            None => RootCerts::PlatformVerifier,
        };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .tls_config(TlsConfig::builder().root_certs(roots).build());
        let config = if is_loopback(base) { config.proxy(None) } else { config };
        let token = std::env::var("GOAT_TOKEN").ok().filter(|token| !token.is_empty());
        Ok(Self { agent: config.build().new_agent(), base: base.to_owned(), token })
    }

    /// What it was made with.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// `GET base/path?query`, which is to be answered with 200 before `deadline`.
    pub(super) fn get(&self, path: &str, query: &[(&str, &str)], deadline: Instant) -> anyhow::Result<String> {
        let url = format!("{}{path}", self.base);
        let answer = self.ask(&url, query, deadline).with_context(|| format!("no answer from {url}"));
        answer.help(if self.base.starts_with("https:") {
            "is goat serving HTTPS there? --ca FILE (GOAT_CA) names the certificates to trust, if the system does not know them"
        } else {
            "is goat running there? `goat attach` says where it serves; --url says where to ask"
        })
    }

    fn ask(&self, url: &str, query: &[(&str, &str)], deadline: Instant) -> anyhow::Result<String> {
        // A request without time fails for want of it, which would hide why.
        let patience = deadline.saturating_duration_since(Instant::now()).clamp(Duration::from_secs(1), PATIENCE);
        let request = query.iter().fold(self.agent.get(url), |request, (name, value)| request.query(name, value));
        let bearer = self.token.as_deref().map(|token| format!("Bearer {}", token.trim()));
        let request = bearer.iter().fold(request, |request, bearer| request.header("authorization", bearer));
        let mut response =
            request.header("accept", "application/json").config().timeout_global(Some(patience)).build().call()?;
        let mut body = Vec::new();
        response.body_mut().as_reader().take(MAX_ANSWER + 1).read_to_end(&mut body)?;
        ensure!(body.len() as u64 <= MAX_ANSWER, "an answer of more than {MAX_ANSWER} bytes");
        let body = String::from_utf8(body).context("the answer is no text")?;
        if response.status() != 200 {
            bail!("{}: {}", response.status(), detail(&body));
        }
        Ok(body)
    }

    /// The report as of now.
    pub(super) fn report(&self, deadline: Instant) -> anyhow::Result<Report> {
        let text = self.get("/track", &[("order", "2")], deadline)?;
        report::read::report(&text)
            .with_context(|| format!("{}/track answers with no report that goat can read", self.base))
    }
}

/// The certificates of a PEM file.
fn certificates(file: &Path) -> anyhow::Result<Vec<Certificate<'static>>> {
    let name = file.display();
    let pem = fs::read(file).with_context(|| format!("cannot read certificates from {name}"))?;
    let mut found = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item.with_context(|| format!("{name} is no PEM file"))? {
            found.push(certificate);
        }
    }
    ensure!(!found.is_empty(), "{name} holds no certificate: give a PEM file with -----BEGIN CERTIFICATE-----");
    Ok(found)
}

/// What a problem says (RFC 9457), or the first line of another answer.
fn detail(body: &str) -> String {
    let problem = serde_json::from_str::<serde_json::Value>(body).ok();
    let detail = problem.as_ref().and_then(|problem| problem["detail"].as_str());
    detail.or_else(|| body.lines().next()).unwrap_or_default().chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_checked() {
        for (text, expected) in [
            ("http://127.0.0.1:57005", Some("http://127.0.0.1:57005")),
            ("http://127.0.0.1:57005/", Some("http://127.0.0.1:57005")),
            ("127.0.0.1:57005", Some("http://127.0.0.1:57005")),
            ("http://[::1]:57005", Some("http://[::1]:57005")),
            ("http://gateway/canary/goat/", Some("http://gateway/canary/goat")),
            ("https://goat.example.com:8443/", Some("https://goat.example.com:8443")),
            ("ftp://x", None),
            ("http://x/?a=b", None),
            ("", None),
            ("http://", None),
            ("a b", None),
        ] {
            assert_eq!(base(text).ok().as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn this_machines_own_addresses_are_known() {
        for (url, expected) in [
            ("http://127.0.0.1:57005", true),
            ("http://127.8.8.8", true),
            ("http://[::1]:57005", true),
            ("http://LOCALHOST:1", true),
            ("http://10.0.0.1", false),
            ("http://localhost.example.com", false),
        ] {
            assert_eq!(is_loopback(url), expected, "{url}");
        }
    }

    #[test]
    fn refusals_say_why() {
        assert_eq!(detail(r#"{"title":"Bad Request","detail":"no format \"x\""}"#), "no format \"x\"");
        assert_eq!(detail("404 page not found\nmore"), "404 page not found");
        assert_eq!(detail(""), "");
    }
}
