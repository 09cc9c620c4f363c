//! (to come)

use std::{future::Future, net::SocketAddr};

use tokio::net::TcpListener;

use super::Error;

/// Listens on `address`; port 0 takes a free one, which the listener names.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    Ok(TcpListener::bind(address).await?)
}

/// Serves `router` to all who connect to `listener`, by HTTP/1, until `shutdown` is there and answers under way are given.
pub async fn serve(listener: TcpListener, router: axum::Router, shutdown: impl Future<Output = ()>) {
    tokio::select! {
        () = shutdown => {}
        _ = axum::serve(listener, router).into_future() => {}
    }
}
