//! `grant_type=urn:menshen:params:oauth:grant-type:digest`: what HTTP Digest (RFC 7616) sent in
//! place of a password. The gateway has given the nonce and seen to it that it is fresh and counted
//! on; whether the answer was made with the user's key is judged here.

use std::net::IpAddr;

use axum::response::Response;
use menshen_domain::User;
use menshen_domain::user::Username;
use menshen_store::{Admission, Attempt};
use menshen_token::digest::{DigestAnswer, DigestKey};

use super::super::token::TokenRequest;
use super::sessionless::{self, Order};
use crate::app::App;
use crate::error::OAuthError;
use crate::form::Form;
use crate::sign_in;

/// Gives a token to whoever answers with the user's key, and to the gateway that key, by which it
/// judges the requests that follow until the token expires.
pub(in crate::oauth) async fn answer(request: &TokenRequest<'_>) -> Result<Response, OAuthError> {
    let (app, form) = (request.app, request.form);
    let proof = Proof::read(form)?;
    let address = sessionless::client_address(form)?;
    let order = Order::read(request).await?;
    let (user, key) = judge(app, address, &proof).await?;
    let code = form.text("otp");
    let authentication = sign_in::after_password(app, address, &user, code).await?;
    order.sharing(key).give(request, &user, authentication).await
}

struct Proof<'a> {
    username: &'a str,
    realm: &'a str,
    answer: DigestAnswer<'a>,
}

impl<'a> Proof<'a> {
    fn read(form: &'a Form) -> Result<Self, OAuthError> {
        if form.require("qop")? != "auth" {
            return Err(OAuthError::InvalidRequest("the only qop is auth"));
        }
        Ok(Self {
            username: form.require("username")?,
            realm: form.require("realm")?,
            answer: DigestAnswer {
                method: form.require("method")?,
                uri: form.require("uri")?,
                nonce: form.require("nonce")?,
                count: form.require("nc")?,
                client_nonce: form.require("cnonce")?,
                response: form.require("response")?,
            },
        })
    }
}

/// The user who made an answer, and the key. Unknown, wrong, barred and without Digest are one
/// answer, given after the same work and slowed down like guesses at passwords.
async fn judge(
    app: &App,
    address: IpAddr,
    proof: &Proof<'_>,
) -> Result<(User, DigestKey), OAuthError> {
    let malformed = OAuthError::InvalidRequest("the user name is malformed");
    let username: Username = proof.username.parse().map_err(|_| malformed)?;
    let (user, sealed) = app.store.find_digest_key(&username).await?.unzip();
    let account = user.as_ref().map(|user| user.id.clone());
    let attempt = Attempt { address, account, username };
    let is_counted = sign_in::is_counted(app, address);
    if is_counted
        && let Admission::Wait(wait) = app.store.begin_attempt(&attempt, app.now()).await?
    {
        return Err(OAuthError::TooManyAttempts(wait));
    }
    let sealed = sealed.flatten().filter(|key| key.realm == proof.realm);
    let key = match (&user, &sealed) {
        (Some(user), Some(sealed)) => app.keyring.unseal_digest_key(&user.id, sealed)?,
        _ => DigestKey::of(proof.username, proof.realm, ""),
    };
    let made = key.made(&proof.answer) && sealed.is_some();
    match user.filter(|user| made && user.disabled_at.is_none()) {
        Some(user) => {
            let half = app.store.find_one_time_passwords(&user.id).await?.is_some();
            match (is_counted, half) {
                (false, _) => {}
                (true, true) => app.store.withdraw_attempt(&attempt).await?,
                (true, false) => app.store.forgive_attempt(&attempt, app.now()).await?,
            }
            Ok((user, key))
        }
        None => Err(OAuthError::InvalidGrant(None)),
    }
}
