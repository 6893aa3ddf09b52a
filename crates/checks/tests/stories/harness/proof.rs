//! The key of a device, and the proofs it makes (RFC 9449).

use std::sync::Mutex;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menshen_verifier::token::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::Dice;

/// The key of one device. Each proof it makes is another one.
#[derive(Debug)]
pub(crate) struct DeviceKey {
    pair: Ed25519KeyPair,
    dice: Mutex<Dice>,
}

impl DeviceKey {
    /// A key of its own for each seed.
    pub(crate) fn seeded(seed: u64) -> Self {
        let hash = digest(&SHA256, &seed.to_be_bytes());
        let pair = Ed25519KeyPair::from_seed_unchecked(hash.as_ref()).expect("32 bytes");
        Self { pair, dice: Mutex::new(Dice::seeded(seed)) }
    }

    /// A proof for one request; with `token`, for one that presents this access token.
    pub(crate) fn proof(&self, method: &str, url: &str, token: Option<&str>) -> String {
        let x = URL_SAFE_NO_PAD.encode(self.pair.public_key());
        let header = json!({
            "typ": "dpop+jwt", "alg": "EdDSA", "jwk": { "kty": "OKP", "crv": "Ed25519", "x": x },
        });
        let jti = self.dice.lock().expect("nobody panics holding it").name();
        let now = SystemClock::new().now().as_seconds();
        let mut claims = json!({ "jti": jti, "htm": method, "htu": url, "iat": now });
        if let Some(token) = token {
            claims["ath"] = URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes())).into();
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let input = format!("{}.{}", part(&header), part(&claims));
        let signature = URL_SAFE_NO_PAD.encode(self.pair.sign(input.as_bytes()));
        format!("{input}.{signature}")
    }
}
