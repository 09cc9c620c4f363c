//! HTTPS, where goat is asked from afar: the certificate and its key, as PEM files.

use std::{path::Path, sync::Arc};

use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
    },
};

/// A server's certificate and key.
#[derive(Clone)]
pub struct Tls(pub(super) TlsAcceptor);

/// Why there is no certificate to show.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum TlsError {
    #[error("cannot read a certificate from {file}: give a PEM file, the server's own certificate first")]
    Certificate { file: String, source: pem::Error },
    #[error("{file} holds no certificate: give a PEM file that begins with -----BEGIN CERTIFICATE-----")]
    NoCertificate { file: String },
    #[error("cannot read a private key from {file}: give a PEM file that begins with -----BEGIN PRIVATE KEY-----")]
    Key { file: String, source: pem::Error },
    #[error("certificate and key do not make a server: is the key the certificate's own?")]
    Pair(#[from] rustls::Error),
}

impl Tls {
    /// Reads the certificates in `chain` and the key in `key`. TLS 1.2 and 1.3, HTTP/1.1.
    pub fn read(chain: &Path, key: &Path) -> Result<Self, TlsError> {
        let name = |path: &Path| path.display().to_string();
        let certificate = |source| TlsError::Certificate { file: name(chain), source };
        let certificates: Vec<_> =
            CertificateDer::pem_file_iter(chain).and_then(Iterator::collect).map_err(certificate)?;
        if certificates.is_empty() {
            return Err(TlsError::NoCertificate { file: name(chain) });
        }
        let key = PrivateKeyDer::from_pem_file(key).map_err(|source| TlsError::Key { file: name(key), source })?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(certificates, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}
