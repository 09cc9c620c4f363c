//! The server itself.

use std::{io, net::TcpListener};

use axum::Router;

/// Answers on `listener` until the future is dropped. To be called on a tokio runtime.
pub async fn serve(listener: TcpListener, router: Router) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    axum::serve(tokio::net::TcpListener::from_std(listener)?, router).await
}
