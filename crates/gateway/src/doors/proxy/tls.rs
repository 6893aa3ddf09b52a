//! Certificates: the one that clients see, and those that services behind are trusted by.

use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use crate::config::{Problem, Tls};

/// Certificate and key of the reverse proxy; exchanged by a reload.
#[derive(Debug)]
pub(crate) struct Certificates(ArcSwap<ServerConfig>);

impl Certificates {
    /// Reads certificate and key.
    ///
    /// # Errors
    ///
    /// [`Problem`] with the file that does not hold.
    pub(crate) fn read(tls: &Tls) -> Result<Self, Problem> {
        Ok(Self(ArcSwap::from(server(tls)?)))
    }

    /// Reads them again; connections that are open keep theirs.
    ///
    /// # Errors
    ///
    /// [`Problem`]; those in use then stay.
    pub(crate) fn reload(&self, tls: &Tls) -> Result<(), Problem> {
        self.0.store(server(tls)?);
        Ok(())
    }

    /// What a handshake begins with.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.load_full())
    }
}

fn server(tls: &Tls) -> Result<Arc<ServerConfig>, Problem> {
    let chain = certificates(&tls.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&tls.private_key)
        .map_err(|error| Problem::in_file(&tls.private_key, format!("no private key: {error}")))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Problem::in_file(&tls.certificate, error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| Problem::in_file(&tls.certificate, error.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Trusts the root certificate in this file, and no other.
pub(super) fn trusting(ca: &Path) -> Result<ClientConfig, Problem> {
    let mut roots = RootCertStore::empty();
    for root in certificates(ca)? {
        roots.add(root).map_err(|error| Problem::in_file(ca, error.to_string()))?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Problem::in_file(ca, error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let unreadable = |error| Problem::in_file(path, format!("no certificate: {error}"));
    let read = CertificateDer::pem_file_iter(path).map_err(unreadable)?;
    let chain: Vec<_> = read.collect::<Result<_, _>>().map_err(unreadable)?;
    if chain.is_empty() {
        return Err(Problem::in_file(path, "it holds no certificate".to_owned()));
    }
    Ok(chain)
}
