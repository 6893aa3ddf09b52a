//! Documents that a provider signs for its client: ID tokens and logout tokens, read strictly.

use std::time::Duration;

use menshen_token::jws::Compact;
use menshen_token::{Algorithm, Claims, Flaw, Timestamp};
use serde_json::Value;

use super::{LoginProvider, ProviderError};
use crate::gateway::Gateway;
use crate::vault::LoggedOut;

const LIMIT_BYTES: usize = 16 * 1024;

/// How old a logout token may be, and how long its `jti` is remembered.
pub(crate) const LOGOUT_TOKEN_LIFETIME: Duration = Duration::from_mins(5);

/// Another clock may run so much ahead of ours, or behind it.
const LEEWAY: Duration = Duration::from_secs(30);

const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// What an ID token must answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    pub(crate) nonce: Option<&'a str>,
    pub(crate) max_age: Option<Duration>,
}

/// Who an ID token is about.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) subject: String,
    pub(crate) session_id: Option<String>,
    pub(crate) roles: Vec<String>,
    pub(crate) acr: Option<String>,
    pub(crate) authenticated_at: Option<Timestamp>,
}

impl LoginProvider {
    /// Checks an ID token (OpenID Connect Core 1.0 section 3.1.3.7).
    pub(super) async fn read_id_token(
        &self,
        gateway: &Gateway,
        text: &str,
        expected: &Expected<'_>,
    ) -> Result<Person, ProviderError> {
        let claims = self.signed(gateway, text, &["JWT"]).await?;
        self.judge_id_token(&claims, expected, gateway.now()).map_err(ProviderError::Untrue)
    }

    /// Checks a logout token (OpenID Connect Back-Channel Logout 1.0 section 2.6); what ended, and
    /// its `jti`.
    pub(crate) async fn read_logout_token(
        &self,
        gateway: &Gateway,
        text: &str,
    ) -> Result<(LoggedOut, String), ProviderError> {
        // Its type is a recommendation; what it must be told apart from has no such event.
        let claims = self.signed(gateway, text, &["logout+jwt", "JWT"]).await?;
        self.judge_logout_token(&claims, gateway.now()).map_err(ProviderError::Untrue)
    }

    /// Checks the signature.
    async fn signed(
        &self,
        gateway: &Gateway,
        text: &str,
        types: &[&str],
    ) -> Result<Claims, ProviderError> {
        let token = Compact::parse(text, LIMIT_BYTES).map_err(untrue)?;
        let header = &token.header;
        if header.token_type.is_some() && !types.iter().any(|expected| header.is_type(expected)) {
            return Err(untrue(Flaw::WrongType));
        }
        let known = self.known(gateway).await?;
        match known.keys.verify(&token, &Algorithm::ALL) {
            // It may have begun to sign with another key.
            Err(Flaw::UnknownKey | Flaw::BadSignature) => {
                let known = self.directory.known_anew(self, gateway.monotonic()).await?;
                known.keys.verify(&token, &Algorithm::ALL).map_err(untrue)?;
            }
            verdict => verdict.map_err(untrue)?,
        }
        Claims::parse(&token.payload).map_err(untrue)
    }

