//! An app that signs users in, keeps their tokens, and signs them out.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::Value;

use super::{Answer, DeviceKey, Site};

/// The tokens of one session.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    /// The access token.
    pub(crate) access: String,
    /// The refresh token.
    pub(crate) refresh: String,
    /// What can end the session and nothing else; only the first answer carries it.
    pub(crate) handle: String,
}

impl Tokens {
    /// Reads what the token endpoint answered.
    #[track_caller]
    pub(crate) fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{}", answer.text);
        let member = |name| answer.text(name).to_owned();
        Self {
            access: member("access_token"),
            refresh: member("refresh_token"),
            handle: member("logout_handle"),
        }
    }
}

/// An app on one device.
#[derive(Clone, Debug)]
pub(crate) struct App {
    /// The server as it sees it.
    pub(crate) site: Site,
    client_id: String,
    secret: Option<String>,
    key: Option<Arc<DeviceKey>>,
    issuer: String,
}

impl App {
    /// A public client.
    pub(crate) fn public(site: Site, client_id: &str) -> Self {
        let issuer = site.base().to_owned();
        Self { site, client_id: client_id.to_owned(), secret: None, key: None, issuer }
    }

    /// A client that authenticates.
    pub(crate) fn confidential(site: Site, client_id: &str, secret: String) -> Self {
        Self { secret: Some(secret), ..Self::public(site, client_id) }
    }

    /// The same app on a device that proves possession of a key, at the server of this issuer.
    pub(crate) fn with_key(self, key: DeviceKey, issuer: &str) -> Self {
        Self { key: Some(Arc::new(key)), issuer: issuer.to_owned(), ..self }
    }

    /// Signs a user in; panics unless that works.
    pub(crate) async fn sign_in(&self, username: &str, password: &str) -> Tokens {
        let answer = self.try_sign_in(username, password).await.expect("it answers");
        Tokens::of(&answer)
    }

    /// Signs a user in: what the first step that failed answered, or the last one.
    pub(crate) async fn try_sign_in(
        &self,
        username: &str,
        password: &str,
    ) -> reqwest::Result<Answer> {
        let answer = self.challenge(username, password, &[]).await?;
        if answer.status != 200 {
            return Ok(answer);
        }
        self.redeem(answer.text("authorization_code")).await
    }

    /// The first step: user name and password for a code.
    pub(crate) async fn challenge(
        &self,
        username: &str,
        password: &str,
        headers: &[(&str, &str)],
    ) -> reqwest::Result<Answer> {
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()));
        let form = [
            ("username", username),
            ("password", password),
            ("scope", "account orders:read"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("device_name", "A phone"),
            ("device_platform", "android"),
        ];
        self.form("/authorize-challenge", &form, headers).await
    }

    /// The second step: the code for tokens.
    pub(crate) async fn redeem(&self, code: &str) -> reqwest::Result<Answer> {
        let form =
            [("grant_type", "authorization_code"), ("code", code), ("code_verifier", VERIFIER)];
        self.form("/token", &form, &[]).await
    }

    /// Refreshes; with `key`, so that a retry is known as one.
    pub(crate) async fn refresh(&self, token: &str, key: Option<&str>) -> Answer {
        self.try_refresh(token, key).await.expect("it answers")
    }

    /// As [`App::refresh`], when the answer may be lost.
    pub(crate) async fn try_refresh(
        &self,
        token: &str,
        key: Option<&str>,
    ) -> reqwest::Result<Answer> {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        let headers: Vec<(&str, &str)> =
            key.map(|key| ("idempotency-key", key)).into_iter().collect();
        self.form("/token", &form, &headers).await
    }

    /// RFC 7009.
    pub(crate) async fn revoke(&self, token: &str) -> Answer {
        self.form("/revoke", &[("token", token)], &[]).await.expect("it answers")
    }

    /// Signs out with a refresh token, an access token or a handle.
    pub(crate) async fn log_out(&self, token: &str, depth: &str) -> Answer {
        self.try_log_out(token, depth).await.expect("it answers")
    }

    /// As [`App::log_out`], when the answer may be lost.
    pub(crate) async fn try_log_out(&self, token: &str, depth: &str) -> reqwest::Result<Answer> {
        self.site.form("/account/logout", &[("token", token), ("depth", depth)], &[]).await
    }

    /// Calls the account API with an access token.
    pub(crate) async fn account(
        &self,
        method: Method,
        path: &str,
        access: &str,
        body: &Value,
    ) -> Answer {
        let authorization = format!("Bearer {access}");
        let headers = [("authorization", authorization.as_str())];
        self.site.json(method, path, body, &headers).await.expect("it answers")
    }

    /// Whether the server still knows who this is.
    pub(crate) async fn is_known(&self, access: &str) -> bool {
        self.account(Method::GET, "/userinfo", access, &Value::Null).await.status == 200
    }

    async fn form(
        &self,
        path: &str,
        form: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> reqwest::Result<Answer> {
        let mut form = form.to_vec();
        form.push(("client_id", &self.client_id));
        if let Some(secret) = &self.secret {
            form.push(("client_secret", secret));
        }
        let proof = self.key.as_ref().map(|key| {
            let url = format!("{}{path}", self.issuer);
            key.proof("POST", &url, None)
        });
        let mut headers = headers.to_vec();
        headers.extend(proof.as_deref().map(|proof| ("dpop", proof)));
        self.site.form(path, &form, &headers).await
    }
}

/// What the code is bound to. Always the same one: nobody here steals codes.
const VERIFIER: &str = "a-verifier-of-forty-three-characters-or-more";

/// The session that an access token belongs to.
pub(crate) fn session_of(access: &str) -> String {
    let payload = access.split('.').nth(1).expect("a token has three parts");
    let payload = URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    let claims: Value = serde_json::from_slice(&payload).expect("JSON");
    claims["sid"].as_str().expect("a user stands behind it").to_owned()
}
