//! The provider, as a gateway that starts gets to it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use menshen_token::Clock;
use menshen_verifier::{Credentials, Verifier};
use reqwest::{Certificate, Client};

use super::StartError;
use crate::config::{Provider, RevocationSource};

/// The secret of the gateway's client: of the file that the rules name, or what was given.
pub(super) fn secret(provider: &Provider, given: Option<String>) -> Result<String, StartError> {
    let from_file = provider.client_secret_file.as_ref().map(read).transpose()?;
    let secret = from_file.map(|text| text.trim().to_owned()).or(given);
    secret.ok_or_else(|| StartError::MissingSecret(provider.client_id.clone()))
}

/// The verifier of its tokens.
pub(super) fn verifier(
    provider: &Provider,
    secret: &str,
    clock: &Arc<dyn Clock>,
) -> Result<Verifier, StartError> {
    let mut builder = Verifier::builder(provider.issuer.clone())
        .any_audience()
        .credentials(Credentials::client(provider.client_id.clone(), secret.to_owned()))
        .max_staleness(provider.max_staleness)
        .cache_capacity(provider.cache_capacity)
        .clock(Arc::clone(clock));
    if let Some(ca) = &provider.ca {
        builder = builder.root_certificate(read(ca)?);
    }
    if provider.plain_http {
        builder = builder.allow_plain_http();
    }
    if provider.revocations == RevocationSource::Mirror {
        builder = builder.without_feed();
    }
    builder.start().map_err(|error| StartError::Verifier(provider.issuer.clone(), error))
}

/// A client for its endpoints. Which of them may be reached without TLS, the verifier has judged.
pub(super) fn client(provider: &Provider) -> Result<Client, StartError> {
    let refused = |error| StartError::Client(provider.issuer.clone(), error);
    let mut client = Client::builder()
        .user_agent(concat!("menshen-gateway/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .pool_idle_timeout(Duration::from_secs(20))
        .connect_timeout(Duration::from_secs(3));
    let mut certificates = Vec::new();
    if let Some(ca) = &provider.ca {
        certificates = Certificate::from_pem_bundle(read(ca)?.as_bytes()).map_err(refused)?;
    }
    client = if provider.issuer.starts_with("https:") {
        client.tls_certs_merge(certificates)
    } else {
        // No certificate will be looked at, and a system without any shall do.
        client.tls_certs_only(certificates)
    };
    client.build().map_err(refused)
}

fn read(path: &PathBuf) -> Result<String, StartError> {
    std::fs::read_to_string(path).map_err(|error| StartError::File(path.clone(), error))
}
