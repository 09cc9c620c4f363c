//! Who is let in: before any route, and for every answer a limit in time.

use std::{net::IpAddr, time::Duration};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, uri::Authority},
    middleware::Next,
    response::Response,
};
use tokio::time;

use super::{App, problem::problem};

/// How long making an answer may take. Events go on for longer; their answer is made at once.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// What probes of an orchestrator ask, which know no token.
const OPEN: [&str; 2] = ["/healthz", "/readyz"];

pub(super) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let is_open = OPEN.contains(&request.uri().path());
    if let Some(token) = app.token.as_deref().filter(|_| !is_open)
        && !token.is_in(request.headers())
    {
        return unauthorized();
    }
    if app.local_only && !is_local(request.headers()) {
        return problem(
            StatusCode::MISDIRECTED_REQUEST,
            "this goat answers to localhost and to addresses alone, so that no page of another site can ask it: use \
             http://localhost or http://127.0.0.1, or give goat a token (GOAT_TOKEN, --token-file)",
        );
    }
    match time::timeout(ANSWER_TIMEOUT, next.run(request)).await {
        Ok(answer) => answer,
        Err(_) => {
            problem(StatusCode::SERVICE_UNAVAILABLE, "making the answer took too long: try again, or ask for less")
        }
    }
}

/// A browser shows its own form for `Basic`.
fn unauthorized() -> Response {
    let mut answer = problem(
        StatusCode::UNAUTHORIZED,
        "this goat asks for its token: send `Authorization: Bearer TOKEN`; a browser asks for a name, which may be any, and a \
         password, which is the token",
    );
    for scheme in ["Bearer realm=\"goat\"", "Basic realm=\"goat\", charset=\"UTF-8\""] {
        answer.headers_mut().append(header::WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
    }
    answer
}

/// Whether the request means this machine by a name that no one else can give it. A page of evil.example may have its name
/// resolved to 127.0.0.1 (DNS rebinding), and then asks for `Host: evil.example`.
fn is_local(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST) else { return true };
    let Some(authority) = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()) else { return false };
    let host = authority.host();
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    let name = bare.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || bare.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Options, Token, sample};

    #[test]
    fn only_names_that_no_one_else_can_give_are_local() {
        for (host, expected) in [
            ("localhost", true),
            ("LOCALHOST:57005", true),
            ("goat.localhost:1", true),
            ("localhost.", true),
            ("127.0.0.1:57005", true),
            ("[::1]:57005", true),
            ("10.0.0.7:57005", true),
            ("evil.example", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example:57005", false),
            ("evillocalhost", false),
            ("", false),
            ("a b", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            assert_eq!(is_local(&headers), expected, "{host:?}");
        }
        assert!(is_local(&HeaderMap::new()));
    }

    #[test]
    fn strangers_are_told_what_to_do() {
        let token = || Options { token: Token::parse("s3cret").ok(), ..Options::default() };
        let local = || Options { local_only: true, ..Options::default() };
        let check = |options: Options, path: &str, headers: &[(&str, &str)], status: u16, expected: &str| {
            let answer = sample::ask(options, path, headers);
            assert_eq!(answer.status, status, "{path} {headers:?}");
            assert!(answer.body.contains(expected), "{}", answer.body);
        };
        let good = [("authorization", "Bearer s3cret")];
        for path in
            ["/", "/track", "/metrics", "/report", "/verify", "/plan", "/track/events", "/openapi.json", "/nosuch"]
        {
            check(token(), path, &[], 401, "Authorization: Bearer TOKEN");
            check(token(), path, &[("authorization", "Bearer other")], 401, "Authorization: Bearer TOKEN");
            check(local(), path, &[("host", "evil.example")], 421, "http://localhost");
        }
        check(token(), "/track", &good, 200, "\"shop\"");
        check(token(), "/healthz", &[], 200, "ok");
        check(token(), "/readyz", &[], 200, "ok");
        check(local(), "/track", &[("host", "localhost:57005")], 200, "\"shop\"");
        check(Options::default(), "/track", &[("host", "evil.example")], 200, "\"shop\"");
        let refused = sample::ask(token(), "/track", &[]);
        assert_eq!(refused.kind, "application/problem+json");
    }
}