    fn judge_id_token(
        &self,
        claims: &Claims,
        expected: &Expected<'_>,
        now: Timestamp,
    ) -> Result<Person, &'static str> {
        let malformed = |_| "a claim is malformed";
        self.is_for_us(claims)?;
        claims.judge_time(now).map_err(|_| "the ID token is out of time")?;
        let (issued_at, expires_at) = (claims.instant("iat"), claims.instant("exp"));
        if !matches!((issued_at, expires_at), (Ok(Some(_)), Ok(Some(_)))) {
            return Err("the ID token does not say its time");
        }
        if claims.text("nonce").map_err(malformed)? != expected.nonce {
            return Err("the ID token answers another login");
        }
        let authenticated_at = claims.instant("auth_time").map_err(malformed)?;
        if let Some(max_age) = expected.max_age
            && authenticated_at.is_none_or(|at| at + max_age + LEEWAY < now)
        {
            return Err("the user signed in too long ago");
        }
        let subject = claims.text("sub").map_err(malformed)?.filter(|sub| !sub.is_empty());
        let roles = claims.find("roles").and_then(Value::as_array);
        let role = |role: &Value| role.as_str().map(str::to_owned);
        Ok(Person {
            subject: subject.ok_or("the ID token names nobody")?.to_owned(),
            session_id: claims.text("sid").map_err(malformed)?.map(str::to_owned),
            roles: roles.map(|all| all.iter().filter_map(role).collect()).unwrap_or_default(),
            acr: claims.text("acr").map_err(malformed)?.map(str::to_owned),
            authenticated_at,
        })
    }

    fn judge_logout_token(
        &self,
        claims: &Claims,
        now: Timestamp,
    ) -> Result<(LoggedOut, String), &'static str> {
        let malformed = |_| "a claim is malformed";
        self.is_for_us(claims)?;
        let issued_at = claims.instant("iat").map_err(malformed)?.ok_or("it has no iat")?;
        if issued_at > now + LEEWAY || issued_at + LOGOUT_TOKEN_LIFETIME < now {
            return Err("it was not made just now");
        }
        // Optional in the first drafts of the specification, and left out by some until today.
        if claims.instant("exp").map_err(malformed)?.is_some_and(|at| at + LEEWAY < now) {
            return Err("it has expired");
        }
        if claims.find("nonce").is_some() {
            return Err("it has a nonce, and so is an ID token");
        }
        let event = claims.find("events").and_then(|events| events.get(LOGOUT_EVENT));
        if !event.is_some_and(Value::is_object) {
            return Err("it is about no logout");
        }
        let text = |name| claims.text(name).map_err(malformed);
        let (subject, session_id) = (text("sub")?, text("sid")?);
        if subject.is_none() && session_id.is_none() {
            return Err("it names neither a user nor a session");
        }
        let jti = text("jti")?.filter(|jti| !jti.is_empty()).ok_or("it has no jti")?;
        let ended = LoggedOut {
            issuer: self.issuer.clone(),
            subject: subject.map(str::to_owned),
            session_id: session_id.map(str::to_owned),
        };
        Ok((ended, format!("{} {jti}", self.issuer)))
    }

    /// Whether this provider made it for this client.
    fn is_for_us(&self, claims: &Claims) -> Result<(), &'static str> {
        let malformed = |_| "a claim is malformed";
        if claims.text("iss").map_err(malformed)? != Some(&self.issuer) {
            return Err("it was made by somebody else");
        }
        let audience = claims.audience().map_err(malformed)?;
        if !audience.contains(&self.client_id.as_str()) {
            return Err("it is meant for another client");
        }
        let party = claims.text("azp").map_err(malformed)?;
        if party.is_some_and(|party| party != self.client_id)
            || (party.is_none() && audience.len() > 1)
        {
            return Err("it is meant for other clients as well");
        }
        Ok(())
    }
}

