//! The server on a real socket.

#![expect(clippy::unwrap_used, reason = "a test may; clippy does not know the helpers of a test for one")]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use axum::routing::any;
use goat::{
    DataType,
    binary::Identity,
    counts::Counts,
    http,
    plan::{AppInfo, ProbePlan},
    report,
    status::Status,
    track::Granularity,
};
use tokio::sync::{Notify, oneshot};
use tokio_rustls::rustls::{
    self,
    pki_types::{CertificateDer, pem::PemObject},
};

/// Far longer than anything here takes: a test that fails ends, too.
const LIMIT: Duration = Duration::from_secs(60);

fn router() -> axum::Router {
    axum::Router::new().route("/", any(async || "hello"))
}

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)
}

fn local() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Sends `request` as it is, and returns all that comes until the server closes the connection.
async fn exchange(address: SocketAddr, request: &'static str) -> String {
    tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn requests_are_answered_until_the_server_is_told_to_stop() {
    let listener = http::bind(local()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(http::serve(listener, router(), async {
        let _ = stopped.await;
    }));
    let get = exchange(address, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(get.starts_with("HTTP/1.1 200 OK\r\n") && get.ends_with("\r\n\r\nhello"), "{get}");
    let head = exchange(address, "HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(head.contains("content-length: 5\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    let post =
        exchange(address, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\nConnection: close\r\n\r\n").await;
    assert!(post.ends_with("\r\n\r\nhello"), "a body is not waited for: {post}");
    let junk = exchange(address, "\x16\x03\x01\x02\r\n\r\n").await;
    assert!(junk.starts_with("HTTP/1.1 400 "), "{junk}");
    stop.send(()).unwrap();
    tokio::time::timeout(LIMIT, server).await.expect("serve returns").unwrap();
    http::bind(address).await.expect("the address is free again");
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let listener = http::bind(local()).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(http::serve(listener, router(), std::future::pending()));
    let long = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", "x".repeat(17_000));
    let answer = exchange(address, long.leak()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn answers_under_way_are_given_before_the_server_stops() {
    let (entered, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let handler = {
        let (entered, go) = (Arc::clone(&entered), Arc::clone(&go));
        async move || {
            entered.notify_one();
            go.notified().await;
            "late"
        }
    };
    let listener = http::bind(local()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(http::serve(listener, axum::Router::new().route("/", any(handler)), async {
        let _ = stopped.await;
    }));
    let client = tokio::spawn(exchange(address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    entered.notified().await;
    stop.send(()).unwrap();
    go.notify_one();
    let answer = client.await.unwrap();
    assert!(answer.ends_with("late"), "{answer}");
    tokio::time::timeout(LIMIT, server).await.expect("serve returns").unwrap();
}

#[tokio::test]
async fn an_address_that_can_not_be_had_is_named() {
    let check = async |address: SocketAddr, expected: &str| {
        let message = http::bind(address).await.expect_err(expected).to_string();
        assert!(message.starts_with(&format!("{address} is {expected}")), "{message}");
    };
    let taken = http::bind(local()).await.unwrap();
    check(taken.local_addr().unwrap(), "in use").await;
    // TEST-NET-1 (RFC 5737) is no machine's address.
    check(SocketAddr::from(([192, 0, 2, 1], 57005)), "not an address of this machine").await;
}

/// Nothing but a name.
struct Empty;

impl http::Source for Empty {
    fn snapshot(&self) -> http::Snapshot {
        let plan = ProbePlan {
            identity: Identity::default(),
            app: AppInfo { name: "shop".into(), ..AppInfo::default() },
            granularity: Granularity::Patch,
            precision: 1,
            components: vec![],
            component: None,
            dependencies: Vec::new(),
            files: vec![],
            points: vec![],
            sites: vec![],
            fault_entry: None,
            warnings: vec![],
        };
        let report = report::new(&plan, &Counts::none(0, UNIX_EPOCH), DataType::Bool);
        http::Snapshot { report, plan: Arc::new(plan), status: Status::default() }
    }

    fn is_ready(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn listeners_are_let_go_when_the_server_stops() {
    let listener = http::bind(local()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(http::serve(listener, http::router(Arc::new(Empty), None), async {
        let _ = stopped.await;
    }));
    let (listens, listening) = oneshot::channel::<()>();
    let listener = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.write_all(b"GET /track/events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut heard = Vec::new();
        while !String::from_utf8_lossy(&heard).contains("event: snapshot") {
            let mut chunk = [0; 4096];
            let len = stream.read(&mut chunk).unwrap();
            assert_ne!(len, 0, "{}", String::from_utf8_lossy(&heard));
            heard.extend_from_slice(&chunk[..len]);
        }
        listens.send(()).unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).map(|_| rest)
    });
    listening.await.unwrap();
    stop.send(()).unwrap();
    let rest = tokio::time::timeout(LIMIT, listener).await.expect("the stream ends").unwrap();
    let rest = rest.unwrap();
    // The last chunk: the body has been ended, not cut off.
    assert!(rest.ends_with(b"0\r\n\r\n"), "{}", String::from_utf8_lossy(&rest));
    tokio::time::timeout(LIMIT, server).await.expect("serve returns").unwrap();
}

#[tokio::test]
async fn with_a_certificate_answers_are_encrypted() {
    // openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -subj /CN=localhost
    //   -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=DNS:localhost
    let tls = http::Tls::read(&testdata("localhost.pem"), &testdata("localhost.key.pem")).unwrap();
    let listener = http::bind(local()).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(http::serve_by(listener, router(), Some(tls), std::future::pending()));

    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(testdata("localhost.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let answer = tokio::task::spawn_blocking(move || {
        let connection = rustls::ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
        let mut stream = rustls::StreamOwned::new(connection, TcpStream::connect(address).unwrap());
        stream.sock.set_read_timeout(Some(LIMIT)).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    })
    .await
    .unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("hello"), "{answer}");

    let plain = exchange(address, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(!plain.contains("200 OK"), "{plain:?}");
    let swapped = http::Tls::read(&testdata("localhost.key.pem"), &testdata("localhost.pem")).unwrap_err().to_string();
    assert!(swapped.contains("localhost.key.pem holds no certificate"), "{swapped}");
}

#[tokio::test]
async fn goat_asks_by_https() {
    let tls = http::Tls::read(&testdata("localhost.pem"), &testdata("localhost.key.pem")).unwrap();
    let listener = http::bind(local()).await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let router = axum::Router::new().route("/status", any(async || "{}"));
    tokio::spawn(http::serve_by(listener, router, Some(tls), std::future::pending()));

    let ask = async |ca: Option<&str>| {
        let mut goat = Command::new(env!("CARGO_BIN_EXE_goat"));
        goat.args(["status", "--format", "json", "--url", &url]).env_remove("GOAT_CA");
        ca.map(|ca| goat.arg("--ca").arg(testdata(ca)));
        let ended = tokio::task::spawn_blocking(move || goat.output()).await.unwrap().unwrap();
        (
            ended.status.success(),
            String::from_utf8_lossy(&ended.stdout).into_owned(),
            String::from_utf8(ended.stderr).unwrap(),
        )
    };
    let (asked, answer, said) = ask(Some("localhost.pem")).await;
    assert!(asked && answer.trim_end() == "{}", "{answer} {said}");
    // The system does not know it, and a key is no certificate.
    let (asked, _, said) = ask(None).await;
    assert!(!asked && said.contains("invalid peer certificate") && said.contains("--ca FILE"), "{said}");
    let (asked, _, said) = ask(Some("localhost.key.pem")).await;
    assert!(!asked && said.contains("holds no certificate"), "{said}");
}
