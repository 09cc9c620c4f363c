//! Listening and serving, within limits: goat runs beside a production service and must not become its weak spot.

use std::{future::Future, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::Semaphore, time};

use super::Error;

/// How long a client may take to send a request's head, and how long a connection may lie idle before that.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest head of a request, in bytes; also what is buffered of a body. No route reads one.
const MAX_HEAD: usize = 16 << 10;

/// Connections at a time. More are closed at once, so that those who are served stay served.
const MAX_CONNECTIONS: usize = 256;

/// How long answers under way may take once the server is told to stop.
const GRACE: Duration = Duration::from_secs(2);

/// How long to wait when the system has no connection to give, most often because file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Listens on `address`; port 0 takes a free one, which the listener names.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|source| Error::of_bind(address, source))
}

/// Serves `router` to all who connect to `listener`, by HTTP/1, until `shutdown` is there and answers under way are given.
pub async fn serve(listener: TcpListener, router: axum::Router, shutdown: impl Future<Output = ()>) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(MAX_HEAD);
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let connections = GracefulShutdown::new();
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
        let service = TowerToHyperService::new(router.clone());
        let connection = connections.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection closed");
            }
            drop(permit);
        });
    }
    drop(listener);
    if time::timeout(GRACE, connections.shutdown()).await.is_err() {
        tracing::debug!("connections were cut off");
    }
}
