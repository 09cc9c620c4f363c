//! Listening and serving, within limits: goat runs beside a production service and must not become its weak spot.

use std::{future::Future, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::Extension;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time,
};

use super::{Error, Tls};

/// How long a client may take to send a request's head, and how long a connection may lie idle before that.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client may leave what was sent to it unread: then its connection is closed.
const UNREAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client may take to agree on a key.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest head of a request, in bytes; also what is buffered of a body. No route reads one.
const MAX_HEAD: usize = 16 << 10;

/// Connections at a time. More are closed at once, so that those who are served stay served.
const MAX_CONNECTIONS: usize = 256;

/// How long answers under way may take once the server is told to stop.
const GRACE: Duration = Duration::from_secs(2);

/// How long to wait when the system has no connection to give, most often because file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Tells answers that have no end that the server stops.
#[derive(Clone)]
pub(super) struct Closing(watch::Receiver<bool>);

impl Closing {
    pub(super) async fn wait(mut self) {
        // A sender that is gone says the same as one that has sent.
        let _ = self.0.wait_for(|&closing| closing).await;
    }
}

/// Listens on `address`; port 0 takes a free one, which the listener names.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|source| Error::of_bind(address, source))
}

/// Serves `router` to all who connect to `listener`, by HTTP/1, until `shutdown` is there and answers under way are given.
pub async fn serve(listener: TcpListener, router: axum::Router, shutdown: impl Future<Output = ()>) {
    serve_by(listener, router, None, shutdown).await;
}

/// [`serve`], encrypted if there is a certificate.
pub async fn serve_by(
    listener: TcpListener,
    router: axum::Router,
    tls: Option<Tls>,
    shutdown: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(MAX_HEAD);
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let connections = GracefulShutdown::new();
    let (close, closing) = watch::channel(false);
    let router = router.layer(Extension(Closing(closing)));
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(%error, "no connection accepted");
                time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
            tracing::debug!("more than {MAX_CONNECTIONS} connections");
            continue;
        };
        set_options(&stream);
        let (http, router, watcher, tls) = (http.clone(), router.clone(), connections.watcher(), tls.clone());
        tokio::spawn(async move {
            match tls {
                None => converse(stream, &http, router, watcher).await,
                Some(Tls(acceptor)) => match time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
                    Ok(Ok(stream)) => converse(stream, &http, router, watcher).await,
                    Ok(Err(error)) => tracing::debug!(%error, "no TLS connection"),
                    Err(_) => tracing::debug!("no TLS connection in time"),
                },
            }
            drop(permit);
        });
    }
    drop(listener);
    let _ = close.send(true);
    if time::timeout(GRACE, connections.shutdown()).await.is_err() {
        tracing::debug!("connections were cut off");
    }
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    http: &http1::Builder,
    router: axum::Router,
    watcher: Watcher,
) {
    let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "connection closed");
    }
}

/// The kernel closes what no one reads, so that a client that stopped reading does not keep its place for ever.
fn set_options(stream: &TcpStream) {
    let unread = u32::try_from(UNREAD_TIMEOUT.as_millis()).unwrap_or(u32::MAX);
    if let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(stream, unread) {
        tracing::debug!(%error, "no limit for what is not read");
    }
    // An event is short, and its time is now.
    let _ = stream.set_nodelay(true);
}
