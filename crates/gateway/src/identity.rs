//! Who asks, and how services behind are told: by headers that no client can smuggle in.

mod assertion;
mod signing_key;

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};
use menshen_token::{Scope, Timestamp};
use menshen_verifier::Verified;
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::config::Authentication;
use crate::vault::Fingerprint;

pub use assertion::Signer;
pub use signing_key::KeyError;

/// Whoever a request comes from, proved.
#[derive(Clone, Serialize, Deserialize)]
pub struct Identity {
    /// How it was proved.
    pub by: Authentication,
    /// `sub`.
    pub subject: String,
    /// `client_id`: the app that the token was issued to.
    pub client_id: String,
    /// `sid`; `None` when no session stands behind the request.
    pub session_id: Option<String>,
    /// `scope`.
    pub scope: Scope,
    /// `roles`.
    pub roles: Vec<String>,
    /// `acr`.
    pub acr: Option<String>,
    /// `auth_time`.
    pub authenticated_at: Option<Timestamp>,
    /// From when on all of this is worth nothing.
    pub expires_at: Timestamp,
    /// The access token as a JWT; `None` when the provider is not ours.
    pub access_token: Option<String>,
    /// The same token, checked: what tells later whether it has been revoked since.
    #[serde(skip)]
    pub verified: Option<Verified>,
    /// The session of a browser that the gateway keeps: what tells later that it has ended.
    #[serde(skip)]
    pub kept: Option<Fingerprint>,
}

impl fmt::Debug for Identity {
    /// Without the token, which gives access.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("by", &self.by)
            .field("subject", &self.subject)
            .field("session_id", &self.session_id)
            .finish_non_exhaustive()
    }
}

impl Identity {
    /// Reads what a checked token says.
    pub(crate) fn of_token(verified: &Verified, text: &str, by: Authentication) -> Self {
        let token = verified.token();
        Self {
            by,
            subject: token.subject.to_string(),
            client_id: token.client_id.to_string(),
            session_id: token.session_id.map(|id| id.to_string()),
            scope: token.scope.clone(),
            roles: token.roles.clone(),
            acr: token.acr.clone(),
            authenticated_at: token.auth_time,
            expires_at: token.expires_at,
            access_token: Some(text.to_owned()),
            verified: Some(verified.clone()),
            kept: None,
        }
    }
}

/// What the headers are called that tell services behind who asks. The client's own headers of
/// these names are removed, whichever way they are spelled.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HeaderNames {
    /// `sub`.
    #[serde(deserialize_with = "name")]
    pub subject: HeaderName,
    /// `client_id`.
    #[serde(deserialize_with = "name")]
    pub client: HeaderName,
    /// `sid`.
    #[serde(deserialize_with = "name")]
    pub session: HeaderName,
    /// `scope`, separated by spaces.
    #[serde(deserialize_with = "name")]
    pub scope: HeaderName,
    /// `roles`, separated by commas.
    #[serde(deserialize_with = "name")]
    pub roles: HeaderName,
    /// `acr`.
    #[serde(deserialize_with = "name")]
    pub acr: HeaderName,
    /// A number for the request, the same in every log on its way.
    #[serde(deserialize_with = "name")]
    pub request_id: HeaderName,
    /// All of it, as a JWT that the gateway signed.
    #[serde(deserialize_with = "name")]
    pub jwt: HeaderName,
}

impl Default for HeaderNames {
    fn default() -> Self {
        let name = HeaderName::from_static;
        Self {
            subject: name("x-auth-subject"),
            client: name("x-auth-client"),
            session: name("x-auth-session"),
            scope: name("x-auth-scope"),
            roles: name("x-auth-roles"),
            acr: name("x-auth-acr"),
            request_id: name("x-request-id"),
            jwt: name("x-auth-jwt"),
        }
    }
}

impl HeaderNames {
    /// Every one of them.
    pub fn all(&self) -> [&HeaderName; 8] {
        let Self { subject, client, session, scope, roles, acr, request_id, jwt } = self;
        [subject, client, session, scope, roles, acr, request_id, jwt]
    }

    /// Whether a client's header could be taken for one of ours by a service that, as CGI does
    /// (RFC 3875 section 4.1.18), tells neither case nor dash and underscore apart.
    pub fn claims(&self, found: &HeaderName) -> bool {
        self.all().into_iter().any(|ours| same(ours.as_str(), found.as_str()))
    }

    /// Takes out of a client's headers whatever could be taken for one of ours.
    pub fn strip(&self, headers: &mut HeaderMap) {
        let smuggled: Vec<HeaderName> =
            headers.keys().filter(|name| self.claims(name)).cloned().collect();
        for name in smuggled {
            headers.remove(name);
        }
    }

    /// The headers that tell who asks. Each is there, if only empty, so that a proxy which copies
    /// them by name overwrites what the client sent.
    pub fn telling(&self, identity: Option<&Identity>, request_id: &str) -> HeaderMap {
        let text = |value: Option<&str>| HeaderValue::from_str(value.unwrap_or_default()).ok();
        let roles = identity.map(|identity| identity.roles.join(","));
        let values = [
            (&self.subject, text(identity.map(|identity| identity.subject.as_str()))),
            (&self.client, text(identity.map(|identity| identity.client_id.as_str()))),
            (&self.session, text(identity.and_then(|identity| identity.session_id.as_deref()))),
            (&self.scope, text(identity.map(|identity| identity.scope.as_str()))),
            (&self.roles, text(roles.as_deref())),
            (&self.acr, text(identity.and_then(|identity| identity.acr.as_deref()))),
            (&self.request_id, text(Some(request_id))),
            (&self.jwt, None),
        ];
        let empty = HeaderValue::from_static("");
        values
            .into_iter()
            .map(|(name, value)| (name.clone(), value.unwrap_or(empty.clone())))
            .collect()
    }
}

fn same(ours: &str, found: &str) -> bool {
    let folded = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    ours.len() == found.len() && ours.bytes().map(folded).eq(found.bytes().map(folded))
}

fn name<'de, D: Deserializer<'de>>(from: D) -> Result<HeaderName, D::Error> {
    let text = String::deserialize(from)?;
    let name: HeaderName =
        text.parse().map_err(|_| de::Error::custom(format!("`{text}` is no name of a header")))?;
    let meaningful = ["authorization", "cookie", "host", "connection", "content-length"];
    if meaningful.contains(&name.as_str()) {
        return Err(de::Error::custom(format!("`{text}` has a meaning of its own")));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spelling_of_our_headers_gets_past() {
        let mut headers = HeaderMap::new();
        for name in
            ["X-Auth-Subject", "x_auth_subject", "X-Auth_Roles", "X-REQUEST-ID", "x-auth-other"]
        {
            let name: HeaderName = name.parse().expect("a name");
            headers.append(name.clone(), HeaderValue::from_static("root"));
            headers.append(name, HeaderValue::from_static("again"));
        }
        HeaderNames::default().strip(&mut headers);
        let left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["x-auth-other"]);
    }

    #[test]
    fn whoever_nobody_is_gets_every_header_empty() {
        let told = HeaderNames::default().telling(None, "r1");
        assert_eq!(told.len(), 8);
        assert_eq!(told["x-auth-subject"], "");
        assert_eq!(told["x-request-id"], "r1");
    }
}
