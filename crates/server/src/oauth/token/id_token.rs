//! ID tokens (OpenID Connect Core 1.0 section 2): who signed in, when and how, for one client.

use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menshen_domain::claim::{self, ClaimPlace, ClaimsRequest};
use menshen_domain::{Client, Grant, Session, User};
use menshen_token::{AccessToken, Algorithm, Jti, Timestamp};
use serde_json::{Map, Value};

use super::response::sign;
use crate::app::App;
use crate::error::OAuthError;

/// The media type in the header of an ID token.
pub(crate) const TOKEN_TYPE: &str = "JWT";

/// How long an ID token may be taken for a fresh sign-in.
const LIFETIME: Duration = Duration::from_hours(1);

/// What an ID token is made of.
pub(crate) struct IdToken<'a> {
    /// What the client was allowed.
    pub(crate) grant: &'a Grant,
    /// In which session.
    pub(crate) session: &'a Session,
    /// Who signed in.
    pub(crate) user: &'a User,
    /// Whom it is for.
    pub(crate) client: &'a Client,
    /// `nonce`, as the request gave it.
    pub(crate) nonce: Option<&'a str>,
    /// The access token that goes with it, for `at_hash`.
    pub(crate) access_token: Option<&'a str>,
    /// The code that goes with it, for `c_hash`.
    pub(crate) code: Option<&'a str>,
}

impl IdToken<'_> {
    /// Signs it.
    ///
    /// # Errors
    ///
    /// The keyring's.
    pub(crate) async fn mint(&self, app: &App, now: Timestamp) -> Result<String, OAuthError> {
        let algorithm = self.client.signed_with(self.client.metadata.id_token_signed_response_alg);
        let claims = self.claims(app, algorithm, now);
        let payload = serde_json::to_vec(&claims).expect("a map serializes");
        sign(app, algorithm, TOKEN_TYPE, &payload).await
    }

    fn claims(&self, app: &App, algorithm: Algorithm, now: Timestamp) -> Map<String, Value> {
        let (grant, user) = (self.grant, self.user);
        let mut claims = ClaimsRequest::released(&grant.claims.id_token, user);
        if self.access_token.is_none() && self.code.is_none() {
            // Nothing else comes with it that could be asked (OpenID Connect Core 1.0 section 5.4).
            claims.extend(claim::released_by(&grant.scope, user));
        }
        claims.extend(claim::mapped(ClaimPlace::IdToken, user, self.client, Some(self.session)));
        claims.retain(|name, _| !AccessToken::RESERVED_CLAIMS.contains(&name.as_str()));
        let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        set("iss", app.config.issuer().into());
        set("sub", grant.subject.as_str().into());
        set("aud", self.client.id.as_str().into());
        set("iat", now.as_seconds().into());
        set("exp", (now + LIFETIME).as_seconds().into());
        set("jti", Jti::from_bytes(app.random()).to_string().into());
        set("sid", self.session.id.to_string().into());
        set("auth_time", grant.authentication.time.as_seconds().into());
        set("amr", grant.authentication.amr.clone().into());
        let mut set_some = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                set(name, value.into());
            }
        };
        let hash = |text: &str| half_hash(algorithm, text);
        set_some("acr", grant.authentication.acr.as_deref());
        set_some("nonce", self.nonce);
        set_some("at_hash", self.access_token.map(hash).as_deref());
        set_some("c_hash", self.code.map(hash).as_deref());
        claims
    }
}

/// The left half of the hash that belongs to an algorithm (OpenID Connect Core 1.0 section
/// 3.1.3.6); for Ed25519 that is SHA-512, which its signatures are made with.
fn half_hash(algorithm: Algorithm, text: &str) -> String {
    let hash = match algorithm {
        Algorithm::EdDSA => digest::digest(&digest::SHA512, text.as_bytes()),
        _ => digest::digest(&digest::SHA256, text.as_bytes()),
    };
    let bytes = hash.as_ref();
    URL_SAFE_NO_PAD.encode(&bytes[..bytes.len() / 2])
}
