//! Why the server could not start.

use std::{io, net::SocketAddr};

/// Why no answer can be given at the address.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum Error {
    #[error(
        "{address} is in use, by another goat or another program: stop that one, or set GOAT_PORT to a free port \
         (`ss -ltnp 'sport = {}'` shows who it is)",
        .address.port()
    )]
    InUse { address: SocketAddr },
    #[error("{address} is not an address of this machine: set GOAT_METRICS_IP to one, 127.0.0.1 or 0.0.0.0")]
    NotHere { address: SocketAddr },
    #[error("may not listen on {address}: ports below 1024 need CAP_NET_BIND_SERVICE, set GOAT_PORT to a higher one")]
    Denied { address: SocketAddr },
    #[error("can't listen on {address}")]
    Bind { address: SocketAddr, source: io::Error },
}

impl Error {
    pub(super) fn of_bind(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::InUse { address },
            io::ErrorKind::AddrNotAvailable => Self::NotHere { address },
            io::ErrorKind::PermissionDenied => Self::Denied { address },
            _ => Self::Bind { address, source },
        }
    }
}
