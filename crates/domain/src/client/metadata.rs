//! What a client says about itself when it is registered: the names of RFC 7591 and OpenID
//! Connect Dynamic Client Registration, letter by letter.

use std::fmt;

use menshen_token::Algorithm;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

/// What a client says about itself (RFC 7591 section 2, OpenID Connect Dynamic Client
/// Registration 1.0 section 2). Every member may be left out; one that we do not know is dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a member of its own in RFC 7591")]
pub struct ClientMetadata {
    /// Where codes may be sent; compared letter by letter.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub redirect_uris: Vec<String>,
    /// What it may ask for at the authorization endpoint; without any, `code`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub response_types: Vec<String>,
    /// What it may ask for at the token endpoint; without any, whatever its policy allows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grant_types: Vec<String>,
    /// How it authenticates. Without it: by its secret, sent in either way, or not at all when it
    /// has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_method: Option<AuthMethod>,
    /// What its assertions must be signed with; a name of RFC 7518.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_signing_alg: Option<String>,
    /// Its public keys, a JWK set; not together with `jwks_uri`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
    /// Where its public keys are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// `web` or `native`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application_type: Option<String>,
    /// Its home page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_uri: Option<String>,
    /// Its picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo_uri: Option<String>,
    /// What it does with data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_uri: Option<String>,
    /// Its terms of service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tos_uri: Option<String>,
    /// Whom to write to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
    /// Its software.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software_id: Option<String>,
    /// And the version of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software_version: Option<String>,
    /// How it knows users: the same `sub` as everybody, or one of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_type: Option<SubjectType>,
    /// A document whose host names the sector of pairwise subjects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sector_identifier_uri: Option<String>,
    /// What its ID tokens are signed with; without it RS256, or PS256 where a profile forbids that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token_signed_response_alg: Option<Algorithm>,
    /// What the answers of the userinfo endpoint are signed with; JSON without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub userinfo_signed_response_alg: Option<Algorithm>,
    /// What the answers of the introspection endpoint are signed with (RFC 9701 section 6).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub introspection_signed_response_alg: Option<Algorithm>,
    /// What its request objects must be signed with; any of ours without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_object_signing_alg: Option<Algorithm>,
    /// Where its request objects may be fetched from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub request_uris: Vec<String>,
    /// Whether it asks by signed request objects only (RFC 9101 section 10.5).
    #[serde(skip_serializing_if = "is_off")]
    pub require_signed_request_object: bool,
    /// Whether it asks by pushed requests only (RFC 9126 section 6).
    #[serde(skip_serializing_if = "is_off")]
    pub require_pushed_authorization_requests: bool,
    /// Whether its tokens are bound to a key (RFC 9449 section 5.2).
    #[serde(skip_serializing_if = "is_off")]
    pub dpop_bound_access_tokens: bool,
    /// How old a sign-in may be, in seconds, when the request does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_max_age: Option<u64>,
    /// Whether its ID tokens say when the user signed in; ours always do.
    #[serde(skip_serializing_if = "is_off")]
    pub require_auth_time: bool,
    /// What it asks for as `acr_values` when the request does not say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub default_acr_values: Vec<String>,
    /// Where others may begin a sign-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initiate_login_uri: Option<String>,
    /// Where a browser may be sent after a logout; compared letter by letter.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub post_logout_redirect_uris: Vec<String>,
    /// Where it is told that a session has ended (OpenID Connect Back-Channel Logout 1.0).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<String>,
    /// Whether it needs `sid` in that message; ours always carry it.
    #[serde(skip_serializing_if = "is_off")]
    pub backchannel_logout_session_required: bool,
    /// What the browser loads when a session has ended (OpenID Connect Front-Channel Logout 1.0).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontchannel_logout_uri: Option<String>,
    /// Whether it needs `iss` and `sid` there; ours always carry them.
    #[serde(skip_serializing_if = "is_off")]
    pub frontchannel_logout_session_required: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this shape")]
const fn is_off(switch: &bool) -> bool {
    !*switch
}

impl ClientMetadata {
    /// Whether this address is registered for codes: letter by letter, but for the port of a
    /// loopback address, which a native app cannot know before it runs (RFC 8252 section 7.3).
    pub fn allows_redirect_to(&self, uri: &str) -> bool {
        self.redirect_uris.iter().any(|known| known == uri || is_same_loopback(known, uri))
    }

    /// Whether one of the addresses registered for codes is on this site, written as browsers send
    /// it in `Origin` (RFC 6454 section 6.2).
    pub fn has_page_at(&self, origin: &str) -> bool {
        let on_site = |uri: &String| {
            Url::parse(uri).is_ok_and(|url| {
                url.origin().is_tuple() && url.origin().ascii_serialization() == origin
            })
        };
        self.redirect_uris.iter().any(on_site)
    }

    /// Whether it may ask for this at the authorization endpoint.
    pub fn allows_response_type(&self, response_type: &str) -> bool {
        match self.response_types.as_slice() {
            [] => response_type == "code",
            known => known.iter().any(|known| same_words(known, response_type)),
        }
    }

    /// Whether it may ask for this at the token endpoint.
    pub fn allows_grant_type(&self, grant_type: &str) -> bool {
        self.grant_types.is_empty() || self.lists_grant_type(grant_type)
    }

