//! The server on a real socket.

#![expect(clippy::unwrap_used, reason = "a test may; clippy does not know the helpers of a test for one")]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use axum::routing::any;
use goat::http;
use tokio::sync::{Notify, oneshot};

/// Far longer than anything here takes: a test that fails ends, too.
const LIMIT: Duration = Duration::from_secs(60);

fn router() -> axum::Router {
    axum::Router::new().route("/", any(async || "hello"))
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
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
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
