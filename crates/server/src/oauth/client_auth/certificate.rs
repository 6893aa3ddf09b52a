//! `self_signed_tls_client_auth` (RFC 8705 section 2.2): the certificate of the connection is one
//! that the client registered, or is made with one of its keys.

use menshen_domain::Client;
use menshen_token::{Flaw, ForeignKeys, Jwk, Thumbprint};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;

use crate::app::App;
use crate::client_keys::KeySource;

/// Whether the client's keys know the certificate, whose own key the handshake has proved.
pub(super) async fn proves(app: &App, client: &Client, certificate: Option<&[u8]>) -> bool {
    let (Some(certificate), Some(source)) = (certificate, KeySource::of(client)) else {
        return false;
    };
    let thumbprint = thumbprint(certificate);
    let judge = |keys: &ForeignKeys| {
        let key = thumbprint.as_ref().is_some_and(|thumbprint| keys.holds(thumbprint));
        if key || keys.holds_certificate(certificate) { Ok(()) } else { Err(Flaw::UnknownKey) }
    };
    app.client_keys.judge(source, app.clock.monotonic(), judge).await.is_ok()
}

/// The thumbprint of its key, when that is of a kind that we read.
fn thumbprint(certificate: &[u8]) -> Option<Thumbprint> {
    const ED25519: &str = "1.3.101.112";
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let public = certificate.public_key();
    let jwk = match public.parsed().ok()? {
        PublicKey::RSA(rsa) => Jwk::rsa(without_zeros(rsa.modulus), without_zeros(rsa.exponent)),
        PublicKey::EC(point) => Jwk::p256(point.data()).ok()?,
        PublicKey::Unknown(bytes) if public.algorithm.algorithm.to_id_string() == ED25519 => {
            Jwk::ed25519(bytes)
        }
        _ => return None,
    };
    Some(jwk.thumbprint())
}

/// DER puts a zero before a number whose first bit is set; a JWK does not.
fn without_zeros(number: &[u8]) -> &[u8] {
    let first = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    &number[first..]
}
