//! The claims of an access token (RFC 9068), parsed strictly and written back.

use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use crate::strict_json::{StrictValue, Text, insert_once, set_once};
use crate::{ClientId, Flaw, GrantId, Jti, KeyId, Scope, SessionId, Thumbprint, Timestamp, UserId};

/// The media type in the header of an access token (RFC 9068 section 2.1).
pub const TOKEN_TYPE: &str = "at+jwt";

/// What an access token says (RFC 9068 section 2.2), and which key said it.
#[derive(Clone, Debug, PartialEq)]
pub struct AccessToken {
    /// `kid` of the key that signed it, from the header.
    pub key_id: KeyId,
    /// `iss`.
    pub issuer: String,
    /// `sub`.
    pub subject: UserId,
    /// `aud`, never empty.
    pub audience: Vec<String>,
    /// `exp`, whole seconds: from this instant on it is dead.
    pub expires_at: Timestamp,
    /// `iat_ms`: to the millisecond, so that "issued before" is exact.
    pub issued_at: Timestamp,
    /// `nbf`, when given.
    pub not_before: Option<Timestamp>,
    /// `jti`.
    pub jti: Jti,
    /// `client_id`.
    pub client_id: ClientId,
    /// `sid`; a token that no user stands behind has none.
    pub session_id: Option<SessionId>,
    /// `grant`; likewise.
    pub grant_id: Option<GrantId>,
    /// `scope`.
    pub scope: Scope,
    /// `auth_time`: when the user last proved who they are.
    pub auth_time: Option<Timestamp>,
    /// `acr`.
    pub acr: Option<String>,
    /// `amr` (RFC 8176).
    pub amr: Vec<String>,
    /// `roles` (RFC 9068 section 2.2.3.1).
    pub roles: Vec<String>,
    /// `cnf.jkt`: the key that must prove possession (RFC 9449 section 6.1).
    pub confirmation: Option<Thumbprint>,
    /// `act`: who acts for the subject, and in it whom they act for (RFC 8693 section 4.1).
    pub actor: Option<Map<String, Value>>,
    /// Every other claim.
    pub custom: Map<String, Value>,
}

