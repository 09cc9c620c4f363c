//! Where the answer is served: `--listen`, or the original's `GOAT_METRICS_IP` and `GOAT_PORT`, or its default.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::Context;

/// The original's port.
const DEFAULT_PORT: u16 = 57005;

/// Reads `ADDR:PORT`, `:PORT` or `PORT`.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    let port =
        port.parse().map_err(|_| format!("{port:?} is no port: use ADDR:PORT, such as 127.0.0.1:{DEFAULT_PORT}"))?;
    Ok(SocketAddr::new(ip(host)?, port))
}

/// What `attach` listens on when `--listen` is not given. `env` is the environment.
pub(super) fn by_default(env: impl Fn(&str) -> Option<String>) -> anyhow::Result<SocketAddr> {
    let set = |name| env(name).filter(|v| !v.is_empty());
    let ip = ip(&set("GOAT_METRICS_IP").unwrap_or_default()).map_err(anyhow::Error::msg).context("GOAT_METRICS_IP")?;
    let port = match set("GOAT_PORT") {
        Some(text) => text.parse().with_context(|| format!("GOAT_PORT: {text:?} is no port"))?,
        None => DEFAULT_PORT,
    };
    Ok(SocketAddr::new(ip, port))
}

fn ip(host: &str) -> Result<IpAddr, String> {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    match bare {
        "" | "localhost" => Ok(Ipv4Addr::LOCALHOST.into()),
        _ => bare.parse().map_err(|_| format!("{host:?} is no address: use an IP address or localhost")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_addresses() {
        for (text, expected) in [
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            (":8080", "127.0.0.1:8080"),
            ("8080", "127.0.0.1:8080"),
            ("localhost:0", "127.0.0.1:0"),
            ("0.0.0.0:57005", "0.0.0.0:57005"),
            ("[::1]:57005", "[::1]:57005"),
        ] {
            assert_eq!(address(text).map(|a| a.to_string()), Ok(expected.to_owned()), "{text}");
        }
        for text in ["", "host:80", "127.0.0.1", "127.0.0.1:65536", "127.0.0.1:http"] {
            assert!(address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_environment_overrides_the_default() {
        let check = |port: Option<&str>, ip: Option<&str>, expected: Result<&str, &str>| {
            let found = by_default(|name| match name {
                "GOAT_PORT" => port.map(String::from),
                "GOAT_METRICS_IP" => ip.map(String::from),
                _ => None,
            });
            let found = found.map(|a| a.to_string()).map_err(|e| format!("{e:#}"));
            match (found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
                (found, expected) => panic!("{found:?} is not {expected:?}"),
            }
        };
        check(None, None, Ok("127.0.0.1:57005"));
        check(Some(""), Some(""), Ok("127.0.0.1:57005"));
        check(Some("9000"), None, Ok("127.0.0.1:9000"));
        check(Some("9000"), Some("0.0.0.0"), Ok("0.0.0.0:9000"));
        check(None, Some("::1"), Ok("[::1]:57005"));
        check(Some("text"), None, Err("GOAT_PORT: \"text\" is no port"));
        check(None, Some("nowhere"), Err("GOAT_METRICS_IP"));
    }
}
