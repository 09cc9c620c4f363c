//! Who may ask goat, and how.

use std::path::PathBuf;

use clap::Args;

/// How the answer is served.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Serving")]
pub(in crate::cli) struct ServeArgs {
    /// Ask those who ask for the token in this file; GOAT_TOKEN holds the token itself
    ///
    /// Clients send `Authorization: Bearer TOKEN`; a browser asks for a name, which may be any, and a password, which is the
    /// token. /healthz and /readyz need none.
    #[arg(long, value_name = "FILE", env = "GOAT_TOKEN_FILE")]
    pub(in crate::cli) token_file: Option<PathBuf>,

    /// Serve on an address that other machines reach without a token
    #[arg(long, env = "GOAT_ALLOW_PUBLIC", value_parser = clap::builder::FalseyValueParser::new())]
    pub(in crate::cli) allow_public: bool,

    /// Serve HTTPS with the certificates in this PEM file, the server's own first
    #[arg(long, value_name = "FILE", env = "GOAT_TLS_CERT", requires = "tls_key")]
    pub(in crate::cli) tls_cert: Option<PathBuf>,

    /// The certificate's private key, a PEM file
    #[arg(long, value_name = "FILE", env = "GOAT_TLS_KEY", requires = "tls_cert")]
    pub(in crate::cli) tls_key: Option<PathBuf>,

    /// Give each point a series of its own in /metrics
    #[arg(long, env = "GOAT_METRICS_POINTS", value_parser = clap::builder::FalseyValueParser::new())]
    pub(in crate::cli) metrics_points: bool,
}