impl AccessToken {
    /// The claims that custom ones can never stand in for.
    pub const RESERVED_CLAIMS: &'static [&'static str] = &[
        "iss",
        "sub",
        "aud",
        "exp",
        "iat",
        "iat_ms",
        "nbf",
        "jti",
        "client_id",
        "sid",
        "grant",
        "scope",
        "auth_time",
        "acr",
        "amr",
        "roles",
        "cnf",
        "act",
        "may_act",
        "events",
        "azp",
        "nonce",
        "at_hash",
        "c_hash",
        "token_use",
        "token_type",
        "active",
    ];

    /// Reads the claims.
    ///
    /// # Errors
    ///
    /// [`Flaw::MissingClaim`] for a required claim that is not there, [`Flaw::Malformed`] for
    /// everything else: not strict JSON, a duplicate member, a claim of the wrong type, an
    /// issue time that disagrees with itself, a confirmation we cannot check.
    pub fn from_payload(key_id: KeyId, payload: &[u8]) -> Result<Self, Flaw> {
        let claims: Claims = serde_json::from_slice(payload).map_err(|_| Flaw::Malformed)?;
        let issued_at = match (claims.iat.ok_or(Flaw::MissingClaim("iat"))?, claims.iat_ms) {
            (iat, None) => Timestamp::from_seconds(iat),
            (iat, Some(millis)) => {
                let exact = Timestamp::from_millis(millis);
                if exact.as_seconds() != iat {
                    return Err(Flaw::Malformed);
                }
                exact
            }
        };
        let audience = claims.aud.ok_or(Flaw::MissingClaim("aud"))?.0;
        if audience.is_empty() {
            return Err(Flaw::MissingClaim("aud"));
        }
        Ok(Self {
            key_id,
            issuer: claims.iss.ok_or(Flaw::MissingClaim("iss"))?,
            subject: claims.sub.ok_or(Flaw::MissingClaim("sub"))?,
            audience,
            expires_at: claims.exp.map(Timestamp::from_seconds).ok_or(Flaw::MissingClaim("exp"))?,
            issued_at,
            not_before: claims.nbf.map(Timestamp::from_seconds),
            jti: claims.jti.ok_or(Flaw::MissingClaim("jti"))?,
            client_id: claims.client_id.ok_or(Flaw::MissingClaim("client_id"))?,
            session_id: claims.sid,
            grant_id: claims.grant,
            scope: claims.scope.unwrap_or_default(),
            auth_time: claims.auth_time.map(Timestamp::from_seconds),
            acr: claims.acr,
            amr: claims.amr.unwrap_or_default(),
            roles: claims.roles.unwrap_or_default(),
            confirmation: claims.cnf.map(confirmation).transpose()?,
            actor: claims.act.map(actor).transpose()?,
            custom: claims.custom,
        })
    }

    /// Writes the claims as a JWT payload. Custom claims with a reserved name are left out.
    pub fn to_payload(&self) -> Vec<u8> {
        let mut claims = self.custom.clone();
        claims.retain(|name, _| !Self::RESERVED_CLAIMS.contains(&name.as_str()));
        let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        set("iss", self.issuer.as_str().into());
        set("sub", self.subject.as_str().into());
        match self.audience.as_slice() {
            [one] => set("aud", one.as_str().into()),
            many => set("aud", many.into()),
        };
        set("exp", self.expires_at.as_seconds().into());
        set("iat", self.issued_at.as_seconds().into());
        set("iat_ms", self.issued_at.as_millis().into());
        set("jti", self.jti.to_string().into());
        set("client_id", self.client_id.as_str().into());
        set("scope", self.scope.as_str().into());
        let mut set_some = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                claims.insert(name.to_owned(), value);
            }
        };
        let list = |values: &[String]| (!values.is_empty()).then(|| Value::from(values));
        set_some("nbf", self.not_before.map(|at| at.as_seconds().into()));
        set_some("sid", self.session_id.map(|id| id.to_string().into()));
        set_some("grant", self.grant_id.map(|id| id.to_string().into()));
        set_some("auth_time", self.auth_time.map(|at| at.as_seconds().into()));
        set_some("acr", self.acr.as_deref().map(Value::from));
        set_some("amr", list(&self.amr));
        set_some("roles", list(&self.roles));
        set_some("cnf", self.confirmation.as_ref().map(|jkt| json!({ "jkt": jkt })));
        set_some("act", self.actor.clone().map(Value::Object));
        serde_json::to_vec(&claims).expect("a JSON map always serializes")
    }
}

/// A key confirmation other than `jkt` binds the token in a way that we cannot check, so that
/// accepting the token as a bearer token would undo the binding.
fn confirmation(cnf: Value) -> Result<Thumbprint, Flaw> {
    match cnf {
        Value::Object(members) if members.len() == 1 => members
            .get("jkt")
            .and_then(Value::as_str)
            .and_then(|jkt| jkt.parse().ok())
            .ok_or(Flaw::Malformed),
        _ => Err(Flaw::Malformed),
    }
}

/// Whoever acts has a name; what else is said of them is theirs who care.
fn actor(act: Value) -> Result<Map<String, Value>, Flaw> {
    match act {
        Value::Object(members) if members.get("sub").is_some_and(Value::is_string) => Ok(members),
        _ => Err(Flaw::Malformed),
    }
}

#[derive(Default)]
struct Claims {
    iss: Option<String>,
    sub: Option<UserId>,
    aud: Option<Audience>,
    exp: Option<i64>,
    iat: Option<i64>,
    iat_ms: Option<i64>,
    nbf: Option<i64>,
    jti: Option<Jti>,
    client_id: Option<ClientId>,
    sid: Option<SessionId>,
    grant: Option<GrantId>,
    scope: Option<Scope>,
    auth_time: Option<i64>,
    acr: Option<String>,
    amr: Option<Vec<String>>,
    roles: Option<Vec<String>>,
    cnf: Option<Value>,
    act: Option<Value>,
    custom: Map<String, Value>,
}

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ClaimsVisitor)
    }
}