fn untrue(flaw: Flaw) -> ProviderError {
    ProviderError::Untrue(match flaw {
        Flaw::WrongType => "it is of another type",
        Flaw::UnknownKey | Flaw::BadSignature | Flaw::UnsupportedAlgorithm => {
            "its signature does not fit"
        }
        _ => "it is malformed",
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::browser::provider::metadata::Directory;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn provider() -> LoginProvider {
        LoginProvider {
            name: "elsewhere".to_owned(),
            login: Some("elsewhere".to_owned()),
            issuer: "https://id.example".to_owned(),
            client_id: "edge".to_owned(),
            is_ours: false,
            after_logout: None,
            secret: None,
            scope: "openid".to_owned(),
            http: reqwest::Client::new(),
            directory: Directory::new(false),
        }
    }

    /// The claims of a token that holds, with some of them others; `null` takes one out.
    fn claims(sound: &Value, change: &Value) -> Claims {
        let mut members = sound.as_object().expect("an object").clone();
        for (name, value) in change.as_object().expect("an object") {
            if value.is_null() {
                members.remove(name);
            } else {
                members.insert(name.clone(), value.clone());
            }
        }
        Claims::parse(Value::Object(members).to_string().as_bytes()).expect("claims")
    }

    fn id_token(change: &Value) -> Result<Person, &'static str> {
        let sound = json!({
            "iss": "https://id.example", "aud": "edge", "sub": "ada", "sid": "s1", "nonce": "n",
            "iat": 1_800_000_000, "exp": 1_800_000_060, "auth_time": 1_799_999_990,
            "acr": "gold", "roles": ["staff", 7],
        });
        let expected = Expected { nonce: Some("n"), max_age: Some(Duration::from_mins(1)) };
        provider().judge_id_token(&claims(&sound, change), &expected, NOW)
    }

    fn logout_token(change: &Value) -> Result<(LoggedOut, String), &'static str> {
        let sound = json!({
            "iss": "https://id.example", "aud": ["edge"], "sub": "ada", "sid": "s1", "jti": "j1",
            "iat": 1_800_000_000, "exp": 1_800_000_060, "events": { LOGOUT_EVENT: {} },
        });
        provider().judge_logout_token(&claims(&sound, change), NOW)
    }

    #[test]
    fn an_id_token_tells_who_signed_in() {
        let person = id_token(&json!({})).expect("it holds");
        assert_eq!((person.subject.as_str(), person.session_id.as_deref()), ("ada", Some("s1")));
        assert_eq!((person.roles, person.acr.as_deref()), (vec!["staff".to_owned()], Some("gold")));
        assert!(id_token(&json!({ "aud": ["other", "edge"], "azp": "edge" })).is_ok());
        assert!(id_token(&json!({ "sid": null, "acr": null, "roles": null })).is_ok());
    }

    #[test]
    fn an_id_token_that_is_anything_else_is_refused() {
        for change in [
            json!({ "iss": "https://id.example/" }),
            json!({ "iss": null }),
            json!({ "aud": "other" }),
            json!({ "aud": null }),
            json!({ "aud": ["other", "edge"] }),
            json!({ "azp": "other" }),
            json!({ "nonce": "m" }),
            json!({ "nonce": null }),
            json!({ "exp": 1_800_000_000 }),
            json!({ "exp": null }),
            json!({ "iat": 1_800_000_600 }),
            json!({ "iat": null }),
            json!({ "auth_time": 1_799_999_000 }),
            json!({ "auth_time": null }),
            json!({ "sub": null }),
            json!({ "sub": "" }),
            json!({ "sub": 7 }),
        ] {
            assert!(id_token(&change).is_err(), "{change}");
        }
    }

    #[test]
    fn a_logout_token_tells_what_ended() {
        let (ended, jti) = logout_token(&json!({})).expect("it holds");
        assert_eq!(
            (ended.subject.as_deref(), ended.session_id.as_deref()),
            (Some("ada"), Some("s1"))
        );
        assert_eq!(jti, "https://id.example j1");
        for change in [json!({ "sub": null }), json!({ "sid": null }), json!({ "exp": null })] {
            assert!(logout_token(&change).is_ok(), "{change}");
        }
    }

    #[test]
    fn a_logout_token_that_is_anything_else_is_refused() {
        for change in [
            json!({ "iss": "https://evil.example" }),
            json!({ "aud": "other" }),
            json!({ "nonce": "n" }),
            json!({ "events": null }),
            json!({ "events": {} }),
            json!({ "events": { LOGOUT_EVENT: true } }),
            json!({ "sub": null, "sid": null }),
            json!({ "jti": null }),
            json!({ "iat": null }),
            json!({ "iat": 1_799_999_000 }),
            json!({ "iat": 1_800_000_600 }),
            json!({ "exp": 1_799_999_900 }),
        ] {
            assert!(logout_token(&change).is_err(), "{change}");
        }
    }
}