    /// Whether it names this grant type itself.
    pub fn lists_grant_type(&self, grant_type: &str) -> bool {
        self.grant_types.iter().any(|known| known == grant_type)
    }

    /// The members as JSON, in the spelling of RFC 7591.
    pub fn to_json(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(members)) => members,
            _ => Map::new(),
        }
    }
}

/// The same words in any order: `id_token code` is `code id_token`.
fn same_words(one: &str, other: &str) -> bool {
    let sorted = |text: &str| {
        let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        words.sort();
        words
    };
    sorted(one) == sorted(other)
}

/// Whether both are `http` on the same loopback literal, with the same path and query, and differ
/// in nothing but the port. `localhost` is a name, and names can be made to point elsewhere.
fn is_same_loopback(known: &str, asked: &str) -> bool {
    let split = |uri: &str| {
        let rest = uri.strip_prefix("http://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        let literal =
            ["127.0.0.1", "[::1]"].into_iter().find(|host| authority.starts_with(host))?;
        let port = &authority[literal.len()..];
        let digits = port.strip_prefix(':').unwrap_or("0");
        let is_port = (1..=5).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        (is_port && (port.is_empty() || port.starts_with(':'))).then(|| (literal, tail.to_owned()))
    };
    match (split(known), split(asked)) {
        (Some(known), Some(asked)) => known == asked && !known.1.contains('#'),
        _ => false,
    }
}

/// How a client authenticates (RFC 7591 section 2, OpenID Connect Core 1.0 section 9, RFC 8705
/// section 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// Not at all: a public client.
    None,
    /// By its secret, in the `Authorization` header.
    ClientSecretBasic,
    /// By its secret, in the body.
    ClientSecretPost,
    /// By an assertion under its secret.
    ClientSecretJwt,
    /// By an assertion under its private key.
    PrivateKeyJwt,
    /// By a certificate of its own making, which its JWK set knows.
    SelfSignedTlsClientAuth,
}

impl AuthMethod {
    /// Every method, in the order in which metadata lists them.
    pub const ALL: [Self; 6] = [
        Self::None,
        Self::ClientSecretBasic,
        Self::ClientSecretPost,
        Self::ClientSecretJwt,
        Self::PrivateKeyJwt,
        Self::SelfSignedTlsClientAuth,
    ];

    /// The name in metadata.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::ClientSecretJwt => "client_secret_jwt",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::SelfSignedTlsClientAuth => "self_signed_tls_client_auth",
        }
    }

    /// Whether it takes a secret that both sides know.
    pub const fn needs_secret(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost | Self::ClientSecretJwt)
    }
}

impl fmt::Display for AuthMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a client knows users (OpenID Connect Core 1.0 section 8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectType {
    /// By the `sub` that everybody sees.
    #[default]
    Public,
    /// By a `sub` that nobody outside its sector sees.
    Pairwise,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(redirect_uris: &[&str]) -> ClientMetadata {
        let redirect_uris = redirect_uris.iter().map(ToString::to_string).collect();
        ClientMetadata { redirect_uris, ..ClientMetadata::default() }
    }

    #[test]
    fn redirect_uris_are_compared_letter_by_letter() {
        let client = client(&["https://app.example/cb?a=b"]);
        assert!(client.allows_redirect_to("https://app.example/cb?a=b"));
        for trick in [
            "https://app.example/cb",
            "https://app.example/cb?a=b&c=d",
            "https://app.example/cb?a=b#x",
            "https://app.example/CB?a=b",
            "https://app.example:443/cb?a=b",
            "https://app.example/cb/?a=b",
            "https://app.example/x/../cb?a=b",
            "https://app.example/%63b?a=b",
            "https://app.example@evil.example/cb?a=b",
            "https://app.example.evil.example/cb?a=b",
            "HTTPS://app.example/cb?a=b",
            " https://app.example/cb?a=b",
            "https://app.example/cb?a=b\0",
        ] {
            assert!(!client.allows_redirect_to(trick), "{trick}");
        }
    }

    #[test]
    fn only_the_port_of_a_loopback_literal_is_free() {
        let client = client(&["http://127.0.0.1/cb", "http://[::1]:1/cb", "http://localhost/cb"]);
        assert!(client.allows_redirect_to("http://127.0.0.1:51004/cb"));
        assert!(client.allows_redirect_to("http://[::1]:51004/cb"));
        for trick in [
            "http://localhost:51004/cb",
            "https://127.0.0.1:51004/cb",
            "http://127.0.0.1:51004/other",
            "http://127.0.0.1:51004/cb?x",
            "http://127.0.0.1:51004/cb#x",
            "http://127.0.0.1.evil.example/cb",
            "http://127.0.0.1:51004@evil.example/cb",
            "http://127.0.0.1:x/cb",
            "http://127.0.0.2:51004/cb",
            "http://0x7f.1:51004/cb",
        ] {
            assert!(!client.allows_redirect_to(trick), "{trick}");
        }
    }

    #[test]
    fn response_types_are_sets_of_words() {
        let mut client = client(&[]);
        assert!(client.allows_response_type("code") && !client.allows_response_type("id_token"));
        client.response_types = vec!["code id_token".to_owned()];
        assert!(client.allows_response_type("id_token code"));
        assert!(!client.allows_response_type("code"));
    }
}