struct ClaimsVisitor;

impl<'de> Visitor<'de> for ClaimsVisitor {
    type Value = Claims;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the claims of an access token")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Claims, A::Error> {
        let mut claims = Claims::default();
        while let Some(Text(name)) = members.next_key()? {
            match &*name {
                "iss" => set_once(&mut claims.iss, members.next_value()?)?,
                "sub" => set_once(&mut claims.sub, members.next_value()?)?,
                "aud" => set_once(&mut claims.aud, members.next_value()?)?,
                "exp" => set_once(&mut claims.exp, members.next_value()?)?,
                "iat" => set_once(&mut claims.iat, members.next_value()?)?,
                "iat_ms" => set_once(&mut claims.iat_ms, members.next_value()?)?,
                "nbf" => set_once(&mut claims.nbf, members.next_value()?)?,
                "jti" => set_once(&mut claims.jti, members.next_value()?)?,
                "client_id" => set_once(&mut claims.client_id, members.next_value()?)?,
                "sid" => set_once(&mut claims.sid, members.next_value()?)?,
                "grant" => set_once(&mut claims.grant, members.next_value()?)?,
                "scope" => set_once(&mut claims.scope, members.next_value()?)?,
                "auth_time" => set_once(&mut claims.auth_time, members.next_value()?)?,
                "acr" => set_once(&mut claims.acr, members.next_value()?)?,
                "amr" => set_once(&mut claims.amr, members.next_value()?)?,
                "roles" => set_once(&mut claims.roles, members.next_value()?)?,
                "cnf" => set_once(&mut claims.cnf, members.next_value_seed(StrictValue)?)?,
                "act" => set_once(&mut claims.act, members.next_value_seed(StrictValue)?)?,
                _ => {
                    let value = members.next_value_seed(StrictValue)?;
                    insert_once(&mut claims.custom, name.into_owned(), value)?;
                }
            }
        }
        Ok(claims)
    }
}

/// One audience or a list of them (RFC 7519 section 4.1.3).
struct Audience(Vec<String>);

impl<'de> Deserialize<'de> for Audience {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_any(StrictValue)? {
            Value::String(one) => Ok(Self(vec![one])),
            Value::Array(many) => many
                .into_iter()
                .map(|value| match value {
                    Value::String(one) => Ok(one),
                    _ => Err(de::Error::custom("audience is not a string")),
                })
                .collect::<Result<_, _>>()
                .map(Self),
            _ => Err(de::Error::custom("audience is neither string nor list")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(act: &str) -> Result<AccessToken, Flaw> {
        let payload = format!(
            r#"{{"iss":"i","sub":"s","aud":"a","exp":2,"iat":1,"jti":"{}","client_id":"c"{act}}}"#,
            Jti::from_bytes([7; 16])
        );
        AccessToken::from_payload("key".parse().expect("valid"), payload.as_bytes())
    }

    #[test]
    fn whoever_acts_is_read_and_written_back() {
        let token = read(r#","act":{"sub":"b","act":{"sub":"c"}}"#).expect("sound");
        assert_eq!(token.actor.as_ref().expect("there")["act"]["sub"], "c");
        let again = AccessToken::from_payload(token.key_id.clone(), &token.to_payload());
        assert_eq!(again, Ok(token));
        assert_eq!(read("").expect("sound").actor, None);
        for bad in [r#","act":"b""#, r#","act":{}"#, r#","act":{"sub":1}"#, r#","act":null"#] {
            assert_eq!(read(bad), Err(Flaw::Malformed), "{bad}");
        }
        let twice = read(r#","act":{"sub":"b"},"act":{"sub":"c"}"#);
        assert_eq!(twice, Err(Flaw::Malformed));
    }
}
