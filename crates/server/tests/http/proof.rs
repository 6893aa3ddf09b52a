//! A device that holds a key and makes DPoP proofs, good ones and bad ones.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menshen_token::{Jwk, Thumbprint};
use serde_json::{Value, json};

use crate::harness::{ISSUER, Server};

/// A device with a key.
pub(crate) struct Device(Ed25519KeyPair);

impl Device {
    pub(crate) fn new(number: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[number; 32]).expect("a seed"))
    }

    pub(crate) fn thumbprint(&self) -> Thumbprint {
        Jwk::ed25519(self.0.public_key().as_ref()).thumbprint()
    }

    pub(crate) fn jwk(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.0.public_key().as_ref());
        json!({ "kty": "OKP", "crv": "Ed25519", "x": x })
    }

    /// The parts of a good proof for a POST to a path of ours, made now.
    pub(crate) fn draft(&self, server: &Server, path: &str, jti: &str) -> Draft {
        Draft {
            header: json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": self.jwk() }),
            claims: json!({
                "jti": jti,
                "htm": "POST",
                "htu": format!("{ISSUER}{path}"),
                "iat": server.now().as_seconds(),
            }),
        }
    }

    /// A good proof for a POST to a path of ours, made now.
    pub(crate) fn prove(&self, server: &Server, path: &str, jti: &str) -> String {
        self.sign(&self.draft(server, path, jti))
    }

    pub(crate) fn sign(&self, draft: &Draft) -> String {
        let input = draft.input();
        let signature = self.0.sign(input.as_bytes());
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

/// A proof before it is signed.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) header: Value,
    pub(crate) claims: Value,
}

impl Draft {
    pub(crate) fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims[name] = value.into();
        self
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header[name] = value.into();
        self
    }

    /// For a request that carries this access token.
    pub(crate) fn with(self, access_token: &str) -> Self {
        let hash = digest::digest(&digest::SHA256, access_token.as_bytes());
        self.claim("ath", URL_SAFE_NO_PAD.encode(hash.as_ref()))
    }

    pub(crate) fn input(&self) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}", part(&self.header), part(&self.claims))
    }
}
