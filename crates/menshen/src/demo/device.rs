//! The shop's app on one device: signs in on its own screen, refreshes, logs out.

use anyhow::Result;
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menshen_server::{Entropy, SystemEntropy};

use super::cast::{APP, PASSWORD, USER};
use super::wire::{Answer, Wire};

/// The shop's app on one device.
#[derive(Debug)]
pub(super) struct Device {
    issuer: String,
    name: &'static str,
    wire: Wire,
    /// The PKCE verifier (RFC 7636).
    verifier: String,
    /// The latest access token.
    pub(super) access_token: String,
    /// Every refresh token so far; the last one is current.
    pub(super) refresh_tokens: Vec<String>,
}

impl Device {
    /// A device on which nobody has signed in yet.
    pub(super) fn new(issuer: &str, name: &'static str) -> Result<Self> {
        Ok(Self {
            issuer: issuer.to_owned(),
            name,
            wire: Wire::new()?,
            verifier: random_text(),
            access_token: String::new(),
            refresh_tokens: Vec::new(),
        })
    }

    /// Sends the password, and gets a code for it.
    pub(super) async fn challenge(&self) -> Result<Answer> {
        let challenge = code_challenge(&self.verifier);
        let form = [
            ("client_id", APP),
            ("scope", "openid orders:read"),
            ("username", USER),
            ("password", PASSWORD),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("device_name", self.name),
        ];
        self.wire.post(&self.endpoint("/authorize-challenge"), &form).await
    }

    /// Redeems a code for tokens.
    pub(super) async fn redeem(&mut self, code: &str) -> Result<Answer> {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", APP),
            ("code", code),
            ("code_verifier", &self.verifier),
        ];
        let answer = self.wire.post(&self.endpoint("/token"), &form).await?;
        self.keep(&answer)?;
        Ok(answer)
    }

    /// Signs in, in one go.
    pub(super) async fn sign_in(&mut self) -> Result<()> {
        let code = self.challenge().await?.need("authorization_code")?;
        self.redeem(&code).await.map(drop)
    }

    /// Refreshes with the current token and keeps what comes back.
    pub(super) async fn refresh(&mut self, retry_key: &str) -> Result<Answer> {
        let answer = self.present(self.refresh_token(), retry_key).await?;
        self.keep(&answer)?;
        Ok(answer)
    }

    /// Presents any refresh token and keeps nothing.
    pub(super) async fn present(&self, refresh_token: &str, retry_key: &str) -> Result<Answer> {
        let url = self.endpoint("/token");
        let form = refresh_form(refresh_token);
        self.wire.post_with(&url, ("idempotency-key", retry_key), &form).await
    }

    /// Logs out of this device; the answer waits for the services to know.
    pub(super) async fn log_out(&self) -> Result<Answer> {
        let form = [("token", self.refresh_token())];
        self.wire.post_with(&self.endpoint("/account/logout"), ("prefer", "wait=5"), &form).await
    }

    /// Asks who the user is.
    pub(super) async fn userinfo(&self) -> Result<Answer> {
        self.wire.get(&self.endpoint("/userinfo"), &self.access_token).await
    }

    /// The current refresh token.
    pub(super) fn refresh_token(&self) -> &str {
        self.refresh_tokens.last().map(String::as_str).unwrap_or_default()
    }

    /// Keeps the tokens of an answer.
    pub(super) fn keep(&mut self, answer: &Answer) -> Result<()> {
        self.access_token = answer.need("access_token")?;
        let refresh_token = answer.need("refresh_token")?;
        if self.refresh_token() != refresh_token {
            self.refresh_tokens.push(refresh_token);
        }
        Ok(())
    }

    fn endpoint(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
    }
}

/// The body of a refresh (RFC 6749 section 6).
pub(super) fn refresh_form(refresh_token: &str) -> [(&str, &str); 3] {
    [("grant_type", "refresh_token"), ("client_id", APP), ("refresh_token", refresh_token)]
}

/// 32 random bytes as text: a PKCE verifier, a retry key.
pub(super) fn random_text() -> String {
    let entropy: &dyn Entropy = &SystemEntropy;
    URL_SAFE_NO_PAD.encode(entropy.bytes::<32>())
}

/// The S256 challenge of a PKCE verifier (RFC 7636 section 4.2).
pub(super) fn code_challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}
